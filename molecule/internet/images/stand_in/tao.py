"""TAO Community Edition 2025.10 towards its proxy (tao-ce/tao-ce: Caddyfile, envoy.yaml).

Its own Caddy, a real one here, serves `https://<publicDomain>` on 443 with a certificate that it gets inside TLS (TLS-ALPN-01); what stands behind it knows
that one name, without a port, and answers 404 to any other. The name is that of /etc/tao-ce/config/tao.yaml; the data belongs to that of the first start.
"""

from __future__ import annotations

import os
import re
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


CADDYFILE = f"""{{
	admin off
	acme_ca {os.environ["ACME_DIRECTORY"]}
	acme_ca_root /etc/ssl/isp-ca.pem
}}
https://{NAME}:443 {{
	tls {{
		issuer acme {{
			disable_http_challenge
		}}
	}}
	reverse_proxy 127.0.0.1:21100
}}
"""
Path("/run/Caddyfile").write_text(CADDYFILE)
subprocess.Popen(["caddy", "run", "--adapter", "caddyfile", "--config", "/run/Caddyfile"], env={**os.environ, "HOME": "/root"})
serve(21100, app)
