# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What to do about a port: the very line of a compose file, of a service's settings, or of the inventory."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence

from . import known
from .model import ADMITTED, Declared, Listening, Published, Redirected

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*\Z")
"""A name of a container, a project or a service, as Docker takes it."""
INTERPRETERS = ("python", "node", "java", "perl", "ruby", "php", "mono", "dotnet", "sh", "bash")


def bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def place(port: int, protocol: str, addresses: Sequence[str], last: int = 0) -> str:
    """`port 8096/tcp on every address (0.0.0.0 and [::])`."""
    shown = [bracketed(address) for address in addresses]
    listed = " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)
    every = {"0.0.0.0", "::"} & set(addresses)
    ports = f"ports {port} to {last}/{protocol}" if last else f"port {port}/{protocol}"
    return f"{ports} on " + (f"every address ({listed})" if every else listed)


def meant(port: int, protocol: str, process: str, each: bool = False) -> str:
    """The line for what is to stay; `each`: it takes one for each of several ports."""
    its = f", process: {process}" if process and process.replace("-", "").replace("_", "").replace(".", "").isalnum() else ""
    return (
        f"If it is meant to be reached, say so in the inventory{', for each port' if each else ''}: {ADMITTED}: [{{port: {port}, protocol: {protocol}{its}}}]"
    )


def loopback_line(one: Published) -> str:
    """The port as compose and `docker run -p` take it, on loopback alone."""
    ports, targets = (f"{first}-{first + one.last - one.port}" if one.last else str(first) for first in (one.port, one.target))
    return f"127.0.0.1:{ports}:{targets}" + ("/udp" if one.protocol == "udp" else "")


def of_published(one: Published, ours: Iterable[Declared] = ()) -> str:
    """Names are labels that whoever made the image may have chosen: what no name of Docker's can be is in no line that somebody is to run."""
    if any(entry.what == f"app {one.project}" for entry in ours):
        return "Run playbooks/site.yml again: the app is one of your inventory, and its container is not as declared there."
    container, project, service = (name if NAME.match(name) else "" for name in (one.container, one.project, one.service))
    if one.swarm and container:
        return f"docker service update --publish-rm {one.port} {container}; a swarm cannot publish on one address, so let the proxy join its network."
    stay = meant(one.port, one.protocol, container, bool(one.last))
    if project and (service or container):
        file = f" ({shlex.quote(one.file)})" if one.file else ""
        return (
            f'In the compose file of {project}{file}, service {service or container}, write ports: ["{loopback_line(one)}"], or no line where nobody needs the '
            f"port; then docker compose -p {project} up -d {service or container}. {stay}"
        )
    remove = f"docker rm -f {container}" if container else f"docker ps --filter publish={one.port} shows it"
    return f"Remove the container ({remove}) and start it with -p {loopback_line(one)}, or without -p where nobody needs the port. {stay}"


def of_listening(one: Listening) -> str:
    return f"{closed(one)} {meant(one.port, one.protocol, name_of(one))}"


def name_of(one: Listening) -> str:
    """By what an owner best knows it again: `python3` says less than the unit that it runs in."""
    unit = one.unit.removesuffix(" (user)")
    return one.container or one.opens or (unit if unit and one.process.startswith(INTERPRETERS) else one.process)


def closed(one: Listening, setting: str = "") -> str:
    """How a listener is closed, or told to listen on loopback."""
    if one.container:
        return (
            f"The container {one.container} has the host's network. Take network_mode: host (or --network host) out of it, and publish what is needed: "
            f'ports: ["127.0.0.1:{one.port}:{one.port}{"/udp" if one.protocol == "udp" else ""}"].'
        )
    if one.process in known.FOR_CONTAINERS:
        name = known.FOR_CONTAINERS[one.process]
        return f"{name} ps --filter publish={one.port} tells for which container. Publish it on 127.0.0.1 there: 127.0.0.1:{one.port}: and the port inside."
    setting = setting or known.SETTINGS.get(one.process, "")
    if setting.startswith("systemctl"):
        return f"{setting}."
    unit, users = one.unit.removesuffix(" (user)"), one.unit.endswith(" (user)")
    if one.opens and not setting:
        stream = "ListenDatagram" if one.protocol == "udp" else "ListenStream"
        setting = f"systemctl edit {shlex.quote(one.opens)}, and there under [Socket] {stream}= and {stream}=127.0.0.1:{one.port}"
    units = " ".join(dict.fromkeys(shlex.quote(name) for name in (one.opens, unit) if name))
    if units:
        stop = f"systemctl {'--user ' if users else ''}disable --now {units}" + (" (as the user who runs it)" if users else "")
        return f"Where nobody needs it: {stop}. Else let it listen on 127.0.0.1" + (f": {setting}." if setting else ", in its own settings.")
    if setting:
        return f"Let it listen on 127.0.0.1: {setting}."
    if one.pid:
        return f"No service runs it: somebody started it (process {one.pid}; ps -fp {one.pid} tells who). End it, or let it listen on 127.0.0.1."
    return f"Find out whose it is, as root: ss -H{'u' if one.protocol == 'udp' else 't'}lnp sport = :{one.port}."


def of_redirected(one: Redirected, may_stay: bool = True) -> str:
    """`may_stay`: whether a line of the inventory would be taken for it."""
    listing = f"iptables -t nat -S {one.chain}" if one.rule.startswith("-A ") else f"nft -a list chain {one.family} {one.table} {one.chain}"
    listing = listing.replace("iptables", "ip6tables", 1) if one.family == "ip6" and one.rule.startswith("-A ") else listing
    remove = f"{listing} shows it; take it out of the file or program that writes it"
    if one.rule.startswith("-A "):
        name = "ip6tables" if one.family == "ip6" else "iptables"
        remove = (
            f"{name} -t nat {one.rule.replace('-A', '-D', 1)} takes it out until the next start; take it out too where it is written (/etc/iptables/, a script)"
        )
    stay = f" {meant(one.port, one.protocol or 'tcp', '')}" if one.port and may_stay else ""
    stay += " The line with its first port stands for the whole range." if stay and one.last else ""
    return f"{remove}.{stay}"
