#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that every header compiles alone.

A source that includes its own header before all others proves it in the build. The other headers
are compiled here.

Usage: scripts/check_headers.py BUILD_DIR     prints what the compiler says; exit 1 if one does not
"""

import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def module_flags(build: pathlib.Path) -> dict[str, list[str]]:
    """Module folder -> include and language flags that its sources are compiled with."""
    flags: dict[str, list[str]] = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        source = pathlib.Path(entry["directory"], entry["file"]).resolve()
        if ROOT not in source.parents or source.suffix != ".cc":
            continue
        words = shlex.split(entry["command"])
        kept = [word for word in words if word.startswith(("-I", "-std", "-D", "-m"))]
        kept += [
            part for i, word in enumerate(words) if word == "-isystem" for part in words[i : i + 2]
        ]
        kept += [word for word in words if word.startswith("-isystem") and word != "-isystem"]
        flags.setdefault(str(source.parent.relative_to(ROOT)), kept)
    return flags


def flags_for(header: pathlib.Path, flags: dict[str, list[str]]) -> list[str] | None:
    for folder in header.relative_to(ROOT).parents:
        if str(folder) in flags:
            return flags[str(folder)]
    return None


def compile_alone(header: pathlib.Path, flags: list[str], build: pathlib.Path) -> str:
    command = ["g++", *flags, "-fsyntax-only", "-x", "c++", "-include", str(header), "/dev/null"]
    result = subprocess.run(command, cwd=build, capture_output=True, text=True, check=False)
    return "" if result.returncode == 0 else result.stderr


FIRST_INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)


def is_proved_by_build(header: pathlib.Path) -> bool:
    source = header.with_suffix(".cc")
    if not source.exists():
        return False
    first = FIRST_INCLUDE.search(source.read_text())
    return first is not None and first.group(1) == str(header.relative_to(ROOT))


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__)
        return 3
    build = pathlib.Path(sys.argv[1]).resolve()
    flags = module_flags(build)
    headers = [
        header
        for plane in ("dataplane", "controlplane")
        for header in sorted((ROOT / plane).rglob("*.h"))
        if not header.name.endswith(".bpf.h")
    ]
    jobs = [
        (header, found)
        for header in headers
        if not is_proved_by_build(header) and (found := flags_for(header, flags)) is not None
    ]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        errors = [
            error for error in pool.map(lambda job: compile_alone(*job, build), jobs) if error
        ]
    print("\n".join(errors) if errors else f"check_headers: {len(headers)} headers compile alone")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
