# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the Plan has to know of a host, read in one go: release, proxy, addresses, listeners, containers."""

from __future__ import annotations

import hashlib
import http.client
import importlib.util
import json
import re
import shutil
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .sockets import listeners

Run = Callable[[Sequence[str]], tuple[int, str]]

COMPOSE_PLUGIN = (
    "/usr/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/root/.docker/cli-plugins",
)
UNITS = {
    "caddy": ("etc/systemd/system/caddy.service.d/exposure.conf",),
    "certbot": ("etc/letsencrypt/renewal-hooks/deploy/exposure",),
    "certificate_store": (
        "etc/systemd/system/exposure-certificates.service",
        "etc/systemd/system/exposure-certificates.timer",
        "etc/systemd/system/exposure-certificates-deploy.service",
    ),
    "command": ("usr/local/lib/exposure/exposure.pyz",),
    "ddns": (
        "etc/systemd/system/exposure-ddns.service",
        "etc/systemd/system/exposure-ddns.timer",
        "etc/systemd/system/exposure-ddns.path",
        "etc/systemd/system/exposure-address-watch.service",
    ),
    "failure": ("etc/systemd/system/exposure-failure@.service",),
    "firewall": ("etc/systemd/system/exposure-firewall.service",),
    "router": ("etc/systemd/system/exposure-router.service",),
    "sni_router": ("etc/systemd/system/exposure-sni-router.service", "usr/local/lib/exposure/sni-router-reload"),
    "watch": (
        "etc/systemd/system/exposure-watch.service",
        "etc/systemd/system/exposure-watch.timer",
        "etc/systemd/system/exposure-watch.path",
    ),
    "watch_textfile": ("etc/systemd/system/exposure-watch.service.d/textfile.conf",),
    "nginx": (
        "etc/systemd/system/nginx.service.d/exposure.conf",
        "usr/local/lib/exposure/nginx-reload",
        "etc/nginx/conf.d/exposure.conf",
        "etc/nginx/modules-enabled/90-exposure.conf",
    ),
}
"""What roles write for systemd. Its digest tells them, without a task of its own, whether it is current."""
PACKAGES = (
    *("caddy", "nginx", "libnginx-mod-stream", "python3-certbot*", "certbot", "python3-venv", "python3-packaging", "mkcert"),
    *("python3-cryptography", "python3-dnspython", "python3-miniupnpc", "apprise"),
)
"""Packages that roles install, as dpkg-query takes them."""
DEFAULT_SERVER = re.compile(
    r"(?:^|[;{}])[ \t]*listen\s+"
    r"(?:(?:\S*:)?(?:80|443)(?=\s)|(?!\d+\s|unix:)(?:\[[^\]\s]*\]|[^\s:;\[\]]+)(?=\s))"  # an address without a port means 80
    r"[^;]*\s(?:default_server|default)\b",
    re.MULTILINE,
)
DOCKER_SOCKET = "/run/docker.sock"


def look(run: Run, root: Path = Path("/"), directory: str = "/etc/exposure") -> dict[str, Any]:
    """All of it. `run` gives (exit code, output) of a command; `directory` is where what is known of apps is kept."""
    release = release_of((root / "etc/os-release").read_text())
    docker = bool(shutil.which("docker"))
    compose = any((root / folder.lstrip("/") / "docker-compose").exists() for folder in COMPOSE_PLUGIN)
    installed = packages(run)
    caddy = installed.get("caddy") or caddy_binary(run)
    archive = archives(run, release) if not (docker and compose and caddy) or (release == "trixie" and caddy.startswith("2.6")) else {}
    return {
        "release": release,
        "caddy": caddy,
        "nginx": installed.get("nginx", ""),
        "certbot": installed.get("certbot", ""),
        "packages": sorted(installed),
        **nginx_sites(run, root / "etc/nginx"),
        "ipv6": (root / "proc/net/if_inet6").exists(),
        "resolvers": resolvers(root / "etc/resolv.conf"),
        "docker": docker,
        "compose": compose,
        "compose_alone": "" if compose else compose_alone(run),
        "apt": bool(shutil.which("apt-get")),
        "yaml": importlib.util.find_spec("yaml") is not None,
        "nft": bool(shutil.which("nft")),
        "firewall": (root / "etc/exposure/firewall").exists(),
        "roles": roles(root),
        **{f"{name}_released": (root / f"etc/exposure/{name}/current").exists() for name in ("caddy", "nginx", "sni_router")},
        "units": {name: digest([root / path for path in paths]) for name, paths in UNITS.items()},
        "caddyfile_edited": edited(run, "caddy", root / "etc/caddy/Caddyfile"),
        "package_lists": any((root / "var/lib/apt/lists").glob("*_Packages*")),
        "archive": archive.get("uri", ""),
        "suites": archive.get("suites", []),
        "addresses": lan_addresses(run),
        "address_trouble": any((root / f"var/lib/exposure/failures/exposure-{unit}.service.json").exists() for unit in ("ddns", "router")),
        "network": kept(root / "var/lib/exposure/network.json"),
        "watch": watch(run, root),
        "watched": kept(root / "var/lib/exposure-watch/last.json"),
        "fixed": first_started(root / directory.lstrip("/") / "apps"),
        "router_rules": rules(kept(root / "var/lib/exposure-router/router.json")),
        "listening": [vars_of(listener) for listener in listeners()],
        "containers": containers(root / DOCKER_SOCKET.lstrip("/")) if docker else [],
    }


def vars_of(listener: Any) -> dict[str, Any]:
    return {"address": listener.address, "port": listener.port, "process": listener.process}


def release_of(os_release: str) -> str:
    """The code name in /etc/os-release (os-release(5)), '' where there is none."""
    for line in os_release.splitlines():
        name, _, value = line.partition("=")
        if name == "VERSION_CODENAME":
            return value.strip("\"'")
    return ""


def roles(root: Path) -> list[str]:
    """The roles that left something on the host, in the order in which they are taken off again."""
    signs = {
        "watch": "etc/systemd/system/exposure-watch.timer",
        "caddy": "etc/systemd/system/caddy.service.d/exposure.conf",
        "nginx": "etc/systemd/system/nginx.service.d/exposure.conf",
        "sni_router": "etc/systemd/system/exposure-sni-router.service",
        "certbot": "etc/letsencrypt/renewal-hooks/deploy/exposure",
        "certificate_store": "etc/systemd/system/exposure-certificates.timer",
        "router": "etc/systemd/system/exposure-router.service",
        "ddns": "etc/systemd/system/exposure-ddns.timer",
    }
    return [name for name, path in signs.items() if (root / path).exists()]


def packages(run: Run) -> dict[str, str]:
    """The versions of those of our packages that are installed."""
    _, output = run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status} ${Version}\\n", *PACKAGES])
    rows = [row.split() for row in output.splitlines()]
    return {row[0]: row[2] for row in rows if len(row) == 3 and row[1] == "installed"}


def caddy_binary(run: Run) -> str:
    """The version of a Caddy that came in no package; '' without one."""
    if not shutil.which("caddy"):
        return ""
    code, output = run(["caddy", "version"])
    return output.split()[0].lstrip("v") if not code and output.split() else ""


def compose_alone(run: Run) -> str:
    """The path of a Compose 2 that is no plugin of docker yet, such as a system without a package manager has; '' without one."""
    path = shutil.which("docker-compose")
    code, output = run(["docker-compose", "version", "--short"]) if path else (1, "")
    return str(path) if not code and output.strip().lstrip("v").startswith("2.") else ""


def nginx_sites(run: Run, etc: Path) -> dict[str, Any]:
    """What nginx serves besides ours: whether the package's welcome page is on (`nginx_welcome`), whether a person has sites there
    (`nginx_own_sites`), and which of those answer for every name (`nginx_defaults`)."""
    own = [path for folder in ("sites-enabled", "conf.d") for path in sorted((etc / folder).glob("*")) if path.is_file() and path.name != "exposure.conf"]
    welcome = [
        path for path in own if path == etc / "sites-enabled/default" and not edited(run, "nginx-common", path, as_name="/etc/nginx/sites-available/default")
    ]
    own = [path for path in own if path not in welcome and not path.name.startswith(".")]
    defaults = [str(path) for path in own if DEFAULT_SERVER.search(path.read_text(errors="replace"))]
    return {"nginx_welcome": bool(welcome), "nginx_own_sites": bool(own), "nginx_defaults": defaults}


def resolvers(path: Path) -> list[str]:
    """The DNS servers of the host as nginx takes them (resolv.conf(5)), at most three."""
    found = re.findall(r"^nameserver\s+([0-9A-Fa-f.:]+)", path.read_text(errors="replace"), re.MULTILINE) if path.exists() else []
    return [f"[{one}]" if ":" in one else one for one in found[:3]]


def rules(router: dict[str, Any]) -> list[dict[str, Any]] | None:
    """The rules of the router as the last run of `exposure router` left them; None where no router answered, so that nobody knows them."""
    return router.get("mappings") if router.get("protocol") else None


def kept(path: Path) -> dict[str, Any]:
    """What an earlier run or a timer kept on this host as JSON; nothing where there was none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def first_started(folder: Path) -> dict[str, dict[str, str]]:
    """What apps were first started with and must keep (apps/first_start.py): stack -> name -> value."""
    found = {path.stem: kept(path).get("fixed") for path in sorted(folder.glob("[!.]*.json"))}
    return {stack: values for stack, values in found.items() if isinstance(values, dict)}


def watch(run: Run, root: Path) -> dict[str, Any]:
    """`runs`: whether what starts the watch is active, as its files say, and will be after the next start; `textfile`: its folder for
    Prometheus."""
    units = ("exposure-watch.timer", "exposure-watch.path", "exposure-watch.service")
    states = []
    if all((root / "etc/systemd/system" / unit).exists() for unit in units):
        code, shown = run(["systemctl", "show", "--no-pager", "--property=ActiveState,UnitFileState,NeedDaemonReload", "--", *units])
        states = [] if code else shown.split()
    try:
        granted = (root / UNITS["watch_textfile"][0]).read_text()
    except OSError:
        granted = ""
    folder = re.search(r"^ReadWritePaths=-(/\S*)$", granted, re.MULTILINE)
    return {
        "runs": [states.count(one) for one in ("ActiveState=active", "UnitFileState=enabled", "NeedDaemonReload=no")] == [2, 2, 3],
        "textfile": folder[1] if folder else "",
    }


def digest(paths: Sequence[Path]) -> str:
    """SHA-256 of files one after the other, '' where one is missing."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest() if all(path.exists() for path in paths) else ""


def edited(run: Run, package: str, path: Path, as_name: str = "") -> bool:
    """Whether a configuration file is a person's: present, and not as its package brought it (dpkg-query(1), Conffiles)."""
    if not path.exists():
        return False
    code, output = run(["dpkg-query", "-W", "-f", "${Conffiles}", package])
    digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    rows = [row.split() for row in output.splitlines()]
    return bool(code) or digest not in [row[1] for row in rows if len(row) > 1 and as_name in ("", row[0])]


def archives(run: Run, release: str) -> dict[str, Any]:
    """The Debian archive that apt takes this release from (`uri`), and the suites it knows there (apt-get(8), --print-uris).

    It is asked so and not with `indextargets`, which lists nothing before the first update.
    """
    code, output = run(["apt-get", "--print-uris", "update"])
    rows = re.findall(r"^'(\S+?)/+dists/(\S+)/InRelease'", output, re.MULTILINE) if not code else []
    uris = [uri for uri, suite in rows if suite == release]
    return {"uri": uris[0], "suites": sorted({suite for _, suite in rows})} if uris else {}


def lan_addresses(run: Run) -> list[str]:
    """The host's lasting addresses on the interface of its default route, IPv4 first."""
    found = []
    for family in ("-4", "-6"):
        code, output = run(["ip", "-j", family, "route", "show", "default"])
        routes = json.loads(output or "[]") if not code else []
        if not routes or "dev" not in routes[0]:
            continue
        code, output = run(["ip", "-j", family, "address", "show", "dev", routes[0]["dev"], "scope", "global"])
        for interface in json.loads(output or "[]") if not code else []:
            found += [a["local"] for a in interface.get("addr_info", []) if a.get("local") and not a.get("temporary") and not a.get("deprecated")]
    return found


class DockerConnection(http.client.HTTPConnection):
    """HTTP over the engine's socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=5)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(5)
        self.sock.connect(self.path)


def containers(path: Path) -> list[dict[str, str]]:
    """The containers of compose projects (Docker Engine API, GET /containers/json): project, service, image, state."""
    connection = DockerConnection(str(path))
    try:
        connection.request("GET", "/containers/json?all=1&filters=" + quote(json.dumps({"label": ["com.docker.compose.project"]})))
        answer = connection.getresponse()
        listed = json.loads(answer.read()) if answer.status == 200 else []
    except (OSError, http.client.HTTPException, ValueError):
        return []  # nothing answers there, or something that is no engine
    finally:
        connection.close()
    return [
        {
            "project": one["Labels"]["com.docker.compose.project"],
            "service": one["Labels"].get("com.docker.compose.service", ""),
            "image": one["Image"],
            "state": one["State"],
        }
        for one in listed
    ]
