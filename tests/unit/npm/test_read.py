"""What is read of a data folder, of any age and in any state."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from plugins.module_utils.npm import read
from plugins.module_utils.npm.database import Unreadable
from plugins.module_utils.npm.read import look
from tests.unit.npm.nginx_proxy_manager import Manager


def test_rows_that_npm_deleted_are_not_read(tmp_path: Path) -> None:
    manager = Manager(tmp_path)
    manager.add("proxy_host", is_deleted=1)
    manager.add("certificate", is_deleted=1)
    kept = manager.add("proxy_host")
    found = look(manager.data, manager.letsencrypt)
    assert [row["id"] for row in found.proxy_hosts] == [kept]
    assert not found.certificates


def test_a_database_of_the_first_release_is_read_with_the_names_of_today(tmp_path: Path) -> None:
    manager = Manager(tmp_path, old=True)
    manager.add("proxy_host", forward_ip="192.168.1.9", forward_port=80)
    manager.add("stream", forward_ip="192.168.1.8")
    found = look(manager.data, manager.letsencrypt)
    assert found.proxy_hosts[0]["forward_host"] == "192.168.1.9"
    assert "enabled" not in found.proxy_hosts[0]
    assert found.streams[0]["forwarding_host"] == "192.168.1.8"
    assert not found.settings


def test_passwords_and_private_keys_are_not_even_read(tmp_path: Path) -> None:
    manager = Manager(tmp_path)
    manager.add("user")
    manager.add("access_list")
    manager.add("access_list_auth")
    manager.of_ones_own()
    manager.by_dns(["example.org"])
    found = look(manager.data, manager.letsencrypt)
    said = repr(found)
    assert not [secret for secret in ("hunter2-plain", "THE-PRIVATE-KEY", "a-secret-token", "anna") if secret in said]
    assert found.users == {1: 1}
    assert found.credentials[2].text == "dns_duckdns_token=a-secret-token"


def test_credentials_that_the_database_has_not_are_taken_from_certbots_folder(tmp_path: Path) -> None:
    manager = Manager(tmp_path)
    one = manager.by_dns(["example.org"], credentials="")
    (manager.letsencrypt / "credentials").mkdir()
    (manager.letsencrypt / "credentials" / f"credentials-{one}").write_text("dns_duckdns_token=kept")
    assert look(manager.data, manager.letsencrypt).credentials[one].text == "dns_duckdns_token=kept"


def test_a_certificate_of_ones_own_needs_both_files(tmp_path: Path) -> None:
    manager = Manager(tmp_path)
    whole, half, empty = manager.of_ones_own(), manager.of_ones_own(), manager.of_ones_own(key="")
    (manager.data / "custom_ssl" / f"npm-{half}" / "privkey.pem").unlink()
    assert look(manager.data, manager.letsencrypt).files == [whole]
    assert empty


@pytest.mark.parametrize("told", ["[", "\x00", "null", '{"a": ' * 100_000, "9" * 5000, '"' + "x" * 2_000_000 + '"'])
def test_json_that_is_none_is_known_to_be_none(told: str, tmp_path: Path) -> None:
    manager = Manager(tmp_path)
    manager.add("proxy_host", locations=told, domain_names=told)
    row = look(manager.data, manager.letsencrypt).proxy_hosts[0]
    assert row["locations"] in (read.UNREADABLE, None) or isinstance(row["locations"], int)
    assert (row["locations"] is None) == (told == "null")


def test_letters_that_are_no_letters_do_not_stop_it(tmp_path: Path) -> None:
    manager = Manager(tmp_path)
    manager.add("proxy_host")
    manager.database.execute("UPDATE proxy_host SET forward_host = CAST(x'ff00fe' AS TEXT), advanced_config = x'ff'")
    row = look(manager.data, manager.letsencrypt).proxy_hosts[0]
    assert row["forward_host"].startswith("\ufffd") and row["advanced_config"] == b"\xff"


def test_a_folder_without_a_database_says_which_folder_is_meant(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"mounted as /data.*MariaDB"):
        look(tmp_path, tmp_path)
    with pytest.raises(Unreadable, match="is not a folder"):
        look(tmp_path / "none", tmp_path)


def test_another_program_s_database_is_told(tmp_path: Path) -> None:
    manager = Manager(tmp_path)
    manager.database.execute("DROP TABLE proxy_host")
    with pytest.raises(Unreadable, match="not one of Nginx Proxy Manager"):
        look(manager.data, manager.letsencrypt)


def test_tables_that_an_older_npm_had_not_are_missed_by_nobody(tmp_path: Path) -> None:
    manager = Manager(tmp_path)
    for table in ("redirection_host", "dead_host", "stream", "access_list", "access_list_auth", "access_list_client", "setting", "user"):
        manager.database.execute(f"DROP TABLE {table}")
    manager.add("proxy_host")
    assert len(look(manager.data, manager.letsencrypt).proxy_hosts) == 1


def test_a_table_without_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "MOST_ROWS", 3)
    manager = Manager(tmp_path)
    for _ in range(4):
        manager.add("proxy_host")
    with pytest.raises(Unreadable, match="proxy_host has more than 3 rows"):
        look(manager.data, manager.letsencrypt)


def test_a_table_that_is_a_view_without_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plugins.module_utils.npm.database.STEPS", 3)
    manager = Manager(tmp_path)
    manager.database.execute("DROP TABLE proxy_host")
    view = "CREATE VIEW proxy_host AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS id FROM n WHERE i < 0"
    manager.database.execute(view)
    with pytest.raises(Unreadable, match="cannot be read to its end"):
        look(manager.data, manager.letsencrypt)


def test_files_of_nginx_that_a_person_wrote_are_found(tmp_path: Path) -> None:
    manager = Manager(tmp_path)
    manager.custom("http", "  \n")
    manager.custom("server_proxy", "deny all;")
    (manager.data / "nginx" / "custom" / "stream.conf").write_bytes(b"\xff\xfe")
    found = look(manager.data, manager.letsencrypt).custom
    assert set(found) == {"server_proxy", "stream"}
    assert "cannot-be-read" in found["stream"]


def test_meta_is_kept_only_as_far_as_it_is_used() -> None:
    meta = json.loads('{"certificate_key": "KEY", "dns_challenge": true, "x": 1}')
    assert read.kept_meta(meta) == {"dns_challenge": True}
