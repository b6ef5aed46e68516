"""The internet in a box, as tests use it: its hosts, its inventory, and a run of a playbook over it."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import testinfra
import yaml

from plugins.module_utils.plan.make import Inventory, make

ROOT = Path(__file__).resolve().parents[1]
BED = ROOT / "molecule" / "internet"
ENGINE = os.environ.get("EXPOSURE_ENGINE", "caddy")
"""The engine of the bed's proxy. The owner's inventory says nothing of it for Caddy, and one line more for nginx."""
INVENTORY = BED / "inventory" if ENGINE == "caddy" else BED / f"inventory_{ENGINE}"
BIN = Path(sys.executable).parent
PHONE = {"4": "198.51.100.50", "6": "2001:db8:1::50"}
LAPTOP = {"4": "192.168.77.1", "6": "2001:db8:77::20"}
"""What home sees of the laptop: over IPv4 it comes back in through the router (hairpin NAT)."""


def host(name: str) -> Any:
    return testinfra.get_host(f"docker://{name}")


@functools.cache
def ansible_inventory(path: Path = INVENTORY) -> dict[str, Any]:
    listed = subprocess.run([BIN / "ansible-inventory", "-i", path, "--list"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return dict(json.loads(listed))


@functools.cache
def plan() -> dict[str, Any]:
    """The Plan of the bed's inventory: what the tests hold the world against."""
    listed = ansible_inventory()
    variables = listed["_meta"]["hostvars"]
    catalogue = {path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / "roles/apps/catalogue").glob("*.yml")}
    found = {"home": {"release": "trixie", "addresses": ["192.168.77.10"]}, "attic": {"release": "bookworm", "addresses": ["192.168.77.11"]}}
    groups = {name: tuple(group for group in listed if name in listed[group].get("hosts", ())) for name in variables}
    hosts = {
        name: Inventory({k: v for k, v in vars_.items() if k.startswith("exposure_")}, groups[name], found.get(name, {})) for name, vars_ in variables.items()
    }
    return dataclasses.asdict(make(hosts, catalogue))


STARTS = ROOT / ".cache" / "starts.json"
"""When the Home Assistants were last started by a test."""


def starts(stacks: Iterable[str]) -> dict[str, str]:
    """When the container of each stack's Home Assistant was started."""
    shown = "docker inspect -f '{{.State.StartedAt}}' %s"
    return {stack: host("home").run(shown, f"{stack}-home_assistant-1").stdout.strip() for stack in stacks}


def sites() -> list[dict[str, Any]]:
    """The probes of the Plan: one for each public name."""
    return list(plan()["probes"])


def curl(client: str, url: str, *options: str) -> Any:
    """curl on a client: an object with `.rc`, `.stdout` and `.stderr`. Bounded in time."""
    words = " ".join(f"'{option}'" for option in options)
    return host(client).run(f"curl -sS --max-time 15 {words} '{url}'")


def whoami(client: str, name: str, *options: str) -> dict[str, Any]:
    """What the app whoami says it received."""
    answer = curl(client, f"https://{name}/api", *options)
    assert answer.rc == 0, answer.stderr
    return dict(json.loads(answer.stdout))


def reachable(name: str) -> bool:
    """Whether a client outside gets an answer over HTTPS, with a certificate that it trusts."""
    return curl("phone", f"https://{name}/", "-o", "/dev/null").rc == 0


def serial(name: str) -> str:
    """The serial number of the certificate that a client outside is shown."""
    return str(host("phone").run(f"openssl s_client -connect {name}:443 -servername {name} </dev/null 2>/dev/null | openssl x509 -noout -serial").stdout)


def eventually(check: Callable[[], Any], seconds: float = 30, pause: float = 0.5) -> Any:
    """The first true answer of a check, or its last one after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (answer := check()) and time.monotonic() < deadline:
        time.sleep(pause)
    return answer


@dataclasses.dataclass
class Run:
    """A finished run of a playbook."""

    code: int
    output: str

    @property
    def changed(self) -> dict[str, int]:
        """Tasks that changed something, by host, from the recap."""
        rows = [line for line in self.output.splitlines() if " changed=" in line and " unreachable=" in line]
        return {line.split()[0]: int(line.split("changed=")[1].split()[0]) for line in rows}


def playbook(name: str, *options: str, inventory: Path = INVENTORY) -> Run:
    """Run a playbook of the collection over the bed."""
    done = subprocess.run(
        [BIN / "ansible-playbook", "-i", inventory, ROOT / "playbooks" / f"{name}.yml", *options],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"},
        timeout=900,
        check=False,
    )
    return Run(done.returncode, done.stdout)


def dns(*changes: str) -> None:
    """Change records of the box's zone as an owner does (RFC 2136): lines of nsupdate, such as `update add NAME 60 A ADDRESS`."""
    bed = yaml.safe_load((BED / "vars" / "bed.yml").read_text())
    text = "\n".join(["server 127.0.0.1", f"zone {bed['bed_zone']}", *changes, "send", ""])
    command = ["docker", "exec", "-i", "isp", "nsupdate", "-y", f"hmac-sha256:{bed['bed_key']['name']}:{bed['bed_key']['secret']}"]
    subprocess.run(command, input=text, text=True, check=True, capture_output=True)


def line(*words: str) -> None:
    """Change the router's line to the provider: `usual`, `address A`, `behind A/LENGTH GATEWAY`, `forwards on|off` (see templates/router.sh.j2)."""
    done = host("router").run("/usr/local/sbin/line " + " ".join(words))
    assert done.rc == 0, done.stderr


def lan_prefix(new: str, old: str) -> None:
    """The provider gives the home another IPv6 prefix: every machine of the LAN has its host part in it, and none in the old one any more."""
    for name, part in {"router": "1", "home": "10", "attic": "11", "laptop": "20", "pbx": "30"}.items():
        machine = host(name)
        device = machine.run(f"ip -o -6 addr show to {old}::{part} | awk '{{print $2}}'").stdout.strip()
        machine.run(f"ip addr add {new}::{part}/64 dev {device} nodad; ip addr del {old}::{part}/64 dev {device}")
        if name != "router":
            machine.run(f"ip -6 route replace default via {new}::1")
    for name in ("isp", "phone"):
        host(name).run(f"ip -6 route del {old}::/64; ip -6 route replace {new}::/64 via 2001:db8:1::2")
    line("homes", f"{new}::10")


def simulators(path: str = "", **trouble: Any) -> dict[str, Any]:
    """Ask the simulators of providers what they saw, tell one (`path` is its name) what goes wrong next, or all to begin anew (`reset`)."""
    data = f"-X POST -d '{json.dumps(trouble)}'" if path else ""
    answer = host("isp").run(f"curl -sS --fail-with-body --max-time 10 {data} http://127.0.0.1:8053/{path}")
    assert answer.rc == 0, answer.stdout + answer.stderr
    return dict(json.loads(answer.stdout))


def calls(provider: str) -> list[dict[str, Any]]:
    """What a simulator was asked since the last reset, in order."""
    return [call for call in simulators()["calls"] if call["provider"] == provider]


def published(name: str, kind: str = "A") -> list[str]:
    """Records of a name at the authoritative server."""
    return list(host("isp").run(f"dig +short @127.0.0.1 {name} {kind}").stdout.split())


def with_sites(*sites: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    """A change of an inventory: these sites more."""
    return lambda variables: variables["exposure_sites"].extend(sites)


def add_group(inventory: Path, group: str, host: str) -> None:
    """Put a host of a copied inventory into a group."""
    path = inventory / "hosts.yml"
    hosts = yaml.safe_load(path.read_text())
    hosts["all"]["children"].setdefault(group, {"hosts": {}})["hosts"][host] = {}
    path.write_text(yaml.safe_dump(hosts))


def inventory_with(folder: Path, **changes: Callable[[dict[str, Any]], None]) -> Path:
    """A copy of the bed's inventory in which the variables of some hosts (or of `all`) were changed by functions."""
    copy = folder / "inventory"
    shutil.copytree(INVENTORY, copy)
    for name, change in changes.items():
        path = copy / ("group_vars" if name == "all" else "host_vars") / f"{name}.yml"
        variables = yaml.safe_load(path.read_text()) if path.exists() else {}
        change(variables)
        path.write_text(yaml.safe_dump(variables))
    return copy
