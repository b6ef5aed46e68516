"""Nextcloud 34 (image -apache) towards its proxy (nextcloud/docker: remoteip.conf, reverse-proxy.config.php; lib/private/AppFramework/Http/Request.php).

Apache takes the client's address from X-Real-IP where a private peer sends it, unless APACHE_DISABLE_REWRITE_IP is set: the peer is then no trusted proxy for
PHP any more. Another Host than the trusted domains is refused with 400. Where the scheme is not believed to be https, the log-in goes in a circle.
"""

from __future__ import annotations

import ipaddress
import json
import os
from pathlib import Path

from web import Answer, Request, serve

CONFIG = Path("/var/www/html/config/config.json")
LOG = Path("/var/www/html/data/nextcloud.log")
STATUS = {"installed": True, "maintenance": False, "needsDbUpgrade": False, "version": "34.0.3.1"}


def trusted(peer: str) -> bool:
    given = os.environ.get("TRUSTED_PROXIES", "").split()
    return any(ipaddress.ip_address(peer) in ipaddress.ip_network(one, strict=False) for one in given)


def app(request: Request) -> Answer:
    path = request.path.partition("?")[0]
    config = json.loads(CONFIG.read_text())
    client, proto, host = request.peer, "http", request.header("Host")
    if not os.environ.get("APACHE_DISABLE_REWRITE_IP") and request.header("X-Real-IP") and ipaddress.ip_address(client).is_private:
        client = request.header("X-Real-IP")
    if trusted(client):
        client = request.header("X-Forwarded-For").split(",")[0].strip() or client
        proto = request.header("X-Forwarded-Proto") or proto
        host = request.header("X-Forwarded-Host") or host
    proto = os.environ.get("OVERWRITEPROTOCOL") or proto
    if path == "/status.php":
        return 200, {"Content-Type": "application/json"}, json.dumps(STATUS, separators=(",", ":"))
    if host.partition(":")[0] not in config["trusted_domains"].values():
        return 400, {"Content-Type": "text/html"}, "<h2>Access through untrusted domain</h2>"
    if path == "/login" and request.method == "POST":
        with LOG.open("a") as log:
            log.write(json.dumps({"remoteAddr": client, "message": "Login failed: x"}) + "\n")
        return 303, {"Location": f"{proto}://{host}/login"}, ""
    if path == "/login":
        if proto != "https":
            return 302, {"Location": f"http://{host}/login"}, ""
        return 200, {"Set-Cookie": "nc_session=1; Secure; HttpOnly", "Content-Type": "text/html"}, "<title>Nextcloud</title>"
    if path.startswith("/remote.php/dav"):
        return 401, {"WWW-Authenticate": "Basic realm=Nextcloud"}, ""
    return 302, {"Location": f"{proto}://{host}/login"}, ""


os.setgid(33)
os.setuid(33)
LOG.parent.mkdir(parents=True, exist_ok=True)
if not CONFIG.exists():
    # Read at the installation, and never again.
    CONFIG.parent.mkdir(parents=True, exist_ok=True)
    names = ["localhost", *os.environ.get("NEXTCLOUD_TRUSTED_DOMAINS", "").split()]
    CONFIG.write_text(json.dumps({"trusted_domains": {str(number): name for number, name in enumerate(names)}}))
serve(80, app)
