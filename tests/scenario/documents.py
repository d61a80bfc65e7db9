# SPDX-License-Identifier: Apache-2.0
#
# Policies derived from the example, one changed word at a time.
from __future__ import annotations

import pathlib
import re

import lab_case
from lablib import layout

POLICY = lab_case.POLICY.read_text()


def replaced(text: str, *pairs: tuple[str, str]) -> str:
    """Replaces each first by its second; a first that is not there is an error of the test."""
    for before, after in pairs:
        if before not in text:
            raise AssertionError(f"the example policy no longer says {before!r}")
        text = text.replace(before, after)
    return text


def document(kind: str, name: str) -> str:
    """The one document of the example that declares this object."""
    for text in re.split(r"^---$", POLICY, flags=re.MULTILINE):
        if re.search(rf"^kind: {kind}$", text, re.MULTILINE) and re.search(
            rf"\bname: {name}\b", text
        ):
            return text
    raise AssertionError(f"the example policy has no {kind}/{name}")


def unrelated(number: int) -> str:
    """A client class that no route selects, different for every number."""
    return (
        f"kind: ClientClass\nmetadata: {{name: elsewhere, labels: {{round: r{number}}}}}\n"
        "spec: {prefixes: [100.64.0.0/16]}\n"
    )


def with_backends_over_ipv6() -> str:
    pairs = [(f"address: {server.ipv4}", f'address: "{server.ipv6}"') for server in layout.SERVERS]
    return replaced(POLICY, *pairs)


def written(folder: pathlib.Path, name: str, text: str) -> pathlib.Path:
    file = folder / name
    file.write_text(text)
    return file
