# SPDX-License-Identifier: Apache-2.0
#
# One lab as a whole: up, down, its daemons and the CLI that speaks to them.
from __future__ import annotations

import json
import pathlib
import shutil
import socket
import subprocess

from lablib import configs, daemons, layout, network
from lablib.places import Places, Programs
from lablib.shell import LabError, inside, run, say, wait_until


class Lab:
    def __init__(self, name: str, build: pathlib.Path) -> None:
        self.name = name
        self.places = Places(name)
        self.programs = Programs(build.resolve())
        self.dataplane = daemons.dataplane(self.places, self.programs)
        self.controller = daemons.controller(self.places, self.programs)
        self.nginx = {server.name: daemons.nginx(self.places, server) for server in layout.SERVERS}
        self.backends = {
            server.name: daemons.backend(self.places, self.programs, server)
            for server in layout.SERVERS
        }

    @property
    def daemons(self) -> list[daemons.Daemon]:
        return [*self.nginx.values(), *self.backends.values(), self.dataplane, self.controller]

    def up(self) -> None:
        """Errors: LabError; what was begun stays, for a look at it, until `down`."""
        self.programs.require()
        self.up_network()
        self.start()

    def start(self) -> None:
        """What `up` does after the network: every program with the configuration that is there."""
        for daemon in self.backends.values():
            daemon.start()
        say("node: sluice-dataplane")
        self.start_dataplane()
        say("controller: sluice-controller")
        self.start_controller()
        self.wait_for_node()
        for daemon in self.daemons:
            daemon.require_running()

    def up_network(self) -> None:
        """The network and the model servers alone."""
        network.require_root()
        if network.existing(self.name):
            raise LabError(f"a lab named {self.name} is up: scripts/lab down, or another --name")
        self._remove_files()
        say(f"network: {len(layout.HOSTS)} namespaces sluice-{self.name}-…")
        self.places.make()
        network.build(self.name)
        say(f"model servers: {', '.join(self.nginx)}")
        configs.write_all(self.places)
        for name in self.nginx:
            self.start_server(name)

    def down(self) -> None:
        network.require_root()
        network.remove(self.name)
        self._remove_files()

    def _remove_files(self) -> None:
        shutil.rmtree(self.places.state, ignore_errors=True)
        prefix = f"/var/run/dpdk/sluice-{self.name}-{layout.EDGE.name}"
        shutil.rmtree(prefix, ignore_errors=True)

    def start_dataplane(self, *options: str) -> None:
        """Starts the node and waits until it listens."""
        self.dataplane.start(*options)
        self.wait_for_socket(self.dataplane, self.places.dataplane_socket)

    def start_controller(self) -> None:
        """Starts the controller and waits until it listens."""
        self.controller.start()
        self.wait_for_socket(self.controller, self.places.controller_socket)

    def start_server(self, name: str) -> None:
        """Starts the model server and waits until it answers."""
        # A server that was killed leaves its socket behind, which nginx does not take over.
        (self.places.state / name / "stored.sock").unlink(missing_ok=True)
        self.nginx[name].start()
        daemons.wait_for_server(self.places, layout.host_named(name))

    def wait_for_socket(self, daemon: daemons.Daemon, path: pathlib.Path) -> None:
        def there() -> bool:
            daemon.require_running()
            with socket.socket(socket.AF_UNIX) as connection:
                return connection.connect_ex(str(path)) == 0

        self._wait(daemon, f"{daemon.name} listens on {path}", there, 30)

    def wait_for_node(self) -> None:
        def connected() -> bool:
            self.dataplane.require_running()
            self.controller.require_running()
            return any(node.get("connected") for node in self.nodes())

        self._wait(self.controller, "the controller reaches the node", connected, 30)

    def _wait(self, daemon: daemons.Daemon, what: str, ready, timeout: float) -> None:
        try:
            wait_until(what, ready, timeout)
        except LabError as error:
            raise LabError(f"{error}\n{daemon.tail()}") from error

    def inside(self, host: str, *command: str) -> list[str]:
        return inside(layout.namespace(self.name, host), *command)

    def sluice(
        self, *arguments: str, feed: str | None = None, timeout: float = 60
    ) -> subprocess.CompletedProcess:
        """Runs the CLI against this lab's controller; the caller judges the exit code."""
        command = [
            str(self.programs.cli),
            "--server",
            f"unix:{self.places.controller_socket}",
            *arguments,
        ]
        return subprocess.run(command, input=feed, capture_output=True, text=True, timeout=timeout)

    def ask(self, *arguments: str):
        """What the CLI says, from JSON. Errors: LabError when it fails."""
        done = self.sluice(*arguments, "-o", "json")
        if done.returncode != 0:
            raise LabError(
                f"sluice {' '.join(arguments)}: exit code {done.returncode}: "
                f"{done.stderr.strip()}"
            )
        return json.loads(done.stdout)

    def nodes(self) -> list[dict]:
        return self.ask("nodes")["items"]

    def status(self) -> str:
        present = set(network.existing(self.name))
        if not present:
            return f"lab {self.name} is down\n"
        rows = [("HOST", "ADDRESSES", "NAMESPACE", "RUNNING")]
        for host in layout.HOSTS:
            netns = layout.namespace(self.name, host.name)
            running = [
                daemon.name if daemon.pid else f"{daemon.name} (ended)"
                for daemon in self.daemons
                if daemon.host == host.name and self.places.pid(daemon.name).exists()
            ]
            addresses = f"{host.ipv4} {host.ipv6}"
            if isinstance(host, layout.Clients):
                addresses += f" {host.prefix_v4}.0/24 {host.prefix_v6}::/48"
            rows.append(
                (
                    host.name,
                    addresses,
                    netns if netns in present else "missing",
                    ", ".join(running) or "-",
                )
            )
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        return "".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() + "\n"
            for row in rows
        )

    def processor_seconds(self, daemon: daemons.Daemon) -> float:
        """Processor time that the daemon has used so far."""
        text = pathlib.Path(f"/proc/{daemon.pid}/stat").read_text().rpartition(")")[2].split()
        ticks_per_second = int(run("getconf", "CLK_TCK"))
        return (int(text[11]) + int(text[12])) / ticks_per_second
