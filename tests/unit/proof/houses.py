"""Homes as a proof sees them: real certificates through the inspector, and around them what the other looks tell."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from plugins.module_utils.inspection.inspector import Inspection, as_json
from plugins.module_utils.inspection.model import Seen, Settings, endpoint_of
from plugins.module_utils.proof.gather import Given, Proof, gather
from tests.unit.inspection.authority import DAY, LE, NOW, Made, make
from tests.unit.network.looks import V4, Home

Data = dict[str, Any]

ADDRESS, LAN = "62.2.3.4", "192.168.1.10"
SITES = {
    "home": "home.example.org",
    "media": "media.example.org",
    "cloud": "cloud.example.org",
    "pbx": "pbx.example.org",
}
UPSTREAMS = {"home": "127.0.0.1:8123", "media": "127.0.0.1:8096", "cloud": "192.168.1.20:8080", "pbx": "192.168.1.30:443"}
VANTAGES = {"phone": ("outside", ADDRESS), "laptop": ("lan", ADDRESS), "server": ("server", "127.0.0.1"), "the controller": ("controller", ADDRESS)}
SEEN = {
    "DNS": "A 62.2.3.4 at ns1.example.net, ns2.example.net, and here",
    "reachable": "port 443 answers",
    "certificate": "valid for {host}, by Let's Encrypt",
    "page": "200, certificate valid for {host}",
    "redirect": "308 to https",
    "HSTS": "max-age=31536000",
    "HTTP/2": "agreed by ALPN",
    "HTTP/3": "offered by Alt-Svc, and QUIC answers",
    "WebSocket": "101 Switching Protocols",
    "body size": "8 MiB were taken",
    "client address": "not proven: the app shows nobody's address",
    "unknown name": "handshake refused",
    "no name": "handshake refused",
    "port 8123 closed": "closed",
}
AT_THE_SERVER = ("reachable", "certificate", "page", "redirect", "HTTP/2")


def issued(host: str, spent: timedelta = 28 * DAY, life: timedelta = 90 * DAY, by: Made = LE, name: x509.Name | None = None, now: datetime = NOW) -> Made:
    return make((host,), by, start=now - spent, life=life, name=name)


def told(host: str, made: Made, address: str = ADDRESS, now: datetime = NOW, path: Made = LE) -> Data:
    """A certificate as exposure_probe tells it, from a real run of the inspector."""
    settings, seen = Settings(now), Seen(address, chain=(made.der, path.der), version="TLSv1.3", cipher="TLS_AES_128_GCM_SHA256", old="none")
    result = Inspection(settings).endpoint(endpoint_of({"endpoint": host}), [seen], {})
    return {"host": host, "address": address, **as_json(result, settings)}


def outcome(site: str, host: str, check: str, address: str, ok: bool | None = True, detail: str = "", advice: str = "") -> Data:
    return {"host": host, "site": site, "check": check, "address": address, "ok": ok, "detail": detail, "advice": advice}


def outcomes(site: str, host: str, kind: str, address: str) -> list[Data]:
    checks = {name: detail for name, detail in SEEN.items() if kind != "server" or name in AT_THE_SERVER}
    return [outcome(site, host, name, address, None if name == "client address" else True, detail.format(host=host)) for name, detail in checks.items()]


def results(sites: Mapping[str, str], certificates: Mapping[str, Data], vantages: Mapping[str, tuple[str, str]] = VANTAGES) -> Data:
    return {
        name: {
            "kind": kind,
            "looked": True,
            "message": "",
            "outcomes": [one for site, host in sites.items() for one in outcomes(site, host, kind, address)],
            "certificates": [{**copy.deepcopy(certificates[host]), "address": address} for host in sites.values() if host in certificates],
        }
        for name, (kind, address) in vantages.items()
    }


def probes(sites: Mapping[str, str]) -> list[Data]:
    return [{"site": site, "host": host, "proxy": "server", "path": "/", "passthrough": site == "pbx", "https_port": 443} for site, host in sites.items()]


def plan(sites: Mapping[str, str], upstreams: Mapping[str, str] = UPSTREAMS) -> Data:
    here = [{"name": one, "hosts": [host], "locations": [{"path": "/", "upstream": upstreams.get(one, "127.0.0.1:8080")}]} for one, host in sites.items()]
    proxy = {
        "engine": "caddy",
        "sites": [one for one in here if one["name"] != "pbx"],
        "passthrough": [{"hosts": [sites["pbx"]], "upstream": upstreams["pbx"]}] if "pbx" in sites else [],
    }
    return {"names": dict.fromkeys(sites.values(), "server"), "hosts": {"server": {"proxy": proxy}}}


def listening(port: int, process: str, declared: str = "", reach: str = "any", protocol: str = "tcp", unit: str = "", container: str = "") -> Data:
    address = {"any": "0.0.0.0", "lan": LAN, "loopback": "127.0.0.1"}[reach]
    own = unit or (f"{process}.service" if process != "docker-proxy" else "docker.service")
    return {
        **{"address": address, "port": port, "protocol": protocol, "process": process, "unit": own},
        **{"container": container, "reach": reach, "declared": declared},
    }


AUDIT: Data = {
    "listening": [
        listening(22, "sshd", "yours (exposure_listening)", unit="ssh.service"),
        listening(80, "caddy", "http of the proxy"),
        listening(443, "caddy", "https of the proxy"),
        listening(443, "caddy", "HTTP/3 of the proxy", protocol="udp"),
        {**listening(5353, "avahi-daemon", protocol="udp"), "known": "names on the home network (mDNS)"},
        listening(8123, "docker-proxy", "stack home_assistant", "loopback"),
        listening(8096, "docker-proxy", "stack jellyfin", "loopback"),
        listening(53, "systemd-resolve", "", "loopback", "udp", "systemd-resolved.service"),
    ],
    "published": [
        {**{"address": "127.0.0.1", "port": 8123, "protocol": "tcp", "container": "home_assistant-app-1"}, "image": "home-assistant:2026.11", "target": 8123},
        {**{"address": "127.0.0.1", "port": 8096, "protocol": "tcp", "container": "jellyfin-app-1"}, "image": "jellyfin:10.11", "target": 8096},
    ],
    "redirected": [],
    "findings": [],
}
AUDIT["listening"] += [{**one, "address": "::"} for one in AUDIT["listening"][:4]]
DATABASE: Data = {
    "id": "undeclared_published_port",
    "severity": "error",
    "where": "port 5432/tcp on every address (0.0.0.0)",
    "seen": "Docker publishes port 5432 of paperless-db-1 (postgres:17) on every address.",
    "why": "Docker's rules come before those of ufw: your firewall does not hide it.",
    "do": 'In its compose file write  ports: ["127.0.0.1:5432:5432"]  and run docker compose up -d.',
}


def well() -> Given:
    """Four sites, and all is well."""
    certificates = {host: told(host, issued(host, (20 + 9 * number) * DAY)) for number, host in enumerate(SITES.values())}
    return Given(probes(SITES), results(SITES, certificates), {"server": copy.deepcopy(AUDIT)}, {}, network(), (), plan(SITES))


def network(home: Home | None = None) -> Data:
    """As network_report gives it."""
    return {"picture": (home or Home().only_ipv4()).picture().kept(NOW.isoformat()), "report": ""}


def fail(given: Given, vantage: str, host: str, check: str, detail: str, advice: str = "") -> None:
    for one in given.results[vantage]["outcomes"]:
        if one["host"] == host and one["check"] == check:
            one.update(ok=False, detail=detail, advice=advice)


def spoilt() -> Given:
    """One site answers 502, one was renewed but is shown old, a database is open, and a vantage could not look."""
    given = well()
    for vantage in ("phone", "laptop", "server", "the controller"):
        fail(
            given,
            vantage,
            SITES["media"],
            "page",
            "/ answers 502 instead of 200: the app does not answer the proxy",
            "See why the app is down: docker compose logs -n 50 in /opt/stacks/jellyfin.",
        )
        fail(given, vantage, SITES["media"], "WebSocket", "/socket answers 502 instead of 101 Switching Protocols")
    late = told(SITES["cloud"], issued(SITES["cloud"], 70 * DAY))
    short = told(SITES["home"], issued(SITES["home"], timedelta(hours=50), timedelta(hours=160)))
    for result in given.results.values():
        result["certificates"] = [late if one["host"] == SITES["cloud"] else short if one["host"] == SITES["home"] else one for one in result["certificates"]]
    given.results["laptop"] = {
        "kind": "lan",
        "looked": False,
        "message": "Failed to connect to the host via ssh: No route to host",
        "outcomes": [],
        "certificates": [],
    }
    audit = given.audits["server"]
    audit["listening"].append(listening(5432, "docker-proxy", "", container="paperless-db-1"))
    audit["published"].append({"address": "0.0.0.0", "port": 5432, "protocol": "tcp", "container": "paperless-db-1", "image": "postgres:17", "target": 5432})
    audit["findings"].append(copy.deepcopy(DATABASE))
    return given


def many(number: int = 50) -> Given:
    sites = {f"app{place}": f"app{place}.house.example.org" for place in range(number)}
    made = {host: told(host, issued(host, (place % 60) * DAY)) for place, host in enumerate(sites.values())}
    return Given(probes(sites), results(sites, made), {"server": copy.deepcopy(AUDIT)}, {}, network(), (), plan(sites))


def burning(number: int = 12) -> Given:
    """Nothing works."""
    sites = {f"app{place}": f"app{place}.house.example.org" for place in range(number)}
    closed = Home().only_ipv4().change("phone", V4, "https", "refused").change("phone", V4, "http", "refused")
    given = Given(probes(sites), results(sites, {}), {}, {}, network(closed), ["router: it refused the rule for port 443"], plan(sites))
    advice = "Let your router send port 443 to 192.168.1.10 (exposure_router: auto asks it to)."
    for vantage, result in given.results.items():
        address = VANTAGES[vantage][1]
        result["outcomes"] = [
            outcome(site, host, "reachable", address, False, f"port 443 of {address} refuses the connection", advice) for site, host in sites.items()
        ]
    gone = told("app3.house.example.org", issued("app3.house.example.org", 100 * DAY))
    given.results["phone"]["certificates"] = [gone]
    return given


HOSTILE = "<script>alert(1)</script>\n\u202eevil\u2066 <img src=x onerror=alert(2)> &amp; \"'`" + "A" * 500


def hostile() -> Given:
    """A stranger's server answers in place of one's own, and every word of it means ill."""
    given = well()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOSTILE[:50]), x509.NameAttribute(NameOID.ORGANIZATION_NAME, HOSTILE[:40])])
    bad = told(SITES["home"], issued(SITES["home"], name=name, by=make((), name=name, ca=True)), path=LE)
    raw = copy.deepcopy(bad)
    raw["certificate"].update(subject=HOSTILE, issuer=HOSTILE, names=[HOSTILE] * 30)
    for finding in raw["findings"]:
        finding.update(what=HOSTILE, why=HOSTILE, advice=HOSTILE, seen=[HOSTILE] * 12)
    for result in given.results.values():
        result["certificates"] = [raw, *result["certificates"][1:]]
    fail(given, "phone", SITES["home"], "page", HOSTILE, HOSTILE)
    given.results["phone"]["outcomes"].append(outcome("home", SITES["home"], HOSTILE, HOSTILE, False, HOSTILE, HOSTILE))
    given.results[HOSTILE] = {"kind": HOSTILE, "looked": False, "message": HOSTILE, "outcomes": [], "certificates": []}
    given.audits["server"]["listening"].append({**listening(6666, HOSTILE), "address": HOSTILE, "unit": HOSTILE, "protocol": HOSTILE})
    given.audits["server"]["findings"].append({"id": HOSTILE, "severity": HOSTILE, "where": HOSTILE, "seen": [HOSTILE], "why": HOSTILE, "do": HOSTILE})
    return given


VARIANTS = {"well": well, "spoilt": spoilt, "many": many, "burning": burning, "hostile": hostile}


def proof(given: Given, now: datetime = NOW) -> Proof:
    return gather(given, now, "homeserver.exposure 0.4.0 on desk")
