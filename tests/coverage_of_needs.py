"""Requirement -> the tests that prove it, read from the marks in the tests. An identifier that does not exist is an error.

`--missing` lists only what nothing proves yet.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent
KNOWN = [f"R{n:02}" for n in range(1, 61)] + [f"B{n:02}" for n in range(1, 15)]


def marks(path: Path) -> list[tuple[str, str]]:
    """(identifier, test) of every `proves` mark in a file."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.proves":
                    found += [(str(ast.literal_eval(argument)), f"{path.relative_to(TESTS)}::{node.name}") for argument in mark.args]
    return found


def main() -> int:
    proven: dict[str, list[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        for identifier, test in marks(path):
            proven.setdefault(identifier, []).append(test)
    unknown = sorted(set(proven) - set(KNOWN))
    if "--missing" not in sys.argv:
        for identifier in KNOWN:
            for number, test in enumerate(sorted(set(proven.get(identifier, ())))):
                print(f"{identifier if not number else '':4} {test}")
    missing = [identifier for identifier in KNOWN if identifier not in proven]
    print(f"\nproven: {len(KNOWN) - len(missing)} of {len(KNOWN)}; nothing proves yet: {' '.join(missing)}")
    for identifier in unknown:
        print(f"no such requirement: {identifier}, in {', '.join(proven[identifier])}", file=sys.stderr)
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
