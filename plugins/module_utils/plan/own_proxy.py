# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A proxy in a container of a person's own, before an app of the same compose file: with which address the app sees it, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from .compose_project import HOST, LOOPBACK, Network, Project

FILE_LIKE = ("Caddyfile",)


@dataclass
class Seen:
    """The addresses with which an app sees a proxy. `problem` and `write` where they are not known, `notes` for its owner."""

    peers: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problem: str = ""
    write: str = ""


def seen_by(project: Project, app: str, proxy: str, port: int) -> Seen:
    """`app`, `proxy`: services of the project. `port`: the one at which the app is reached on the host, 0 for none."""
    if project.mode(proxy) == "host":
        return Seen(list(LOOPBACK)) if project.mode(app) == "host" else by_gateway(project, app)
    if project.mode(app) == "host":
        return by_address(project, proxy, [way] if (way := project.way_out(proxy)) else [])
    shared = project.shared(app, proxy)
    words = project.look["upstreams"]
    by_host = f"{HOST}:{port}" in words and not any(word.partition(":")[0] in names_of(project, app) for word in words)
    if shared and not by_host:
        return by_address(project, proxy, shared)
    wide = [one for one in project.ports(app) if not one.on_loopback]
    if not wide:
        listed = "ports on loopback alone" if project.ports(app) else "no published port"
        problem = f"{proxy} has no network in common with {app}, which has {listed}: it cannot be reached from there"
        return Seen(
            problem=problem, write=f"one network under networks: of both {app} and {proxy}, and {app}:{project_port(project, app)} in the file of {proxy}"
        )
    return by_gateway(project, app)


def names_of(project: Project, service: str) -> set[str]:
    container = project.container(service)
    return {service, *([container["name"]] if container else [])}


def project_port(project: Project, app: str) -> str:
    ports = project.ports(app)
    return str(ports[0].target) if ports else "PORT"


def by_gateway(project: Project, app: str) -> Seen:
    network = project.way_out(app)
    return Seen([network.gateway]) if network and network.gateway else not_known(project, app)


def by_address(project: Project, proxy: str, networks: list[Network]) -> Seen:
    """The proxy's own address in these networks. One that Docker chose moves when containers start in another order."""
    seen = Seen()
    for network in networks:
        addresses = project.addresses(proxy, network)
        seen.peers += addresses
        if addresses and not project.fixed(proxy, network):
            lines = f"under {proxy}: networks: {{{network.key}: {{ipv4_address: {addresses[0]}}}}}"
            subnet = next((one for one in project.look["networks"].get(network.key, {}).get("subnets", []) if ":" not in one), "")
            pool = f", and at the end: networks: {{{network.key}: {{ipam: {{config: [{{subnet: {subnet}}}]}}}}}}" if subnet else ""
            seen.notes.append(
                f"{proxy} has the address {addresses[0]}, which Docker chose and may change, and the app trusts that alone. Fix it: {lines}{pool}. "
                f"Then docker compose down and up, once. Until then run the playbook again when {proxy} was made anew."
            )
    return seen if seen.peers else not_known(project, proxy)


def not_known(project: Project, service: str) -> Seen:
    return Seen(problem=f"{service} does not run, and the file does not fix its address", write=f"start it once: {project.started_by(service)}")


def findings(project: Project, proxy: str) -> Iterator[str]:
    """What is likely wrong with how a containerised proxy reaches the host, and who reaches it."""
    its, words = project.services[proxy], project.look["upstreams"]
    by_host = any(word.startswith(f"{HOST}:") for word in words)
    if by_host and project.mode(proxy) != "host" and not any(one.replace("=", ":").startswith(f"{HOST}:") for one in its["extra_hosts"]):
        yield f'{proxy} sends requests to {HOST}, and nothing tells it where that is. Write under {proxy}: extra_hosts: ["{HOST}:host-gateway"]'
    for one in project.look["reach"]:
        if one["answer"] == "silent":
            yield dropped(project, proxy, one["port"])
        elif one["answer"] in ("refused", "unreachable"):
            yield f"{proxy} gets no answer at {HOST}:{one['port']} ({one['address']}): nothing listens there for it, nor does a port published on 127.0.0.1."
    ports = {(one.published, one.protocol) for one in project.ports(proxy)}
    if ports and project.mode(proxy) != "host" and (443, "tcp") in ports:
        lacking = [line for key, line in {(80, "tcp"): '"80:80"', (443, "udp"): '"443:443/udp"'}.items() if key not in ports]
        if lacking:
            without = " and ".join(
                what
                for key, what in {(80, "tcp"): "an address typed without https:// leads nowhere", (443, "udp"): "there is no HTTP/3"}.items()
                if key not in ports
            )
            yield f"{proxy} publishes port 443 without {' and '.join(lacking)}: {without}. Write these lines under its ports: too, if you want them."


def dropped(project: Project, proxy: str, port: int) -> str:
    network = project.way_out(proxy)
    subnets = project.look["networks"].get(network.key, {}).get("subnets", []) if network else []
    source = next((one for one in subnets if ":" not in one), "the network of the proxy")
    by = f" ({project.look['dropped_by']})" if project.look["dropped_by"] else ""
    return (
        f"The host's firewall{by} drops what {proxy} sends to {HOST}:{port}. Let it in: ufw allow from {source} to any port {port} proto tcp, or with nftables "
        f"nft insert rule inet filter input ip saddr {source} tcp dport {port} accept (and in its file, for the next start)."
    )


def missing_files(project: Project, proxy: str) -> Iterator[tuple[str, str]]:
    """(file, problem) of each mounted file of a proxy that is none: of one that is missing Docker makes a folder, and the proxy does not start."""
    for one in project.services[proxy]["mounts"]:
        name = one["target"].rpartition("/")[2]
        if one["type"] != "bind" or not ("." in name.strip(".") or name in FILE_LIKE) or name.endswith(".d"):
            continue
        if one["kind"] == "missing":
            yield one["source"], f"{proxy} is given this file, and it is not there: Docker would make a folder of this name, and {proxy} would not start"
        elif one["kind"] == "folder" and name in FILE_LIKE:
            yield one["source"], f"{proxy} is given this file, and it is a folder, which Docker makes where a file is missing"
