#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the house style that no compiler checks: sizes, head comments, banned words, orphans.

Usage: scripts/tidy.py [ROOT]     prints "path:line: what is wrong" for each; exit 1 if there is one
"""

import pathlib
import re
import sys

LINES_MAX = {"header": 400, "source": 600, "test": 900}
FUNCTION_LINES_MAX = 70
COLUMNS_MAX = 100
NESTING_MAX = 4
FOLDERS = ("dataplane", "controlplane", "tests", "scripts", "proto")
SUFFIXES = (".h", ".cc", ".c", ".py", ".proto")

# What may not stand in the packet path, and what to use instead.
HOT_FOLDERS = ("dataplane/pipeline/", "dataplane/flow/")
HOT_BANNED = {
    r"\bnew\s+[A-Za-z_:]": "allocates; memory is made at start",
    r"\bmalloc\s*\(": "allocates; memory is made at start",
    r"\bstd::function\b": "allocates and calls indirectly; use a template parameter",
    r"\bthrow\b": "no exceptions in the packet path; count a DropReason",
    r"\bstd::mutex\b|\babsl::Mutex\b": "no locks in the packet path",
    r"\bvirtual\b": "no virtual calls in the packet path",
    r"\bspdlog\b": "no logging in the packet path; count it",
    r"\bstd::shared_ptr\b|\bstd::string\b": "allocates; use ids and views",
}
BANNED = {
    r"\bvolatile\b": "use std::atomic with a named order",
    r"\bTODO(?!\(#\d+\))|\bFIXME\b|\bXXX\b": "a TODO names an issue, TODO(#123), or does not land",
    r"\busing namespace\b": "name what you use",
    r"\bif \(testing\)": "no test-only branch in shipped code",
}
PRINTF = re.compile(r"\b(std::)?printf\s*\(|std::cout\b")
MAY_PRINT = ("controlplane/cli/main.cc",)  # hands standard output to the verbs
CODE_LINE = re.compile(r"//.*$")


def kind_of(path: str) -> str:
    if path.startswith("tests/"):
        return "test"
    return "header" if path.endswith(".h") else "source"


def strip(line: str) -> str:
    """The line without comments and string contents."""
    line = re.sub(r'"(\\.|[^"\\])*"', '""', line)
    return CODE_LINE.sub("", line)


def check_size(path: str, lines: list[str]) -> list[str]:
    limit = LINES_MAX[kind_of(path)]
    found = (
        [f"{path}:{limit}: {len(lines)} lines, at most {limit}: split the file"]
        if len(lines) > limit
        else []
    )
    if path.endswith(".proto"):
        return found
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS_MAX and "://" not in line and "include" not in line:
            found.append(f"{path}:{number}: {len(line)} columns, at most {COLUMNS_MAX}")
    return found


def check_head(path: str, lines: list[str]) -> list[str]:
    head = lines[:3]
    if not any("SPDX-License-Identifier" in line for line in head):
        return [f"{path}:1: no SPDX-License-Identifier in the first lines"]
    if path.endswith((".h", ".cc")) and not any(
        line.startswith(("// ", "/* ")) for line in lines[1:6]
    ):
        return [f"{path}:2: no head comment that says what the file is for"]
    if path.endswith(".h") and "#pragma once" not in lines:
        return [f"{path}:1: no #pragma once"]
    return []


def check_words(path: str, lines: list[str]) -> list[str]:
    banned = dict(BANNED)
    if path.startswith(HOT_FOLDERS):
        banned |= HOT_BANNED
    found = []
    for number, line in enumerate(lines, 1):
        todo = line if "TODO" in line or "FIXME" in line else strip(line)
        for pattern, remedy in banned.items():
            if re.search(pattern, todo if "TODO" in pattern else strip(line)):
                found.append(f"{path}:{number}: {line.strip()[:60]!r}: {remedy}")
        is_shipped = path.startswith(("dataplane/", "controlplane/"))
        if is_shipped and path not in MAY_PRINT and PRINTF.search(strip(line)):
            found.append(f"{path}:{number}: prints; return the text or log it")
    return found


FUNCTION_HEAD = re.compile(r"^(\s{1,4})?[A-Za-z_~].*[)\w]\s*(const)?\s*(noexcept)?\s*\{$")
NOT_FUNCTION = re.compile(
    r"^\s*(namespace|class|struct|enum|union|extern|if|for|while|switch|else|do)\b"
)


def check_functions(path: str, lines: list[str]) -> list[str]:
    """Length and nesting of functions, by braces; good enough for formatted code."""
    found, start, depth, base = [], None, 0, 0
    for number, raw in enumerate(lines, 1):
        line = strip(raw)
        if start is None and FUNCTION_HEAD.match(line) and not NOT_FUNCTION.match(line):
            start, base = number, depth
        depth += line.count("{") - line.count("}")
        if start is None:
            continue
        if depth - base > NESTING_MAX + 1:
            found.append(f"{path}:{number}: nested deeper than {NESTING_MAX}")
        if depth <= base:
            if number - start + 1 > FUNCTION_LINES_MAX:
                found.append(
                    f"{path}:{start}: function of {number - start + 1} lines, "
                    f"at most {FUNCTION_LINES_MAX}"
                )
            start = None
    return found


def check_orphans(root: pathlib.Path, paths: list[str]) -> list[str]:
    """Sources that no meson.build names are dead."""
    found = []
    for path in paths:
        if not path.endswith((".cc", ".c")):
            continue
        file = root / path
        builds = [
            parent / "meson.build" for parent in file.parents if (parent / "meson.build").exists()
        ]
        name, _, suffix = file.name.partition(".")
        spellings = (file.name, f"'{name}'") if suffix == "bpf.c" else (file.name,)
        if not any(word in build.read_text() for build in builds for word in spellings):
            found.append(f"{path}:1: no meson.build names this file")
    return found


def check_file(path: str, text: str) -> list[str]:
    lines = text.splitlines()
    found = check_size(path, lines) + check_head(path, lines)
    if path.endswith((".h", ".cc")):
        found += check_words(path, lines) + check_functions(path, lines)
    return found


def main() -> int:
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    paths = sorted(
        str(file.relative_to(root))
        for folder in FOLDERS
        for file in (root / folder).rglob("*")
        if file.suffix in SUFFIXES
    )
    found = [line for path in paths for line in check_file(path, (root / path).read_text())]
    found += check_orphans(root, paths)
    print("\n".join(found) if found else f"tidy: {len(paths)} files in order")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
