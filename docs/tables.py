"""Each role's README, made from its argument spec and defaults. `--check` says whether one is not current."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

ROLES = Path(__file__).resolve().parents[1] / "roles"


def plain(text: str) -> str:
    """Ansible's markup as Markdown's."""
    for mark in ("C(", "V(", "O("):
        while mark in text:
            before, _, rest = text.partition(mark)
            inside, _, after = rest.partition(")")
            text = f"{before}`{inside}`{after}"
    return text


def shown(value: Any) -> str:
    return "" if value in (None, "") else f"`{yaml.safe_dump(value, default_flow_style=True, width=1000).strip().removesuffix('...').strip()}`"


def readme(role: Path) -> str:
    spec = yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]
    defaults = yaml.safe_load((role / "defaults/main.yml").read_text())
    rows = [
        f"| `{name}` | {option['type']} | {shown(defaults[name])} | {plain(option['description'])} |" for name, option in spec["options"].items()
    ]  # fmt: skip
    paragraphs = "\n\n".join(plain(line) for line in spec["description"])
    head = f"# {role.name}: {spec['short_description']}\n\n{paragraphs}\n\n| option | type | default | meaning |\n|---|---|---|---|\n"
    return head + "\n".join(rows) + "\n\nThis page is made from `meta/argument_specs.yml` and `defaults/main.yml` by `make docs`.\n"


def main() -> int:
    old = []
    for role in sorted(ROLES.iterdir()):
        path = role / "README.md"
        if not path.exists() or path.read_text() != readme(role):
            old.append(str(path.relative_to(ROLES.parent)))
            if "--check" not in sys.argv:
                path.write_text(readme(role))
    if old and "--check" in sys.argv:
        print("not current, run 'make docs': " + ", ".join(old), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
