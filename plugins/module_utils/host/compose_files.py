# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compose files that a person has already: what they say, by Compose itself, and what really runs of them, by the engine. Nothing is changed.

No value of an environment leaves the host, but for those by which apps are told of proxies and names.
"""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..acme.problem import printable
from ..audit import rules
from ..audit.published import get
from . import reach
from .execute import execute

Command = Callable[[Sequence[str]], tuple[int, str, str]]
"""Runs a command: (exit code, output, errors)."""
Engine = Callable[[str], Any]
"""What the engine answers to GET of a path; None where it has no such thing, or does not answer."""

NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
"""In the order in which Compose looks (Compose, The Compose file)."""
LABEL = "com.docker.compose."
TELLING = re.compile(r"PROX|TRUST|FORWARD|OVERWRITE|DOMAIN|HOST|URL|ORIGIN|REWRITE")
SECRET = re.compile(r"PASS|SECRET|TOKEN|KEY|CRED|AUTH")
USER_INFO = re.compile(r"//[^/\s]*@")
UPSTREAM = re.compile(r"(?<![\w.-])([a-zA-Z][\w.-]*|\d{1,3}(?:\.\d{1,3}){3}):(\d{2,5})\b")
CONFIGURATION = ("", ".conf", ".yml", ".yaml", ".toml", ".caddy", ".cfg", ".json")
MOST_TEXT, MOST_FILES = 1 << 18, 40
"""Bytes of a proxy's file, and how many of its files are read."""
PATIENCE = 60


def look(wanted: Sequence[Mapping[str, str]], command: Command, engine: Engine) -> dict[str, Any]:
    """What was found of each `compose` (a file or folder), by that name. `proxy`: the service of it that is a proxy, '' for none."""
    if not wanted:
        return {}
    compose = compose_command(command)
    return {one["compose"]: look_at(one["compose"], one.get("proxy", ""), compose, command, engine) for one in wanted}


def compose_command(command: Command) -> list[str]:
    """Compose 2, as a plugin of docker or by itself; empty where there is none."""
    for words in (["docker", "compose"], ["docker-compose"]):
        code, output, _ = command([*words, "version", "--short"])
        if not code and output.strip().lstrip("v").partition(".")[0].isdigit() and not output.strip().startswith(("1.", "v1.")):
            return words
    return []


def look_at(declared: str, proxy: str, compose: list[str], command: Command, engine: Engine) -> dict[str, Any]:
    given = Path(declared)
    found: dict[str, Any] = {"problem": "", "compose": compose, "files": [], "directory": ""}
    files = files_of(given)
    if not files:
        what = "there is no compose file in this folder" if given.is_dir() else "there is no such file on this host"
        return {**found, "problem": what}
    if not compose:
        return {**found, "problem": "Docker Compose 2 is not installed on this host, so the file cannot be read"}
    listed = engine("/containers/json?all=1&filters=" + quote(json.dumps({"label": [f"{LABEL}project"]})))
    if listed is None:
        return {**found, "problem": "the Docker engine does not answer on this host"}
    own = [one for one in listed if started_from(one, files[0])]
    if own:  # all files that it was started with, as a second one may overrule the first
        named = [Path(path) for path in label(own[0], "project.config_files").split(",")]
        files = named if all(path.is_file() for path in named) else files
    found |= {"files": [str(path) for path in files], "directory": (label(own[0], "project.working_dir") if own else "") or str(files[0].parent)}
    project = ["-p", label(own[0], "project")] if own else []
    code, output, errors = command([*compose, *project, "--project-directory", found["directory"], *flags(found["files"]), "config", "--format", "json"])
    try:
        config = json.loads(output) if not code else None
    except ValueError:
        config = None
    if not isinstance(config, dict):
        return {**found, "problem": f"docker compose does not accept it: {without_values(errors or output)}"}
    name = str(config.get("name", ""))
    own = own or [one for one in listed if label(one, "project") == name]
    found |= {
        "project": name,
        "services": {one: service_of(its or {}, config.get("volumes") or {}, engine) for one, its in (config.get("services") or {}).items()},
        "networks": {key: network_of(its or {}, engine) for key, its in (config.get("networks") or {}).items()},
        "containers": [container_of(one, engine) for one in own if label(one, "oneoff") != "True"],
        "upstreams": [],
        "reach": [],
        "dropped_by": "",
    }
    if proxy in found["services"]:
        found["upstreams"] = upstreams(found["services"][proxy]["mounts"])
        found["reach"] = reach.look(proxy, found, engine)
    if any(one["answer"] == "silent" for one in found["reach"]):
        found["dropped_by"] = rules.look(lambda words: command(words)[:2]).drops.get("ip", "")
    return found


def files_of(given: Path) -> list[Path]:
    """The file with its companion that overrules it, as `docker compose up` in its folder would read them."""
    names = [given / name for name in NAMES] if given.is_dir() else [given]
    first = next((path for path in names if path.is_file()), None)
    if first is None:
        return []
    override = first.with_name(f"{first.stem}.override{first.suffix}")
    return [first, override] if first.name in NAMES and override.is_file() else [first]


def flags(files: Sequence[str]) -> list[str]:
    return [word for path in files for word in ("-f", path)]


def label(container: Mapping[str, Any], name: str) -> str:
    return str((container.get("Labels") or {}).get(f"{LABEL}{name}", ""))


def started_from(container: Mapping[str, Any], file: Path) -> bool:
    """Whether Compose made a container from this file, whatever other path leads to it."""
    for path in label(container, "project.config_files").split(","):
        try:
            if path and Path(path).samefile(file):
                return True
        except OSError:
            continue
    return False


def without_values(text: str) -> str:
    """The reason of Compose without what stands in quotes, which may be a secret."""
    lines = [line for line in text.strip().splitlines() if "level=warning" not in line]
    return printable(re.sub(r"\"[^\"]*\"|'[^']*'", "...", " ".join(lines)), 300)


def service_of(its: Mapping[str, Any], volumes: Mapping[str, Any], engine: Engine) -> dict[str, Any]:
    networks = its.get("networks") or {}
    environment = its.get("environment") or {}
    return {
        "image": str(its.get("image", "")),
        "network_mode": str(its.get("network_mode", "")),
        "networks": {key: str((one or {}).get("ipv4_address", "")) for key, one in networks.items()},
        "ordered": any((one or {}).get(line) for one in networks.values() for line in ("priority", "gw_priority")),
        "ports": [
            {
                "address": str(one.get("host_ip", "")) or "0.0.0.0",
                "published": int(one["published"]) if str(one.get("published", "")).isdigit() else 0,
                "target": int(one.get("target", 0)),
                "protocol": str(one.get("protocol", "tcp")),
            }
            for one in its.get("ports") or ()
        ],
        "mounts": [mount_of(one, volumes, engine) for one in its.get("volumes") or ()],
        "extra_hosts": [str(one) for one in its.get("extra_hosts") or ()],
        "told": {name: str(value) for name, value in environment.items() if value is not None and tells(str(name), str(value))},
    }


def tells(name: str, value: str) -> bool:
    """Whether a variable may tell an app of its proxy or its name, and is no secret."""
    return bool(TELLING.search(name.upper())) and not SECRET.search(name.upper()) and not USER_INFO.search(value) and len(value) < 500


def mount_of(one: Mapping[str, Any], volumes: Mapping[str, Any], engine: Engine) -> dict[str, Any]:
    """Where on the host a folder or file of a service is. `kind`: folder, file, or missing."""
    source, kind = str(one.get("source", "")), str(one.get("type", ""))
    if kind == "volume" and source:
        its = engine(f"/volumes/{quote(str((volumes.get(source) or {}).get('name') or source), safe='')}") or {}
        source = str(its.get("Mountpoint", ""))
    elif kind != "bind":
        source = ""
    path = Path(source or "/dev/null")
    there = "" if not source else "folder" if path.is_dir() else "file" if path.exists() else "missing"
    return {"source": source, "target": str(one.get("target", "")), "type": kind, "kind": there}


def network_of(its: Mapping[str, Any], engine: Engine) -> dict[str, Any]:
    """A network as the engine has it, or where it has none as the file fixes it."""
    name = str(its.get("name", ""))
    made = engine(f"/networks/{quote(name, safe='')}")
    rows = ((made or {}).get("IPAM") or {}).get("Config") or []
    fixed = (its.get("ipam") or {}).get("config") or []
    return {
        "name": name,
        "made": made is not None,
        "internal": bool(its.get("internal")),
        "subnets": [str(row["Subnet"]) for row in rows if row.get("Subnet")] or [str(row["subnet"]) for row in fixed if row.get("subnet")],
        "gateways": [str(row["Gateway"]) for row in rows if row.get("Gateway")] or [str(row["gateway"]) for row in fixed if row.get("gateway")],
    }


def container_of(one: Mapping[str, Any], engine: Engine) -> dict[str, Any]:
    """`networks`: by name, the container's addresses and the gateway; `way_out`: the network of its default route."""
    networks = ((one.get("NetworkSettings") or {}).get("Networks")) or {}
    rows = {
        name: {
            "address": str(its.get("IPAddress") or ""),
            "address6": str(its.get("GlobalIPv6Address") or ""),
            "gateway": str(its.get("Gateway") or ""),
        }
        for name, its in networks.items()
    }
    return {
        "id": str(one.get("Id", ""))[:12],
        "name": str((one.get("Names") or ["?"])[0]).lstrip("/"),
        "service": label(one, "service"),
        "image": str(one.get("Image", "")),
        "state": str(one.get("State", "")),
        "networks": rows,
        "way_out": reach.way_out(rows, one, engine),
        "ports": [
            {
                "address": str(port.get("IP") or "0.0.0.0"),
                "published": int(port["PublicPort"]),
                "target": int(port["PrivatePort"]),
                "protocol": str(port.get("Type") or "tcp"),
            }
            for port in one.get("Ports") or ()
            if port.get("PublicPort")
        ],
    }


def upstreams(mounts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Every `name:port` in the text files that a proxy is given, comments left out: where it may send requests."""
    found: dict[str, None] = {}
    paths: list[Path] = []
    for mount in mounts:
        path = Path(mount["source"])
        if mount["type"] == "bind" and mount["kind"] == "file":
            paths.append(path)
        elif mount["type"] == "bind" and mount["kind"] == "folder" and "data" not in path.name:
            paths += sorted(one for one in path.rglob("*") if one.is_file() and one.suffix in CONFIGURATION)
    for path in paths[:MOST_FILES]:
        try:
            with path.open(errors="replace") as text:
                lines = text.read(MOST_TEXT).splitlines()
        except OSError:
            continue
        for line in lines:
            found |= dict.fromkeys(f"{host}:{port}" for host, port in UPSTREAM.findall(line.partition("#")[0]))
    return list(found)[:200]


def run(words: Sequence[str]) -> tuple[int, str, str]:
    """A command of this host."""
    return execute(words, PATIENCE)


def ask(socket: Path) -> Engine:
    """The engine behind a socket."""

    def asked(what: str) -> Any:
        try:
            status, answer = get(socket, what)
        except (OSError, http.client.HTTPException, ValueError):
            return None
        return answer if status == 200 else None

    return asked
