"""A certificate for a name at DuckDNS, proven by a TXT record there: the plugin of certbot from PyPI against the provider's rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.bed import BED, curl, host, inventory_with, line, playbook, simulators

SETTINGS: dict[str, Any] = yaml.safe_load((BED / "vars" / "bed.yml").read_text())
TOKEN = SETTINGS["bed_accounts"]["duckdns"]["token"]
NAME = "media.home-casa.duckdns.org"


def proven_by_text(variables: dict[str, Any]) -> None:
    variables["exposure_public_address"] = {"public": ["198.51.100.0/24", "2001:db8::/32"]}
    variables["exposure_ddns"] = [{"provider": "duckdns", "token": TOKEN, "hosts": ["home-casa.duckdns.org"]}]
    variables["exposure_certbot_source"] = "pypi"
    variables["exposure_acme"] = {
        "email": "owner@casa.example",
        "directory": "https://acme.isp.example:14000/dir",
        "ca_root": "/etc/ssl/isp-ca.pem",
        "allow_private": True,
        "dns": "duckdns",
        "dns_wait": 2,
    }
    variables["exposure_acme_credentials"] = {"dns_duckdns_token": TOKEN}
    variables["exposure_certificates"] = [{"name": "duck", "hosts": ["*.home-casa.duckdns.org"]}]
    variables["exposure_sites"] = [{"name": "media", "hosts": [NAME], "app": "whoami", "certificate": "duck"}]


@pytest.mark.proves("R32", "R33", "R04")
def test_a_wildcard_at_duckdns_is_had_with_the_token_that_keeps_the_address(tmp_path: Path) -> None:
    line("usual")
    simulators("reset")
    host("home").run("rm -rf /var/lib/private/exposure-ddns")
    inventory = inventory_with(tmp_path, home=proven_by_text, attic=lambda variables: variables.update(exposure_sites=[]))
    try:
        run = playbook("site", "--tags", "address,proxy,verify", "-v", "--diff", inventory=inventory)
        assert run.code == 0, run.output
        assert TOKEN not in run.output
        assert curl("phone", f"https://{NAME}/", "-o", "/dev/null").rc == 0
        shown = f"openssl s_client -connect {NAME}:443 -servername {NAME} </dev/null 2>/dev/null | openssl x509 -noout -ext subjectAltName"
        assert "DNS:*.home-casa.duckdns.org" in host("phone").run(shown).stdout
        again = playbook("site", "--tags", "address,proxy", inventory=inventory)
        assert again.code == 0
        assert again.changed["home"] == 0, again.output
    finally:
        back = playbook("site")
    assert back.code == 0, back.output
