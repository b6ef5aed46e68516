# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which certificates each host's store holds, and for whom."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from ..network.challenge import Choice, choose
from . import engines
from .collection import House, Route
from .declaration import HIDDEN
from .mistakes import Mistakes
from .model import Certificate, Plan

STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"
"""Let's Encrypt's staging directory (letsencrypt.org/docs/staging-environment)."""

PRODUCTION = "https://acme-v02.api.letsencrypt.org/directory"

ENGINE_UNITS = {"caddy": "caddy.service", "nginx": "nginx.service"}


def stored_name(site: Mapping[str, Any], proxy: Mapping[str, Any]) -> str:
    """The name of a site's certificate in its proxy's store, '' where the proxy manages it itself or the site has none."""
    if site["certificate"]:
        return str(site["certificate"])
    if site["tls"] == "passthrough" or (site["tls"] == "acme" and proxy["proxy"] == "caddy" and not only_dns(proxy["acme"])):
        return ""
    return str(site["name"])


def acme_settings(declared: Mapping[str, Any]) -> dict[str, Any]:
    """The ACME settings of a host: the directory that is meant, and the one where an order is rehearsed before it is spent."""
    directory = STAGING if declared["staging"] else declared["directory"]
    return {**declared, "directory": directory, "rehearsal": declared["rehearsal"] or (STAGING if directory == PRODUCTION else "")}


def settle_challenges(name: str, own: list[Route], house: House) -> str:
    """Put the challenges that can work in place of `auto`, and say why them; refuse those that cannot."""
    host = house.hosts[name]
    asked, ports = host["acme"]["challenges"], host["ports"]
    needed = any(route.site["tls"] == "acme" for route in own) or any(entry["kind"] == "acme" for entry in host["certificates"])
    if "auto" not in asked:
        works = [one for one in asked if one == "dns-01" or (one, ports["http"]) == ("http-01", 80) or (one, ports["https"]) == ("tls-alpn-01", 443)]
        if needed and not works:
            problem = "an authority comes in by port 80 for http-01 and by 443 for tls-alpn-01, and those lead elsewhere here"
            house.mistakes.add(name, "", "exposure_acme.challenges", ", ".join(asked), problem, "[dns-01], with your DNS provider in exposure_acme.dns")
        return f"{' and '.join(asked)}, as declared."

    def choice(seen: Mapping[str, Any]) -> Choice:
        return choose(seen, ports["https"], ports["http"], host["acme"]["dns"], host["proxy"], wildcard=False)

    possible = choice({})
    if possible.impossible and needed:
        cure = "https: 443 or http: 80, or exposure_acme with dns: and the name of your DNS provider"
        house.mistakes.add(name, "", "exposure_ports", f"https {ports['https']}, http {ports['http']}", possible.impossible, cure)
    # What a diagnosis saw may be mended by now: where it leaves nothing, it is told, and the order tried all the same.
    better = choice(house.inventory[name].found.get("network", {}))
    host["acme"]["challenges"] = (better if better.challenges else possible).challenges or ["http-01"]
    return better.because or better.impossible


def only_dns(acme: Mapping[str, Any]) -> bool:
    return list(acme["challenges"]) == ["dns-01"]


def add_certificates(plan: Plan, house: House, routes: list[Route]) -> None:
    """The certificates of each proxy's store: those that are declared, and one for each site that names none."""
    for name in house.proxies:
        host = house.hosts[name]
        own = [route for route in routes if route.proxy == name and route.whole]
        because = settle_challenges(name, own, house)
        plan.hosts[name].challenges = because
        declared = {entry["name"]: entry for entry in declared_once(name, host, house.mistakes)}
        found = [declared_certificate(entry, host, name, house.mistakes) for entry in declared.values()]
        for route in own:
            site, where = route.site, f"site {route.site['name']}"
            if site["certificate"]:
                check_use(route, declared, house.mistakes)
            elif stored := stored_name(site, host):
                if stored in declared:
                    problem = "a certificate of this name is declared, and the site does not say that it uses it"
                    house.mistakes.add(route.host, where, "certificate", "(missing)", problem, f"certificate: {stored}, or another name for either")
                kind = "local" if site["tls"] == "local" else "acme"
                found.append(Certificate(stored, list(site["hosts"]), kind, challenge(site["hosts"], host) if kind == "acme" else "", host["acme"]["key_type"]))
        for certificate in found:
            certificate.reload = [ENGINE_UNITS[host["proxy"]]]
        check_acme(name, found, house)
        check_binding(name, own, house)
        check_copies(name, list(declared.values()), house.mistakes)
        kinds = {certificate.kind for certificate in found}
        plan.hosts[name].unused = ([] if "acme" in kinds else ["certbot"]) + ([] if kinds else ["certificate_store"])
        plan.hosts[name].certificates = sorted(found, key=lambda certificate: certificate.name)
    if any(certificate.kind == "local" for its in plan.hosts.values() for certificate in its.certificates):
        plan.authority = authority(plan, house)
    for name, host in house.hosts.items():
        if name not in house.proxies and host["certificates"]:
            problem = "certificates are kept on a host that carries a proxy, and this one does not"
            house.mistakes.add(name, "", "exposure_certificates", f"{len(host['certificates'])} entries", problem, "the entries in the host_vars of the proxy")


def authority(plan: Plan, house: House) -> str:
    """The host of the local authority: the one of the group `local_ca`, else the first proxy that has a certificate of it."""
    grouped = [name for name, host in house.inventory.items() if "local_ca" in host.groups]
    if len(grouped) > 1:
        house.mistakes.add(grouped[1], "", "(group local_ca)", ", ".join(grouped), "there can be one local authority", "one host in the group local_ca")
    needing = [name for name, its in plan.hosts.items() if any(certificate.kind == "local" for certificate in its.certificates)]
    return (grouped or needing)[0]


def declared_once(name: str, host: Mapping[str, Any], mistakes: Mistakes) -> list[dict[str, Any]]:
    entries: dict[str, dict[str, Any]] = {}
    for entry in host["certificates"]:
        if entries.setdefault(entry["name"], entry) is not entry:
            mistakes.add(
                name, f"certificate {entry['name']}", "name", entry["name"], "the certificate is declared twice on this host", "one entry for each name"
            )
    return list(entries.values())


def challenge(hosts: list[str], host: Mapping[str, Any], chosen: str = "auto") -> str:
    """How an authority is shown that the names are ours: as chosen, by DNS where it must be, else over http."""
    wild = any(name.startswith("*.") for name in hosts)
    if chosen != "auto":
        return chosen
    can = host["acme"]["challenges"]
    return "dns-01" if wild or ("http-01" not in can and "dns-01" in can) else "http-01"


def declared_certificate(entry: Mapping[str, Any], host: Mapping[str, Any], name: str, mistakes: Mistakes) -> Certificate:
    """An entry of exposure_certificates, checked for what its lines mean together."""
    where, kind = f"certificate {entry['name']}", entry["kind"]
    if kind != "files" and not entry["hosts"] and not mistakes.about(name, where, "hosts"):
        mistakes.add(name, where, "hosts", "(missing)", "the certificate has no names", "hosts: [example.org, '*.example.org']")
    for line in ("chain", "key"):
        if kind == "files" and not entry[line] and not mistakes.about(name, where, line):
            mistakes.add(
                name, where, line, "(missing)", "a certificate of your own needs its file", f"{line}: a PEM file on the controller (ansible-vault is read)"
            )
        if kind != "files" and entry[line]:
            mistakes.add(name, where, line, entry[line], "only a certificate of your own has files", "kind: files, or the entry without this line")
    if kind == "acme":
        for one in entry["hosts"]:
            if one == "localhost" or is_address(one):
                mistakes.add(name, where, "hosts", one, "a public authority gives no certificate for it", "kind: local, or a public name")
            if one.startswith("*.") and entry["challenge"] == "http-01":
                mistakes.add(name, where, "challenge", "http-01", f"a wildcard such as {one} can be had by DNS only", "challenge: dns-01")
    how = challenge(entry["hosts"], host, entry["challenge"]) if kind == "acme" else ""
    key_type = entry["key_type"] or host["acme"]["key_type"]
    return Certificate(entry["name"], list(dict.fromkeys(entry["hosts"])), kind, how, key_type, entry["chain"], entry["key"], entry["copies"], entry["after"])


def is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def covers(names: list[str], host: str) -> bool:
    """Whether a name is among those of a certificate; a wildcard stands for one label (RFC 6125, 6.4.3)."""
    return host in names or f"*.{host.partition('.')[2]}" in names


def check_use(route: Route, declared: Mapping[str, Mapping[str, Any]], mistakes: Mistakes) -> None:
    """A site uses a certificate that its proxy has and that is for its names."""
    site, where = route.site, f"site {route.site['name']}"
    entry = declared.get(site["certificate"])
    if entry is None:
        known = ", ".join(sorted(declared)) or "an entry of exposure_certificates"
        mistakes.add(route.host, where, "certificate", site["certificate"], f"{route.proxy} has no certificate of this name", known)
        return
    for name in site["hosts"]:
        if entry["hosts"] and not covers(entry["hosts"], name):
            problem = f"certificate {entry['name']} is not for {name}"
            mistakes.add(route.host, where, "certificate", site["certificate"], problem, f"{name} among the hosts of the certificate")


def check_acme(name: str, found: list[Certificate], house: House) -> None:
    """What ACME certificates of the store need of their host: a challenge that certbot can answer, and a certbot that can ask for it."""
    host = house.hosts[name]
    asked = [certificate for certificate in found if certificate.kind == "acme"]
    if not asked:
        return
    release = house.inventory[name].found.get("release") or engines.NEWEST_TESTED
    if host["proxy"] == "caddy" and (over_http := [certificate.name for certificate in asked if certificate.challenge == "http-01"]):
        cure = "challenge: dns-01 for it, its names as sites (Caddy orders those itself), or exposure_proxy: nginx"
        house.mistakes.add(name, "", "exposure_certificates", ", ".join(over_http), "with Caddy, certbot cannot answer over http", cure)
    if host["acme"]["challenges"] == ["tls-alpn-01"] and any(certificate.challenge != "dns-01" for certificate in asked):
        cure = "[http-01], [dns-01], or exposure_proxy: caddy"
        house.mistakes.add(name, "", "exposure_acme.challenges", "tls-alpn-01", "certbot cannot answer this challenge", cure)
    if any(certificate.challenge == "dns-01" for certificate in asked) and not host["acme"]["dns"]:
        names = ", ".join(certificate.name for certificate in asked if certificate.challenge == "dns-01")
        cure = "dns: rfc2136, duckdns, cloudflare or another plugin of certbot, and its lines in exposure_acme_credentials"
        house.mistakes.add(name, "", "exposure_acme.dns", "(missing)", f"certificate {names} is proven by DNS, and no DNS provider is named", cure)
    if host["acme"]["profile"] and host["certbot_source"] == "debian" and engines.CERTBOT.get(release, (0, 0)) < engines.CERTBOT_PROFILE:
        needed, had = (".".join(map(str, version)) for version in (engines.CERTBOT_PROFILE, engines.CERTBOT.get(release, (0, 0))))
        problem = f"to ask for a profile, certbot {needed} is needed; {release} has {had}"
        house.mistakes.add(name, "", "exposure_acme.profile", host["acme"]["profile"], problem, "exposure_certbot_source: pypi")


def check_binding(name: str, own: list[Route], house: House) -> None:
    """Only certbot is told the account binding, so Caddy may not be the one who orders where it is declared."""
    host = house.hosts[name]
    sites = [str(route.site["name"]) for route in own if route.site["tls"] == "acme" and not stored_name(route.site, host)]
    if host["acme_eab"] and sites:
        problem = f"Caddy orders the certificate of {', '.join(sorted(sites))} itself, and would order without it"
        house.mistakes.add(name, "", "exposure_acme_eab", HIDDEN, problem, "exposure_proxy: nginx, or exposure_acme with challenges: [dns-01] and dns")


def check_copies(name: str, declared: list[dict[str, Any]], mistakes: Mistakes) -> None:
    """Each file of a host is a copy of one thing: of two, the one that is written last would stay."""
    owners: dict[str, str] = {}
    for entry in declared:
        for part in entry["copies"]:
            if part["path"] in owners:
                problem = f"a copy of certificate {owners[part['path']]} has this path already"
                mistakes.add(name, f"certificate {entry['name']}", "copies", part["path"], problem, "a path of its own for each copy")
            owners.setdefault(part["path"], entry["name"])
