#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that the arrows between modules point one way (DESIGN, "The house").

Usage: scripts/check_deps.py [ROOT]     prints every include that is not allowed; exit 1 if there is one
"""

import pathlib
import re
import sys

# Module -> modules whose headers it may include. A module may always include itself.
PURE = {"dataplane/net"}
ALLOWED = {
    "dataplane/yaml": set(),
    "dataplane/rpc": set(),
    "dataplane/log": set(),
    "dataplane/metrics": set(),
    "dataplane/net": set(),
    "dataplane/maglev": PURE,
    "dataplane/flow": PURE,
    "dataplane/table": PURE | {"dataplane/maglev"},
    "dataplane/pipeline": PURE | {"dataplane/flow", "dataplane/table"},
    "dataplane/runtime": PURE | {"dataplane/flow", "dataplane/table", "dataplane/pipeline"},
    "dataplane/bpf": set(),
    "dataplane/port": PURE | {"dataplane/table", "dataplane/runtime", "dataplane/bpf"},
    "dataplane/daemon": PURE
    | {
        "dataplane/yaml",
        "dataplane/rpc",
        "dataplane/log",
        "dataplane/metrics",
        "dataplane/flow",
        "dataplane/table",
        "dataplane/pipeline",
        "dataplane/runtime",
        "dataplane/port",
    },
    "dataplane/backend": PURE | {"dataplane/bpf"},
    "controlplane/policy": PURE | {"dataplane/yaml", "dataplane/maglev"},
    "controlplane/planner": PURE | {"dataplane/maglev", "dataplane/table", "controlplane/policy"},
    "controlplane/store": set(),
    "controlplane/fleet": PURE | {"dataplane/rpc", "dataplane/table", "controlplane/audit"},
    "controlplane/audit": PURE | {"dataplane/table", "controlplane/store"},
    "controlplane/rollout": {"dataplane/yaml"},
    "controlplane/detect": set(),
    "controlplane/service": PURE
    | {
        "dataplane/yaml",
        "dataplane/rpc",
        "dataplane/table",
        "controlplane/policy",
        "controlplane/planner",
        "controlplane/store",
        "controlplane/fleet",
        "controlplane/audit",
        "controlplane/rollout",
        "controlplane/detect",
    },
    "controlplane/console": {"dataplane/metrics", "controlplane/detect"},
    "controlplane/daemon": {
        "dataplane/yaml",
        "dataplane/rpc",
        "dataplane/log",
        "dataplane/metrics",
        "controlplane/console",
        "controlplane/policy",
        "controlplane/store",
        "controlplane/fleet",
        "controlplane/audit",
        "controlplane/rollout",
        "controlplane/service",
    },
    "controlplane/cli": PURE
    | {
        "controlplane/audit",
        "dataplane/rpc",
        "dataplane/yaml",
        "dataplane/table",
        "controlplane/policy",
        "controlplane/planner",
    },
}

# Libraries that only some modules may include, by a pattern of the include.
DPDK = re.compile(r"^rte_")
GRPC = re.compile(r"^(grpcpp/|grpc/)|\.grpc\.pb\.h$")
PROTOBUF = re.compile(r"^google/protobuf/|\.pb\.h$")
DPDK_MODULES = {"dataplane/pipeline", "dataplane/runtime", "dataplane/port"}
PIPELINE_DPDK = {"rte_mbuf.h", "rte_mempool.h", "rte_prefetch.h"}
GRPC_MODULES = {
    "dataplane/rpc",
    "dataplane/log",
    "dataplane/daemon",
    "controlplane/fleet",
    "controlplane/service",
    "controlplane/daemon",
    "controlplane/cli",
}
PROTOBUF_FREE = {
    "dataplane/net",
    "dataplane/maglev",
    "dataplane/flow",
    "dataplane/pipeline",
    "dataplane/runtime",
    "dataplane/port",
    "dataplane/backend",
    "controlplane/detect",
}
# In the table module only translation and explanation know the wire format.
TABLE_PROTOBUF_FILES = re.compile(r"(from_proto|digest|delta|explain|build)[a-z_]*\.(h|cc)$")

INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]')


def module_of(path: str) -> str:
    return "/".join(path.split("/")[:2])


def violations_of(path: str, text: str) -> list[str]:
    """Every forbidden include of one file, as "path:line: why"."""
    module = module_of(path)
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            why = refusal(module, path, match.group(1))
            if why:
                found.append(f"{path}:{number}: {why}")
    return found


def refusal(module: str, path: str, include: str) -> str | None:
    if include.startswith(("dataplane/", "controlplane/")):
        target = module_of(include)
        if target != module and target not in ALLOWED.get(module, set()):
            return f"{module} may not use {target} ({include})"
    if DPDK.match(include):
        if module not in DPDK_MODULES and path != "dataplane/daemon/lcores.cc":
            return f"{module} may not use DPDK ({include})"
        if module == "dataplane/pipeline" and include not in PIPELINE_DPDK:
            return f"the pipeline uses mbufs and nothing else of DPDK ({include})"
    if GRPC.search(include) and module not in GRPC_MODULES:
        return f"{module} may not use gRPC ({include})"
    if PROTOBUF.search(include):
        if module in PROTOBUF_FREE:
            return f"{module} may not use protobuf ({include})"
        if module == "dataplane/table" and not TABLE_PROTOBUF_FILES.search(path):
            return f"only translation files of dataplane/table know the wire format ({include})"
    return None


def main() -> int:
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    found = []
    for plane in ("dataplane", "controlplane"):
        for file in sorted((root / plane).rglob("*")):
            if file.suffix not in (".h", ".cc"):
                continue
            path = str(file.relative_to(root))
            if module_of(path) not in ALLOWED:
                found.append(
                    f"{path}:1: {module_of(path)} is not in the house (see scripts/check_deps.py)"
                )
            else:
                found += violations_of(path, file.read_text())
    print("\n".join(found) if found else "check_deps: every arrow points the right way")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
