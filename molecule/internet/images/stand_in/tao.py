"""TAO Community Edition 2025.10 towards its proxy (tao-ce/tao-ce: Caddyfile, envoy.yaml).

Its own Caddy serves `https://<publicDomain>` on 443 with a certificate of its own; what stands behind it knows that one name, without a port, and answers
404 to any other. The name is the one of /etc/tao-ce/config/tao.yaml; the data belongs to the name of the first start.
"""

from __future__ import annotations

import re
import ssl
import subprocess
from pathlib import Path

from web import Answer, Request, serve

DATA = Path("/var/lib/tao-ce")
domain = re.search(r"publicDomain:\s*[\"']?([^\s\"']+)", Path("/etc/tao-ce/config/tao.yaml").read_text())
if not domain:
    raise SystemExit("tao.yaml has no publicDomain")
NAME = domain[1]
FIRST = DATA / "domain"
DATA.mkdir(parents=True, exist_ok=True)
if not FIRST.exists():
    FIRST.write_text(NAME)


def app(request: Request) -> Answer:
    if request.header("Host") != NAME or FIRST.read_text() != NAME:
        return 404, {"server": "envoy"}, ""
    if request.path == "/":
        return 302, {"Location": "/portal/"}, ""
    return 200, {"Content-Type": "text/html"}, "<title>TAO Portal</title>"


subprocess.run(
    ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-keyout", "/run/key.pem",
     "-out", "/run/cert.pem", "-subj", "/CN=TAO's own", "-addext", f"subjectAltName=DNS:{NAME}"],
    check=True, capture_output=True,
)  # fmt: skip
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/run/cert.pem", "/run/key.pem")
serve(443, app, context)
