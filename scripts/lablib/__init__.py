# SPDX-License-Identifier: Apache-2.0
#
# The laboratory: clients, one edge node and model servers in network namespaces of this machine.
