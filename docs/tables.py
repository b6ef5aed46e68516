"""Each role's README, made from its argument spec and defaults; the table of providers in ddns.md, made from their classes; that of apps in apps.md, made from
the catalogue. `--check` says whether one is not current."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from plugins.module_utils.ddns.model import Capabilities, LeftOut  # noqa: E402
from plugins.module_utils.ddns.providers import registry  # noqa: E402

ROLES = ROOT / "roles"
PROVIDERS = ROOT / "docs" / "ddns.md"
BEGIN, END = "<!-- providers: made by `make docs` from plugins/module_utils/ddns/providers -->", "<!-- end of providers -->"

CATALOGUE = ROOT / "roles" / "apps" / "catalogue"
APPS = ROOT / "docs" / "apps.md"
APPS_BEGIN, APPS_END = "<!-- apps: made by `make docs` from roles/apps/catalogue -->", "<!-- end of apps -->"

HEAD = (
    "provider",
    "addresses",
    "one call",
    "a family that it leaves out",
    "can be removed",
    "names below it",
    "prefix alone",
    "TXT for certificates",
    "kept by the server",
)
FAMILY = {"ipv4": "IPv4", "ipv6": "IPv6"}
LEFT_OUT = {LeftOut.UNTOUCHED: "stays", LeftOut.HAZARD: "is harmed: both are sent", LeftOut.UNKNOWN: "nobody says: both are sent where there are both"}


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


def span(seconds: float) -> str:
    """A time as one says it."""
    for unit, name in ((3600, "h"), (60, "min")):
        if seconds % unit == 0:
            return f"{seconds / unit:g} {name}"
    return f"{seconds:g} s"


def families(names: tuple[str, ...]) -> str:
    return " and ".join(FAMILY[name] for name in names)


def limits(can: Capabilities) -> str:
    found = [
        f"{span(can.interval)} between calls" if can.interval else "",
        f"{can.daily} calls a day" if can.daily else "",
        f"{span(can.retry)} after its trouble" if can.retry else "",
        f"refreshed after {can.keep_alive} days" if can.keep_alive else "",
    ]
    return ", ".join(filter(None, found))


def row(name: str) -> str:
    """A provider's line of the table."""
    can = registry.provider(name).CAPABILITIES
    both = len(can.families) > 1
    call = f"{'both families' if can.together and both else 'one family'}, {f'{can.most_hosts} names' if can.most_hosts > 1 else 'one name'}"
    cleared = families(can.clear) + (", both at once" if can.clear_together else "")
    marks = ["yes" if able else "" for able in (can.wildcard, can.prefix, can.txt)]
    return line(f"`{name}`", families(can.families), call, LEFT_OUT[can.left_out] if both else "", cleared, *marks, limits(can))


def line(*cells: str) -> str:
    return "".join(f"| {cell} " if cell else "| " for cell in cells) + "|"


def providers(page: str) -> str:
    """The page with the table as it has to be now."""
    rows = "\n".join((line(*HEAD), "|" + "---|" * len(HEAD), *map(row, registry.NAMES)))
    return between(page, PROVIDERS.name, BEGIN, END, rows)


def apps(page: str) -> str:
    """The page with every app of the catalogue as it is now: a table of all, then what an owner decides and should know of each."""
    entries = sorted(((path.stem, yaml.safe_load(path.read_text())) for path in CATALOGUE.glob("*.yml")), key=lambda found: found[1]["title"].lower())
    table = [line("app", "what it is", "version", "port on the host", "how it learns of its proxy"), "|---|---|---|---|---|"]
    table += [
        line(f"[`{name}`](#{name})" if about(name, entry) else f"`{name}`", entry["title"], version_of(entry), ports_of(entry), told(entry))
        for name, entry in entries
    ]
    return between(page, APPS.name, APPS_BEGIN, APPS_END, "\n".join([*table, *(text for name, entry in entries for text in about(name, entry))]))


def version_of(entry: dict[str, Any]) -> str:
    if entry.get("image"):
        return f"`{entry['version']}`"
    return "your own image" if entry.get("port") else "runs elsewhere"


def ports_of(entry: dict[str, Any]) -> str:
    own = [str(entry.get("publish") or entry["port"])] if entry.get("port") else []
    return ", ".join([*own, *(f"{name} {port.get('publish') or port['port']}" for name, port in entry.get("ports", {}).items())])


def told(entry: dict[str, Any]) -> str:
    """Where an app is told of its proxy and its public name."""
    services = [entry.get("service", {}), *entry.get("services", {}).values()]
    variables = {name: str(value) for service in services for name, value in service.get("environment", {}).items()}
    known = ("EXPOSURE_PROXIES", "EXPOSURE_URL", "EXPOSURE_HOST", "EXPOSURE_AUTHORITY")
    named = [name for name, value in variables.items() if any(what in value for what in known)]
    files = [f"`{row['file']}`" for row in entry.get("settings", [])]
    told_in = {name for name, config in entry.get("configs", {}).items() if any(what in config["content"] for what in known)}
    files += sorted({f"`{one['target']}`" for service in services for one in service.get("configs", []) if one["source"] in told_in})
    files += ["files of its own, before and after 2026.8"] if entry.get("trust") else []
    ends = ["nothing: it ends TLS itself"] if entry.get("proxy", {}).get("tls") == "passthrough" and not named and not files else []
    return ", ".join([*files, *(f"`{name}`" for name in named), *ends]) or "it has no such setting"


def about(name: str, entry: dict[str, Any]) -> list[str]:
    """A section: what a person decides, what cannot be changed, and the notes."""
    lines = []
    for option, said in entry.get("options", {}).items():
        default = f" (`{said['default']}`)" if said.get("default") else ", which has no default"
        lines.append(f"decide `{option}`{default}: {said['say']}")
    lines += [f"cannot change after its first start: {', '.join(f'`{one}`' for one in entry['fixed'])}"] if entry.get("fixed") else []
    lines += [f"comes with `{account['user']}`: {account['replace']}" for account in entry.get("accounts", [])[:1]]
    lines += [f"privileged, since {entry['privileged']}"] if entry.get("privileged") else []
    lines += entry.get("notes", [])
    return ["", f"### {name}", "", f"{entry['title']}", "", *(f"- {one}" for one in lines)] if lines else []


def between(page: str, name: str, begin: str, end: str, rows: str) -> str:
    before, found, rest = page.partition(begin)
    _, ended, after = rest.partition(end)
    if not (found and ended):
        raise SystemExit(f"{name} has no place for its table: {begin} ... {end}")
    return f"{before}{begin}\n\n{rows}\n\n{end}{after}"


def main() -> int:
    pages = {role / "README.md": readme(role) for role in sorted(ROLES.iterdir())}
    pages[PROVIDERS] = providers(PROVIDERS.read_text())
    pages[APPS] = apps(APPS.read_text())
    old = []
    for path, text in pages.items():
        if not path.exists() or path.read_text() != text:
            old.append(str(path.relative_to(ROOT)))
            if "--check" not in sys.argv:
                path.write_text(text)
    if old and "--check" in sys.argv:
        print("not current, run 'make docs': " + ", ".join(old), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
