"""Jellyfin 10.11 towards its proxy (Jellyfin.Server/Extensions/ApiServiceCollectionExtensions.cs, MediaBrowser.Common/Net/NetworkConfiguration.cs).

network.xml is read at the start, and made there where it is missing. Without a known proxy, or with another, X-Forwarded-* is ignored in silence, and
everybody has the address of the proxy. An IPv6 proxy counts with EnableIPv6 alone.
"""

from __future__ import annotations

import ipaddress
import json
import time
from pathlib import Path
from xml.etree import ElementTree

from web import Answer, Request, serve

SETTINGS = Path("/config/config/network.xml")
LOG = Path("/config/log") / time.strftime("log_%Y%m%d.log")
FRESH = """<?xml version="1.0" encoding="utf-8"?>
<NetworkConfiguration xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema">
  <BaseUrl />
  <EnableHttps>false</EnableHttps>
  <InternalHttpPort>8096</InternalHttpPort>
  <EnableIPv4>true</EnableIPv4>
  <EnableIPv6>false</EnableIPv6>
  <KnownProxies />
</NetworkConfiguration>
"""


def settings() -> tuple[list[str], bool, bool]:
    """(known proxies, whether an IPv6 one counts, whether the address is published by the request)."""
    if not SETTINGS.exists():
        SETTINGS.parent.mkdir(parents=True, exist_ok=True)
        SETTINGS.write_text(FRESH)
    root = ElementTree.parse(SETTINGS).getroot()
    if root.tag != "NetworkConfiguration":
        raise SystemExit(f"{SETTINGS}: {root.tag} was not expected.")  # as XmlSerializer does
    known = [entry.text or "" for entry in root.findall("KnownProxies/string")]
    return known, root.findtext("EnableIPv6") == "true", root.findtext("EnablePublishedServerUriByRequest") == "true"


KNOWN, IPV6, BY_REQUEST = settings()


def trusted(peer: str) -> bool:
    networks = [ipaddress.ip_network(one, strict=False) for one in KNOWN]
    return any(ipaddress.ip_address(peer) in one for one in networks if one.version == 4 or IPV6)


def app(request: Request) -> Answer:
    client, scheme, host = request.peer, "http", request.header("Host")
    if KNOWN and trusted(request.peer):
        client = request.header("X-Forwarded-For").split(",")[-1].strip() or client
        scheme = request.header("X-Forwarded-Proto") or scheme
        host = request.header("X-Forwarded-Host") or host
    path = request.path.partition("?")[0]
    if path == "/health":
        return 200, {}, "Healthy"
    if path == "/socket":
        return (101, {}, "") if request.header("Upgrade") else (400, {}, "")
    if path == "/System/Info/Public":
        address = f"{scheme}://{host}" if BY_REQUEST else "http://172.30.0.2:8096"
        told = {"LocalAddress": address, "ServerName": "stand-in", "Version": "10.11.11", "StartupWizardCompleted": True}
        return 200, {"Content-Type": "application/json"}, json.dumps(told, separators=(",", ":"))
    if path == "/Users/AuthenticateByName":
        LOG.parent.mkdir(parents=True, exist_ok=True)
        with LOG.open("a") as log:
            log.write(f'[{time.strftime("%Y-%m-%d %H:%M:%S")}] [INF] Authentication request for "x" has been denied (IP: "{client}").\n')
        return 401, {}, "Error processing request."
    if path == "/metrics":
        return 200, {}, "process_start_time_seconds 1\n"
    return 302, {"Location": "web/"}, ""


serve(8096, app)
