"""The certbot of PyPI asks the authority when to renew (ARI, RFC 9773): it obeys an answer, and a malformed one does no harm."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.bed import add_group, host, inventory_with, playbook
from tests.certificates.test_2_debian_12 import NAME, addressed, twelve

STORED = "/etc/exposure/certificates/bench/fullchain.pem"
NOW = {"suggestedWindow": {"start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z"}}


@pytest.fixture(scope="module")
def attic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """attic as a proxy with a certbot in an environment of its own, and an authority that answers as it should."""

    def newer(variables: dict[str, Any]) -> None:
        twelve(variables)
        variables["exposure_sites"] = [site for site in variables["exposure_sites"] if site.get("tls") != "passthrough"]
        variables["exposure_certbot_source"] = "pypi"
        variables["exposure_acme"]["directory"] = "https://acme.isp.example:14001/dir"
        del variables["exposure_acme_eab"]

    made = inventory_with(tmp_path_factory.mktemp("newer"), attic=newer, home=addressed)
    add_group(made, "proxy", "attic")
    run = playbook("site", "--tags", "apps,proxy", "--limit", "attic", inventory=made)
    assert run.code == 0, run.output
    yield host("attic")
    off = playbook("remove", "--limit", "attic", inventory=made)
    assert off.code == 0, off.output
    back = playbook("site")
    assert back.code == 0, back.output


def serial() -> str:
    return str(host("attic").run(f"openssl x509 -noout -serial -in {STORED}").stdout)


def tell(answer: str) -> None:
    """Have the authority say this of the renewal of the certificate."""
    certificate = host("attic").run(f"openssl x509 -in {STORED}").stdout
    body = json.dumps({"Certificate": certificate, "ARIResponse": answer})
    command = ["docker", "exec", "-i", "isp", "curl", "-fsk", "--data-binary", "@-", "https://127.0.0.1:15001/set-renewal-info/"]
    subprocess.run(command, input=body, text=True, check=True, capture_output=True)


@pytest.mark.proves("B02")
def test_a_malformed_answer_renews_nothing_too_early_and_stops_nothing(attic: Any) -> None:
    assert int(attic.run("/opt/exposure-certbot/bin/certbot --version").stdout.split()[-1].split(".")[0]) >= 5
    before = serial()
    tell("this is { no answer")
    run = attic.run("systemctl start exposure-certificates.service")
    assert run.rc == 0, attic.run("journalctl -u exposure-certificates -o cat -n 20 --no-pager").stdout
    assert serial() == before


@pytest.mark.proves("B02", "R39")
def test_it_renews_when_the_authority_says_that_it_is_time(attic: Any) -> None:
    before = serial()
    tell(json.dumps(NOW))
    # certbot keeps until when it is not to ask again, as the authority had told it: six hours of this box.
    run = attic.run("sed -i '/ari_retry_after/d' /etc/letsencrypt/renewal/bench.conf; systemctl start exposure-certificates.service")
    assert run.rc == 0, attic.run("journalctl -u exposure-certificates -o cat -n 20 --no-pager").stdout
    assert serial() != before
    shown = f"openssl s_client -connect 192.168.77.11:443 -servername {NAME} </dev/null 2>/dev/null"
    assert host("laptop").run(f"{shown} | openssl x509 -noout -serial").stdout == serial()
