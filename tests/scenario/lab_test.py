# SPDX-License-Identifier: Apache-2.0
#
# The lab itself: two at once do not meet, and `down` leaves nothing, also after a crash.
import os
import pathlib
import signal
import subprocess
import time
import unittest

import lab_case
from lablib import layout, network
from lablib.lab import Lab
from lablib.places import SOURCE_ROOT
from lablib.shell import LabError, run, wait_until

_SCRIPT = SOURCE_ROOT / "scripts/lab"


def processes_mentioning(text: str) -> list[str]:
    found = []
    for folder in pathlib.Path("/proc").iterdir():
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (OSError, UnicodeDecodeError):
            continue
        if text in line and folder.name != str(os.getpid()):
            found.append(line)
    return found


class LabItself(unittest.TestCase):
    def lab(self, suffix: str) -> Lab:
        lab = Lab(f"t{os.getpid()}{suffix}", lab_case.LabCase.build)
        self.addCleanup(lab.down)
        return lab

    def script(self, lab: Lab, *arguments: str) -> subprocess.CompletedProcess:
        command = [str(_SCRIPT), "--name", lab.name, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    def require_nothing_left(self, lab: Lab) -> None:
        self.assertEqual(network.existing(lab.name), [])
        self.assertFalse(lab.places.state.exists())
        self.assertEqual(processes_mentioning(f"sluice-lab/{lab.name}/"), [])

    def test_two_labs_at_once_do_not_meet(self):
        first, second = self.lab("a"), self.lab("b")
        first.up_network()
        second.up_network()
        self.assertIn('"v1-a"', self.fetch(first))
        first.down()
        self.require_nothing_left(first)
        self.assertIn('"v1-a"', self.fetch(second))
        self.assertRegex(self.script(second, "status").stdout, r"v1-b .* nginx-v1-b")

    def fetch(self, lab: Lab) -> str:
        address = layout.host_named("v1-a").ipv4
        return run(
            *lab.inside("client-eu", "curl", "-fsS", "--max-time", "5", f"http://{address}/")
        )

    def test_down_after_a_crash_leaves_nothing(self):
        lab = self.lab("c")
        up = subprocess.Popen(
            [str(_SCRIPT), "--name", lab.name, "up", "--network-only"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until("the lab begins", lambda: network.existing(lab.name), 10, step=0.01)
        time.sleep(0.3)  # some of it is there, not all
        up.send_signal(signal.SIGKILL)
        up.wait()
        for _ in range(2):
            done = self.script(lab, "down")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.require_nothing_left(lab)
        self.assertIn("is down", self.script(lab, "status").stdout)

    def test_a_second_up_of_one_name_is_refused(self):
        lab = self.lab("d")
        lab.up_network()
        with self.assertRaisesRegex(LabError, "is up"):
            lab.up_network()
        self.assertIn('"v1-a"', self.fetch(lab))

    def test_exec_gives_the_exit_code_and_names_unknown_hosts(self):
        lab = self.lab("e")
        lab.up_network()
        self.assertEqual(self.script(lab, "exec", "v1-a", "sh", "-c", "exit 7").returncode, 7)
        self.assertIn("client-eu", self.script(lab, "exec", "nobody", "true").stderr)


if __name__ == "__main__":
    lab_case.main()
