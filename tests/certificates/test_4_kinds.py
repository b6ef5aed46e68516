"""Certificates of one's own, and of the local authority, beside public ones on one proxy."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible.constants import DEFAULT_VAULT_ID_MATCH  # noqa: F401 - sets up what the vault needs
from ansible.parsing.vault import VaultLib, VaultSecret

from tests.bed import Run, add_group, curl, host, inventory_with, playbook, reachable, serial, with_sites
from tests.unit.certificates.authority import served

PROXY = ("--tags", "proxy")
OWN, LAN = "own.bench.casa.example", "lan.bench.casa.example"


def own(folder: Path, chain: bytes, key: bytes, *options: str) -> Run:
    """A run with a site whose certificate is a person's own: its files are on the controller."""
    (folder / "chain.pem").write_bytes(chain)
    (folder / "key.pem").write_bytes(key)

    def mine(variables: dict[str, Any]) -> None:
        with_sites({"name": "own", "hosts": [OWN], "app": "whoami", "certificate": "mine"})(variables)
        variables["exposure_certificates"] = [{"name": "mine", "kind": "files", "chain": f"{folder}/chain.pem", "key": f"{folder}/key.pem"}]

    (folder / "with").mkdir()
    return playbook("site", *PROXY, *options, inventory=inventory_with(folder / "with", home=mine))


@pytest.mark.proves("R37")
def test_a_certificate_of_one_s_own_is_served_and_its_key_may_come_out_of_a_vault(tmp_path: Path) -> None:
    chain, key = served([OWN], start=datetime.now(UTC) - timedelta(hours=1), life=timedelta(days=90))
    sealed = VaultLib([("default", VaultSecret(b"opensesame"))]).encrypt(key)
    (tmp_path / "password").write_text("opensesame\n")
    run = own(tmp_path, chain, sealed, "--vault-password-file", str(tmp_path / "password"), "--diff", "-v")
    assert run.code == 0, run.output
    secret = key.decode().splitlines()[1]
    assert secret not in run.output
    seen = host("phone").run(f"openssl s_client -connect {OWN}:443 -servername {OWN} -showcerts </dev/null 2>/dev/null").stdout
    assert chain.decode().splitlines()[1] in seen
    (tmp_path / "again").mkdir()


@pytest.mark.proves("R37")
def test_one_whose_key_is_another_s_or_whose_name_is_another_is_refused_before_anything_is_touched(tmp_path: Path) -> None:
    before = serial("who.casa.example"), host("home").run("readlink /etc/exposure/nginx/current /etc/exposure/certificates/*").stdout
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    wrong_key = own(
        tmp_path / "one",
        served([OWN], start=datetime.now(UTC) - timedelta(hours=1), life=timedelta(days=90))[0],
        served([OWN], start=datetime.now(UTC) - timedelta(hours=1), life=timedelta(days=90))[1],
    )
    assert wrong_key.code != 0 and "key" in wrong_key.output and "mine" in wrong_key.output
    assert (serial("who.casa.example"), host("home").run("readlink /etc/exposure/nginx/current /etc/exposure/certificates/*").stdout) == before


def local(variables: dict[str, Any]) -> None:
    with_sites({"name": "lan", "hosts": [LAN], "app": "whoami", "certificate": "lan"})(variables)
    variables["exposure_certificates"] = [{"name": "lan", "kind": "local", "hosts": [LAN, "192.168.77.10", "localhost"]}]
    variables["exposure_local_ca"] = {"page": "ca.bench.casa.example"}


@pytest.mark.proves("R35", "R36")
def test_a_machine_of_the_home_trusts_the_local_authority_and_trusts_it_no_longer_on_command(tmp_path: Path) -> None:
    inventory = inventory_with(tmp_path, home=local)
    add_group(inventory, "local_ca_clients", "laptop")
    run = playbook("site", *PROXY, inventory=inventory)
    assert run.code == 0, run.output
    assert curl("laptop", f"https://{LAN}/", "-o", "/dev/null").rc == 60
    trusted = playbook("trust", inventory=inventory)
    assert trusted.code == 0, trusted.output
    for name in (LAN, "192.168.77.10"):
        answer = host("laptop").run(f"openssl s_client -connect 192.168.77.10:443 -servername {LAN} -verify_return_error -verify_ip 192.168.77.10 </dev/null")
        assert answer.rc == 0, (name, answer.stdout)
    assert curl("laptop", f"https://{LAN}/", "-o", "/dev/null").rc == 0
    page = curl("laptop", "http://ca.bench.casa.example/", "-D", "-")
    assert "text/html" in page.stdout and "SHA-256" in page.stdout
    for name, kind in (("root.crt", "application/x-x509-ca-cert"), ("root.mobileconfig", "application/x-apple-aspen-config")):
        assert kind in curl("laptop", f"http://ca.bench.casa.example/{name}", "-o", "/dev/null", "-D", "-").stdout
    home = host("home")
    assert home.run("stat -c '%U %a' /etc/exposure/local_ca/rootCA-key.pem").stdout.strip() == "root 400"
    home.run("rm /etc/exposure/certificates/lan")
    assert home.run("systemctl start exposure-certificates.service").rc == 0, "the timer signs what is missing or late, without a playbook"
    assert curl("laptop", f"https://{LAN}/", "-o", "/dev/null").rc == 0
    again = playbook("site", *PROXY, inventory=inventory)
    assert set(again.changed.values()) == {0}, again.output
    gone = playbook("trust", "-e", "trust=absent", inventory=inventory)
    assert gone.code == 0, gone.output
    assert curl("laptop", f"https://{LAN}/", "-o", "/dev/null").rc == 60
    assert reachable("who.casa.example")
