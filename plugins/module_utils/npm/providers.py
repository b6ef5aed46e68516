# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""NPM's DNS providers and certbot's plugins for them, and the lines of their credentials.

From backend/certbot/dns-plugins.json of NginxProxyManager/nginx-proxy-manager (June 2026): for nearly all, the package is `certbot-dns-<provider>` and the
plugin `dns-<provider>`, as this collection names them.
"""

from __future__ import annotations

import re

from ..plan.values import CREDENTIAL_NAME

PLUGINS = {
    "dnsmulti": "multi",
    "googledomains": "google-domains",
    "mijnhost": "mijn-host",
    "selectelv2": "selectel-api-v2",
}
"""Providers whose plugin has another name."""

OTHER = {"beget", "cpanel", "directadmin", "edgedns", "regru"}
"""Providers whose plugin is not called `dns-` and a name."""

FILES = {"acmedns", "google", "oci", "route53", "spaceship", "transip"}
"""Providers whose credentials are no list of `name = value`, or name a file inside NPM's container."""

DEBIAN = {"rfc2136", "cloudflare"}
"""Plugins that Debian 12 and 13 have; the others are PyPI's (docs/certificates.md)."""

NAME = re.compile(r"[a-z][a-z0-9-]{0,39}\Z")
LINE = re.compile(r"\s*([^=\s]+)\s*=\s*(.*?)\s*\Z")


def plugin(provider: str) -> str:
    """The plugin as `exposure_acme` names it; '' for one that cannot be used."""
    if provider in OTHER or provider in FILES or not NAME.match(provider):
        return ""
    return PLUGINS.get(provider, provider)


def credentials(source: str) -> dict[str, str] | None:
    """The lines of a credentials file (ConfigObj's form), None where they are of another form or hold what certbot_credential refuses."""
    found: dict[str, str] = {}
    for line in source.splitlines():
        if not line.strip() or line.strip()[0] in "#;":
            continue
        hit = LINE.match(line)
        if not hit or not CREDENTIAL_NAME.match(hit[1]):
            return None
        value = hit[2]
        if value[:1] in ("'", '"') and (close := value.find(value[0], 1)) > 0:
            rest = value[close + 1 :].strip()
            if rest and not rest.startswith("#"):
                return None
            value = value[1:close]
        else:
            value = value.partition(" #")[0].rstrip()
        if not value or not value.isprintable() or "%(" in value or ('"' in value and "'" in value) or len(value) > 4000:
            return None
        found[hit[1]] = value
    return found or None
