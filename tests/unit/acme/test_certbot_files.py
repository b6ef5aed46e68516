"""What is written into certbot's files is what certbot reads, and what decides over an order is noticed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

import configobj
import pytest

from plugins.filter.certbot import certbot_credential, certbot_word
from plugins.module_utils.acme.budget import Budget
from plugins.module_utils.acme.certbot import foreign_lineages, steering, unmasked
from plugins.module_utils.acme.order import Orders, back_up_account, restore_account
from plugins.module_utils.acme.reason import reason
from plugins.module_utils.acme.settings import Settings
from plugins.module_utils.certificates.deploy import mark, marked
from plugins.module_utils.certificates.store import Store
from plugins.module_utils.host.lock import alone


@pytest.mark.parametrize("value", ["ab#cd", "x,y", "it's", 'say "it"', "50%", "a = b", "[x]", " spaced "])
def test_a_credential_is_read_as_it_was_written(value: str) -> None:
    assert configobj.ConfigObj([f"token = {certbot_credential(value)}"])["token"] == value


@pytest.mark.parametrize("value", ["two\nlines", "%(x)s", "both ' and \"", "\x00"])
def test_a_credential_that_the_file_cannot_hold_is_refused_without_showing_it(value: str) -> None:
    with pytest.raises(ValueError) as refused:
        certbot_credential(value)
    assert value not in str(refused.value)


def test_a_word_of_cli_ini_brings_no_line_of_its_own() -> None:
    with pytest.raises(ValueError, match="letters"):
        certbot_word("me@example.org\npre-hook = id")


def test_lines_of_a_person_that_would_steer_our_orders_are_found(tmp_path: Path) -> None:
    (tmp_path / "cli.ini").write_text("max-log-backups = 0\n# pre-hook = no\nauthenticator = standalone\npre-hook = systemctl stop nginx\n")
    assert steering(tmp_path) == ["authenticator", "pre-hook"]
    assert steering(tmp_path / "nowhere") == []


MASKED = "Saving debug log to x\nAn unexpected error occurred:\nAttributeError: can't set attribute\n"


def test_what_the_authority_said_is_found_where_certbot_falls_over_it(tmp_path: Path) -> None:
    log = tmp_path / "letsencrypt.log"
    assert unmasked(MASKED, log) == MASKED
    log.write_text(
        "acme.messages.Error: urn:ietf:params:acme:error:malformed :: earlier\n"
        "    raise messages.Error.from_json(jobj)\nacme.messages.Error: urn:ietf:params:acme:error:badNonce :: JWS has an invalid anti-replay nonce\n"
        "AttributeError: can't set attribute\n"
    )
    assert reason(MASKED).kind == "unknown"
    assert reason(unmasked(MASKED, log)).kind == "bad_nonce"
    assert unmasked("another error", log) == "another error"


def test_certificates_that_a_person_ordered_are_told_from_ours(tmp_path: Path) -> None:
    (tmp_path / "renewal").mkdir()
    (tmp_path / "renewal/mail.conf").write_text("[renewalparams]\nauthenticator = standalone\n")
    (tmp_path / "renewal/home.conf").write_text("[renewalparams]\nwebroot_path = /var/lib/exposure-challenges,\n")
    (tmp_path / "renewal/wild.conf").write_text("[renewalparams]\ndns_x_credentials = /etc/exposure/certbot/current/credentials.ini\n")
    assert foreign_lineages(tmp_path) == ["mail"]


def test_the_account_is_backed_up_again_and_again_and_comes_back_where_it_was_lost(tmp_path: Path) -> None:
    config, backup = tmp_path / "letsencrypt", tmp_path / "backup"
    (config / "accounts/new").mkdir(parents=True)
    (config / "accounts/new/key").write_text("secret")
    (config / "accounts/old").symlink_to("new")
    for _ in range(3):
        back_up_account(config, backup)
    assert (backup.stat().st_mode & 0o777, (backup / "accounts/old/key").read_text()) == (0o700, "secret")
    restore_account(tmp_path / "fresh", backup)
    assert (tmp_path / "fresh/accounts/old/key").read_text() == "secret"


def test_with_an_authority_of_one_s_own_certbot_still_trusts_the_public_ones(tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_text("of the authority")
    (tmp_path / "system.pem").write_text("of the world")
    orders = Orders(Settings("https://ca.lan/dir", ca_root=str(tmp_path / "root.pem")), Store(lambda *_: (0, "")), Budget(), lambda *_: (0, ""))
    orders.backup = tmp_path / "state/backup"
    with mock.patch("plugins.module_utils.acme.order.SYSTEM_ROOTS", str(tmp_path / "system.pem")):
        text = Path(orders.environment()["REQUESTS_CA_BUNDLE"]).read_text()
    assert "of the authority" in text and "of the world" in text


def test_of_two_that_note_what_follows_at_once_neither_loses_the_other_s_note(tmp_path: Path) -> None:
    place, names = tmp_path / "state/to-follow.json", [f"name{number}" for number in range(40)]

    def note(name: str) -> None:
        with alone(tmp_path / "state/to-follow.lock"):
            mark([*marked(place), name], place)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(note, names))
    assert marked(place) == sorted(names)


def test_what_has_still_to_follow_a_new_certificate_is_kept_until_it_was_done(tmp_path: Path) -> None:
    place = tmp_path / "state/to-follow.json"
    assert marked(place) == []
    mark(["b", "a", "a"], place)
    assert marked(place) == ["a", "b"]
    place.write_text("{broken")
    assert marked(place) == []
