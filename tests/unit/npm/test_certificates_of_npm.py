"""Certificates: those by DNS keep names, provider and account; the owner's own keep their files; the others are had by the proxy itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from plugins.filter.certbot import certbot_credential, certbot_word
from plugins.module_utils.npm import providers
from plugins.module_utils.npm.database import Unreadable
from plugins.module_utils.npm.read import look
from plugins.module_utils.npm.translate import secrets
from plugins.module_utils.plan.make import Inventory, make
from tests.unit.npm.moving import FOLDER, left, move, only
from tests.unit.npm.nginx_proxy_manager import Manager


@pytest.fixture
def manager(tmp_path: Path) -> Manager:
    its = Manager(tmp_path)
    its.add("user")
    return its


def needed(manager: Manager) -> dict[str, Any]:
    return secrets(look(manager.data, manager.letsencrypt), move(manager).needed)


@pytest.mark.proves("B14")
def test_a_wildcard_by_dns_is_ordered_again_with_the_same_provider_and_account(manager: Manager) -> None:
    one = manager.by_dns(["example.org", "*.example.org"], propagation_seconds=120, key_type="rsa")
    manager.add("proxy_host", certificate_id=one)
    moved = move(manager)
    assert moved.declaration() == {
        "exposure_certbot_source": "pypi",
        "exposure_acme": {"email": "me@example.org", "dns": "duckdns", "dns_wait": "120s"},
        "exposure_certificates": [{"name": "npm-1", "hosts": ["example.org", "*.example.org"], "challenge": "dns-01", "key_type": "rsa"}],
        "exposure_sites": [{"name": "home", "hosts": ["home.example.org"], "upstream": "http://192.168.1.20:8123", "certificate": "npm-1"}],
    }
    credentials = needed(manager)["credentials"]
    assert credentials == {"dns_duckdns_token": "a-secret-token"} and "a-secret-token" not in str(moved)
    make({"server": Inventory({**moved.declaration(), "exposure_acme_credentials": credentials}, ("proxy",))}, {})


def test_a_plugin_of_debian_needs_no_other_certbot(manager: Manager) -> None:
    one = manager.by_dns(["home.example.org"], "cloudflare", "# Cloudflare API token\ndns_cloudflare_api_token=abc")
    manager.add("proxy_host", certificate_id=one)
    assert move(manager).variables == {"exposure_acme": {"email": "me@example.org", "dns": "cloudflare"}}


def test_certificates_over_http_need_no_entry(manager: Manager) -> None:
    one = manager.add("certificate", domain_names=["home.example.org"], meta={"letsencrypt_email": "old@example.org", "key_type": "rsa"})
    manager.add("proxy_host", certificate_id=one)
    moved = move(manager)
    assert not moved.certificates and "certificate" not in only(moved).lines
    assert moved.variables == {"exposure_acme": {"email": "old@example.org"}}
    assert "key_type: rsa" in left(moved, "certificate 1")[0].do


def test_of_several_accounts_the_most_used_is_taken_and_the_others_are_listed(manager: Manager) -> None:
    other = manager.by_dns(["a.example.org"], credentials="dns_duckdns_token=other")
    cloud = manager.by_dns(["b.example.org"], "cloudflare", "dns_cloudflare_api_token=abc")
    first, second = manager.by_dns(["c.example.org"]), manager.by_dns(["d.example.org"])
    for letter, one in zip("abcd", (other, cloud, first, second), strict=True):
        manager.add("proxy_host", domain_names=[f"{letter}.example.org"], certificate_id=one)
    moved = move(manager)
    assert [entry.name for entry in moved.certificates] == [f"npm-{first}", f"npm-{second}"]
    assert [entry.lines.get("certificate") for entry in moved.sites] == [None, None, f"npm-{first}", f"npm-{second}"]
    assert "another account" in left(moved, "certificate 1 (a.example.org)")[0].why
    assert "another provider" in left(moved, "certificate 2 (b.example.org)")[0].why
    assert needed(manager)["credentials"] == {"dns_duckdns_token": "a-secret-token"}


@pytest.mark.parametrize(
    ("provider", "credentials"),
    [
        ("route53", "[default]\naws_access_key_id=AK\naws_secret_access_key=x"),
        ("google", '{"type": "service_account"}'),
        ("cpanel", "cpanel_url = https://x"),
        ("transip", "dns_transip_username = a\ndns_transip_key_file = /etc/letsencrypt/transip-rsa.key"),
        ("duckdns", ""),
        ("duckdns", "[section]"),
        ("duckdns", "dns_duckdns_token = %(secret)s"),
        ("duckdns", "dns_duckdns_token = \x07"),
        ("eurodns", "dns_eurodns_applicationId = me"),
        ("../../x", "a = b"),
        ("{{ x }}", "a = b"),
        (5, "a = b"),
        (None, "a = b"),
    ],
)
def test_what_certbot_here_cannot_be_given_is_listed_and_the_site_gets_its_own(provider: Any, credentials: str, manager: Manager) -> None:
    one = manager.by_dns(["home.example.org"], provider, credentials)
    manager.add("proxy_host", certificate_id=one)
    moved = move(manager)
    assert not moved.certificates and "certificate" not in only(moved).lines and not only(moved).closed
    assert not moved.needed
    assert [told.kind for told in left(moved, "certificate 1 (home.example.org)")] == ["lost"]


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("dns_x_a = 1\n\tdns_x_b=2 # both\n; no\n# no\n\n", {"dns_x_a": "1", "dns_x_b": "2"}),
        ('dns_x_a = "id,key # x" # the token\r\ndns_x_b = \'it"s\'', {"dns_x_a": "id,key # x", "dns_x_b": 'it"s'}),
        ("dns_x_a = a=b==", {"dns_x_a": "a=b=="}),
        ("dns_x_a = {{ b }}", {"dns_x_a": "{{ b }}"}),
        ("dns_x_a", None),
        ("dns_x_a =", None),
        ('dns_x_a = "a" b', None),
        ("", None),
    ],
)
def test_lines_of_credentials_are_read_as_certbot_reads_them(source: str, lines: dict[str, str] | None) -> None:
    read = providers.credentials(source)
    assert read == lines
    for name, value in (read or {}).items():
        assert certbot_word(name) and certbot_credential(value)


def test_a_provider_with_another_name_for_its_plugin_is_known() -> None:
    assert [providers.plugin(name) for name in ("mijnhost", "googledomains", "duckdns", "regru", "acmedns")] == [
        "mijn-host",
        "google-domains",
        "duckdns",
        "",
        "",
    ]


def test_a_certificate_of_ones_own_comes_with_its_files(manager: Manager) -> None:
    one = manager.of_ones_own()
    manager.add("proxy_host", certificate_id=one, domain_names=["office.lan"])
    moved = move(manager)
    assert moved.certificates[0].lines == {"name": "npm-1", "kind": "files", "chain": "npm-1/fullchain.pem", "key": "npm-1/privkey.pem"}
    assert only(moved).lines == {"name": "office", "hosts": ["office.lan"], "upstream": "http://192.168.1.20:8123", "certificate": "npm-1"}
    assert needed(manager) == {"credentials": {}, "files": {"npm-1/fullchain.pem": "CHAIN\n", "npm-1/privkey.pem": "THE-PRIVATE-KEY\n"}}
    assert FOLDER not in str(moved)


@pytest.mark.parametrize("until", ["2020-01-01 00:00:00", "2026-11-20T23:00:00.000Z"])
def test_an_expired_certificate_of_ones_own_would_stop_every_run_and_is_listed(until: str, manager: Manager) -> None:
    manager.add("proxy_host", certificate_id=manager.of_ones_own(expires_on=until))
    moved = move(manager)
    assert not moved.certificates and not moved.needed and "certificate" not in only(moved).lines
    assert "expired on" in left(moved, "certificate 1 (office)")[0].why


def test_a_certificate_whose_files_are_gone_is_listed(manager: Manager) -> None:
    one = manager.of_ones_own()
    (manager.data / "custom_ssl" / f"npm-{one}" / "privkey.pem").unlink()
    manager.add("proxy_host", certificate_id=one)
    assert "does not hold both" in left(move(manager), "certificate 1 (office)")[0].why


def test_a_key_that_is_no_text_is_told(manager: Manager) -> None:
    one = manager.of_ones_own()
    manager.add("proxy_host", certificate_id=one)
    found = look(manager.data, manager.letsencrypt)
    (manager.data / "custom_ssl" / f"npm-{one}" / "privkey.pem").write_bytes(b"\xff")
    with pytest.raises(Unreadable, match="is not a PEM file"):
        secrets(found, [f"files-{one}"])


def test_only_what_was_found_is_given_as_a_secret(manager: Manager) -> None:
    assert secrets(look(manager.data, manager.letsencrypt), ["files-9", "credentials-9", "files-../../etc", "x"]) == {"credentials": {}, "files": {}}


def test_a_certificate_that_nothing_uses_is_listed_and_one_of_comments_is_a_comment(manager: Manager) -> None:
    manager.by_dns(["unused.example.org"])
    manager.add("proxy_host", certificate_id=manager.of_ones_own(), enabled=0)
    moved = move(manager)
    assert "Nothing in NPM uses it" in left(moved, "certificate 1 (unused.example.org)")[0].why
    (own,) = moved.certificates
    assert own.closed and "exposure_certificates" not in moved.declaration()


def test_a_site_with_more_names_than_its_certificate_gets_its_own(manager: Manager) -> None:
    one = manager.by_dns(["*.example.org"])
    manager.add("proxy_host", certificate_id=one, domain_names=["a.b.example.org"])
    manager.add("proxy_host", certificate_id=one)
    moved = move(manager)
    assert [entry.lines.get("certificate") for entry in moved.sites] == [None, "npm-1"]


def test_a_certificate_that_is_gone_is_told(manager: Manager) -> None:
    manager.add("proxy_host", certificate_id=9)
    assert "not in the database any more" in left(move(manager), "proxy host 1")[0].why


@pytest.mark.parametrize("address", ["admin@example.com", "not an address", "", "a@b\nc"])
def test_an_address_that_no_authority_can_write_to_is_left_out(address: str, tmp_path: Path) -> None:
    manager = Manager(tmp_path)
    manager.add("user", email=address)
    manager.add("proxy_host", certificate_id=manager.add("certificate", domain_names=["home.example.org"]))
    assert "exposure_acme" not in move(manager).variables


@pytest.mark.parametrize("meta", ["[", "null", [1], "5"])
def test_notes_of_a_certificate_that_cannot_be_read_are_told(meta: Any, manager: Manager) -> None:
    manager.add("proxy_host", certificate_id=manager.add("certificate", domain_names=["home.example.org"], meta=meta))
    moved = move(manager)
    assert "cannot be read" in left(moved, "certificate 1")[0].why and not only(moved).closed
