# SPDX-License-Identifier: Apache-2.0
#
# Both daemons over TCP with mutual TLS: the right certificates work, others are refused.
import os
import pathlib
import subprocess

import lab_case
from lablib import configs
from lablib.shell import run, wait_until

_NODE = "127.0.0.1:9471"
_CONTROLLER = "127.0.0.1:9472"
_UNREACHABLE = 8


class Authority:
    """A certificate authority in a folder, and the certificates that it signs."""

    def __init__(self, folder: pathlib.Path, name: str) -> None:
        self._folder = folder
        self.certificate = folder / f"{name}.pem"
        self._key = folder / f"{name}.key"
        run(
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
            "-subj",
            f"/CN={name}",
            "-keyout",
            str(self._key),
            "-out",
            str(self.certificate),
        )

    def sign(self, name: str) -> tuple[pathlib.Path, pathlib.Path]:
        """Returns the certificate for 127.0.0.1 and its key."""
        certificate, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        request = self._folder / f"{name}.csr"
        extension = self._folder / f"{name}.ext"
        extension.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        run(
            "openssl",
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            f"/CN={name}",
            "-keyout",
            str(key),
            "-out",
            str(request),
        )
        run(
            "openssl",
            "x509",
            "-req",
            "-in",
            str(request),
            "-CA",
            str(self.certificate),
            "-CAkey",
            str(self._key),
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            str(extension),
            "-out",
            str(certificate),
        )
        return certificate, key


class Tls(lab_case.LabCase):
    @classmethod
    def prepare(cls) -> None:
        cls.lab.up_network()
        for daemon in cls.lab.backends.values():
            daemon.start()
        cls.ours = Authority(cls.scratch, "ours")
        cls.theirs = Authority(cls.scratch, "theirs")
        for name, listen in (("dataplane.yaml", _NODE), ("controller.yaml", _CONTROLLER)):
            certificate, key = cls.ours.sign(name)
            file = cls.lab.places.config(name)
            text = configs.set_value(file.read_text(), "listen", listen)
            file.write_text(
                configs.set_value(
                    text,
                    "tls",
                    (
                        f'{{certificate: "{certificate}", key: "{key}", '
                        f'client_ca: "{cls.ours.certificate}"}}'
                    ),
                ).replace(f"unix:{cls.lab.places.dataplane_socket}", _NODE)
            )
        cls.lab.dataplane.start()
        cls.lab.controller.start()
        wait_until(
            "the controller answers",
            lambda: cls.call(cls.ours, cls.ours, "nodes").returncode == 0,
            20,
        )

    @classmethod
    def call(cls, authority: Authority, trusted: Authority, *arguments: str):
        """Runs the CLI with a certificate signed by one authority, trusting another."""
        certificate, key = authority.sign("operator")
        config = cls.scratch / "cli.yaml"
        config.write_text(
            f"current_context: lab\ncontexts:\n  - name: lab\n    server: {_CONTROLLER}\n"
            f'    tls: {{certificate: "{certificate}", key: "{key}", '
            f'ca: "{trusted.certificate}"}}\n'
        )
        return subprocess.run(
            cls.lab.inside("edge-1", str(cls.lab.programs.cli), *arguments),
            env={**os.environ, "SLUICE_CONFIG": str(config)},
            capture_output=True,
            text=True,
            timeout=30,
        )

    def test_certificates_of_one_authority_work_end_to_end(self):
        done = self.call(self.ours, self.ours, "apply", "-f", str(lab_case.POLICY))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("edge-1", self.call(self.ours, self.ours, "nodes").stdout)

    def test_a_client_of_another_authority_is_refused(self):
        self.assertEqual(self.call(self.theirs, self.ours, "nodes").returncode, _UNREACHABLE)

    def test_a_server_of_another_authority_is_refused(self):
        self.assertEqual(self.call(self.ours, self.theirs, "nodes").returncode, _UNREACHABLE)


if __name__ == "__main__":
    lab_case.main()
