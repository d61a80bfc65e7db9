# SPDX-License-Identifier: Apache-2.0
#
# What scenario tests share: a lab with the example policy in force, logs when something fails.
#
# Usage: NAME_test.py BUILD_FOLDER
from __future__ import annotations

import os
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))

from lablib import governed  # noqa: E402
from lablib.lab import Lab  # noqa: E402
from lablib.places import EXAMPLES  # noqa: E402

_SKIPPED = 77  # what meson takes for "skipped"
POLICY = EXAMPLES / "policy.yaml"


class LabCase(unittest.TestCase):
    """Tests of one class share a lab, run in the order of their names and leave it as it was."""

    lab: Lab
    scratch: pathlib.Path  # a folder that goes with the lab
    build = pathlib.Path("build")
    maxDiff = None

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory(prefix="sluice-scenario-")
        cls.addClassCleanup(folder.cleanup)
        cls.scratch = pathlib.Path(folder.name)
        cls.lab = Lab(f"t{os.getpid()}", LabCase.build)
        cls.addClassCleanup(cls.lab.down)
        cls.prepare()

    @classmethod
    def prepare(cls) -> None:
        """Makes the lab; a test with another need overrides it."""
        cls.lab.up()
        cls.govern()

    @classmethod
    def govern(cls, policy: pathlib.Path = POLICY) -> None:
        """Puts the policy in force and waits until all its backends are healthy."""
        cls.sluice("apply", "-f", str(policy))
        governed.wait_for_health(cls.lab, set(governed.POOL_OF))

    @classmethod
    def sluice(cls, *arguments: str) -> str:
        """What the CLI says on stdout; it must succeed."""
        done = cls.lab.sluice(*arguments)
        if done.returncode != 0:
            raise AssertionError(
                f"sluice {' '.join(arguments)}: exit code {done.returncode}\n"
                f"{done.stdout}{done.stderr}"
            )
        return done.stdout


class _TellingResult(unittest.TextTestResult):
    """Shows the ends of the daemons' logs beside a failure, while the lab still exists."""

    def _tell(self) -> None:
        self.stream.writeln()
        cases = LabCase.__subclasses__()
        for case in cases:
            cases += case.__subclasses__()
            lab = getattr(case, "lab", None)
            for daemon in (lab.dataplane, lab.controller) if lab else ():
                self.stream.writeln(daemon.tail())

    def addFailure(self, test, err) -> None:  # noqa: N802 (unittest's name)
        super().addFailure(test, err)
        self._tell()

    def addError(self, test, err) -> None:  # noqa: N802 (unittest's name)
        super().addError(test, err)
        self._tell()


def main() -> None:
    """Runs the tests of the calling file."""
    if os.geteuid() != 0:
        print("skipped: a lab needs root")
        sys.exit(_SKIPPED)
    LabCase.build = pathlib.Path(sys.argv.pop(1)) if len(sys.argv) > 1 else LabCase.build
    runner = unittest.TextTestRunner(verbosity=2, resultclass=_TellingResult)
    unittest.main(module="__main__", testRunner=runner)
