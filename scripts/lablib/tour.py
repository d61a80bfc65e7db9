# SPDX-License-Identifier: Apache-2.0
"""The part of scripts/quickstart that comes after the build: lab, policy, requests, checks."""

import argparse
import pathlib
import shutil
import signal
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from lablib import governed, layout, signed_log, traffic  # noqa: E402
from lablib.lab import Lab  # noqa: E402
from lablib.places import EXAMPLES  # noqa: E402
from lablib.shell import LabError, say  # noqa: E402

_REQUESTS_EACH = 5
_CURLS = 24
_LINES_SHOWN = 10


class Checks:
    """Collects what held and what did not, and says each as it comes."""

    def __init__(self) -> None:
        self.failed: list[str] = []
        self.count = 0

    def require(self, claim: str, violations: list[str]) -> None:
        self.count += 1
        print(f"  {'FAILED' if violations else 'ok':6} {claim}", flush=True)
        for line in violations[:_LINES_SHOWN]:
            print(f"           {line}")
        if len(violations) > _LINES_SHOWN:
            print(f"           … and {len(violations) - _LINES_SHOWN} more")
        if violations:
            self.failed.append(claim)


def step(text: str) -> None:
    print(f"\n== {text}  ({time.strftime('%T')})", flush=True)


def show(lab: Lab, *arguments: str) -> None:
    print(f"$ sluice {' '.join(arguments)}", flush=True)
    done = lab.sluice(*arguments)
    print(done.stdout, end="", flush=True)
    if done.returncode != 0:
        raise LabError(
            f"sluice {' '.join(arguments)}: exit code {done.returncode}: " f"{done.stderr.strip()}"
        )


def everybody() -> list[traffic.Client]:
    return [
        *traffic.clients("client-eu", 100, 100, first=20),
        *traffic.clients("client-us", 50, 50),
        *traffic.clients("client-unknown", 50, 50),
    ]


def govern(lab: Lab) -> None:
    step("policy: docs/examples/policy.yaml")
    show(lab, "apply", "-f", str(EXAMPLES / "policy.yaml"))
    say("waiting until the node finds every backend healthy")
    governed.wait_for_health(lab, set(governed.POOL_OF))
    show(lab, "nodes")


def send(lab: Lab, checks: Checks) -> list[traffic.Answer]:
    senders = everybody()
    step(
        f"traffic: {len(senders) * _REQUESTS_EACH} requests from {len(senders)} clients, "
        f"and {_CURLS} with curl"
    )
    answers, failures = traffic.request_all(lab, senders, _REQUESTS_EACH)
    for client in senders[:: len(senders) // _CURLS][:_CURLS]:
        try:
            answers.append(traffic.curl_once(lab, client))
        except LabError as error:
            failures.append(str(error))
    checks.require(f"all {len(answers) + len(failures)} requests are answered", failures)
    return answers


def judge(lab: Lab, checks: Checks, answers: list[traffic.Answer]) -> None:
    step("steering: what clients saw, what policy and explain say")
    lines = governed.shares(answers)
    print(governed.share_table(lines))
    checks.require(
        "shares lie within 4 σ of the policy",
        [f"{line.client_class} {line.pool} {line.backend}" for line in lines if not line.holds],
    )
    clients = list({answer.client for answer in answers})
    say(f"asking explain about {len(clients)} clients")
    decisions = governed.explain_all(lab, clients)
    checks.require(
        "every request reached the pool and backend that explain names",
        governed.unpredicted(answers, decisions),
    )
    checks.require(
        "clients of no class take the default route",
        [
            f"{address}: {decision.get('route')}"
            for address, decision in decisions.items()
            if address.startswith(("198.18.", "2001:db8:b:"))
            and decision.get("route") != "chat-default"
        ],
    )


def account(lab: Lab, checks: Checks, client: traffic.Client) -> None:
    step("audit: the records of that client, and the books")
    say("waiting until the last flow ended")
    governed.wait_for_quiet(lab)
    show(lab, "audit", "query", "--client", client.address)
    violations = governed.unbalanced(lab)
    deadline = time.monotonic() + 15
    while violations and time.monotonic() < deadline:  # records are pulled, not pushed
        time.sleep(0.5)
        violations = governed.unbalanced(lab)
    for (route, backend), (packets, size) in sorted(governed.recorded(lab).items()):
        print(f"  {route:13} → {backend:8} {packets:8} packets {size:10} bytes recorded")
    checks.require(
        "records of ended flows equal the forwarding counters, packets and bytes", violations
    )
    say("waiting until the last record is sealed and signed")
    signed_log.wait_for_records(lab, governed.record_count(lab))
    with tempfile.TemporaryDirectory() as folder:
        bundle = pathlib.Path(folder)
        signed_log.copy(lab, bundle / "log")
        shutil.copytree(signed_log.segments(lab), bundle / "segments")
        verified = signed_log.verify(lab, bundle / "log", "--segments", str(bundle / "segments"))
    print(verified.stdout, end="", flush=True)
    checks.require(
        "a copy of the log and of every record is whole, by its files and a public key alone",
        verified.stderr.splitlines(),
    )


def leave(lab: Lab, keep: bool) -> None:
    if not keep:
        say("removing the lab")
        lab.down()
        return
    script = f"scripts/lab --name {lab.name}"
    print(
        f"\nThe lab stays up:\n"
        f"  export SLUICE_SERVER=unix:{lab.places.controller_socket}\n"
        f"  {lab.programs.cli} nodes\n"
        f"  sudo {script} exec client-eu curl -s http://{layout.SERVICE_V4}/\n"
        f"  sudo {script} status\n  sudo {script} down"
    )


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="quickstart", description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--keep", action="store_true")
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    # A terminated run cleans up as an interrupted one does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    checks = Checks()
    lab = Lab(arguments.name, arguments.build)
    error = None
    try:
        step(f"lab {lab.name}")
        lab.down()
        lab.up()
        govern(lab)
        answers = send(lab, checks)
        if answers:
            shown = next(a for a in reversed(answers) if a.client.client_class == "eu")
            step("one flow: why it went where it went")
            show(lab, "explain", *shown.client.flow(shown.port))
            judge(lab, checks, answers)
            account(lab, checks, shown.client)
    except LabError as caught:
        error = caught
    finally:
        if error or checks.failed:
            for daemon in (lab.dataplane, lab.controller):
                print(daemon.tail(), file=sys.stderr)
        leave(lab, arguments.keep)
    if error:
        print(f"\nquickstart: {error}", file=sys.stderr)
        return 1
    print(
        f"\n{checks.count - len(checks.failed)} of {checks.count} checks held"
        + "".join(f"\n  failed: {claim}" for claim in checks.failed)
    )
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
