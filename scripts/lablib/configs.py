# SPDX-License-Identifier: Apache-2.0
#
# Writes the configuration files of a lab's daemons: the examples of docs/examples with other paths.
from __future__ import annotations

import json
import os
import pathlib
import re

from lablib import layout
from lablib.places import EXAMPLES, Places
from lablib.shell import LabError

DOWNLOAD_BYTES = 50 * 1000 * 1000
# Lists of bytes and of packets that fit the memory asked for below.
_BUFFERS = 32768
_MEMORY_MB = 1024


def set_value(text: str, key: str, value: str) -> str:
    """Replaces the value of the one line `key: …`, keeping its comment."""
    pattern = re.compile(rf"^(\s*){re.escape(key)}:[^#\n]*", re.MULTILINE)
    changed, count = pattern.subn(lambda match: f"{match[1]}{key}: {value} ", text)
    if count != 1:
        raise LabError(f"the example configuration has {count} lines with {key}:, expected one")
    return changed


def _move_paths(text: str, places: Places) -> str:
    for standard, folder in (
        ("/run/sluice", "run"),
        ("/var/lib/sluice", "lib"),
        ("/etc/sluice", "etc"),
    ):
        text = text.replace(standard, str(places.state / folder))
    return text


def usable_hugepage_bytes(meminfo: str, mounts: str) -> int:
    """What is free in hugepages by /proc/meminfo, if /proc/mounts names where to take them from."""
    if not any(line.split()[2] == "hugetlbfs" for line in mounts.splitlines()):
        return 0
    fields = {line.split(":")[0]: int(line.split()[1]) for line in meminfo.splitlines()}
    return fields.get("HugePages_Free", 0) * fields.get("Hugepagesize", 0) * 1024


def _has_hugepages() -> bool:
    proc = pathlib.Path("/proc")
    usable = usable_hugepage_bytes((proc / "meminfo").read_text(), (proc / "mounts").read_text())
    return usable >= _MEMORY_MB * 1024 * 1024


def eal_arguments(lab: str) -> list[str]:
    """The main lcore and one worker; on one processor both share it."""
    lcores = "0@0,1@1" if (os.cpu_count() or 1) > 1 else "0@0,1@0"
    arguments = [
        "--no-pci",
        f"--lcores={lcores}",
        f"--file-prefix=sluice-{lab}-{layout.EDGE.name}",
        f"--vdev=net_af_xdp0,iface={layout.EDGE.interface}",
        "-m",
        str(_MEMORY_MB),
    ]
    if not _has_hugepages():
        arguments.append("--no-huge")
    return arguments


def dataplane_config(places: Places) -> str:
    text = _move_paths((EXAMPLES / "dataplane.yaml").read_text(), places)
    text = set_value(text, "eal", json.dumps(eal_arguments(places.lab)))
    text = set_value(text, "mtu", str(layout.UNDERLAY_MTU))
    return set_value(text, "buffers", str(_BUFFERS))


def controller_config(places: Places) -> str:
    text = (EXAMPLES / "controller.yaml").read_text()
    # Nobody who tries it out waits a minute for a segment.
    text = text.replace("checkpoint_interval: 5s", "checkpoint_interval: 1s, segment_interval: 2s")
    return _move_paths(text, places)


def nginx_config(places: Places, server: layout.Server) -> str:
    """A model server: says who it is, whether it is well, sends large files, keeps what it is sent.

    An upload goes through a second server on a socket, because only a proxied body is read
    and kept; X-Stored names the file that holds it.
    """
    own = places.state / server.name
    answer = json.dumps(
        {
            "model": server.model,
            "version": server.version,
            "server": server.name,
            "client": "$remote_addr",
            "port": "$remote_port",
        }
    )
    temporary = "\n".join(
        f"  {kind}_temp_path {own}/{kind};" for kind in ("fastcgi", "uwsgi", "scgi", "proxy")
    )
    return f"""daemon off;
user root;
worker_processes 1;
pid {own}/nginx.pid;
error_log {places.log('nginx-' + server.name)} warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  default_type application/json;
  client_max_body_size 1g;
  client_body_temp_path {own}/uploads;
{temporary}
  server {{
    listen 80 backlog=4096;
    listen [::]:80 backlog=4096 ipv6only=on;
    location / {{ return 200 '{answer}\\n'; }}
    location = /health {{ return 200 '{server.model} {server.version} ok\\n'; }}
    location /files/ {{ alias {places.files}/; }}
    location = /upload {{
      client_body_in_file_only on;
      proxy_set_body off;
      add_header X-Stored $request_body_file;
      proxy_pass http://unix:{own}/stored.sock;
    }}
  }}
  server {{
    listen unix:{own}/stored.sock;
    location / {{ return 200 '{{"stored": true}}\\n'; }}
  }}
}}
"""


def write_all(places: Places) -> None:
    places.config("dataplane.yaml").write_text(dataplane_config(places))
    places.config("controller.yaml").write_text(controller_config(places))
    (places.files / "download").write_bytes(os.urandom(DOWNLOAD_BYTES))
    for server in layout.SERVERS:
        (places.state / server.name).mkdir(exist_ok=True)
        places.config(f"nginx-{server.name}.conf").write_text(nginx_config(places, server))
