"""One run over the certificates of a host: each ends with the best there is, everything is checked first, and a second run changes nothing."""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from plugins.module_utils.certificates.pem import Unusable
from plugins.module_utils.certificates.settle import Outcome, Places, Settlement
from plugins.module_utils.certificates.store import Store

from .authority import INTERMEDIATE, NOW, chain, issue, served
from .test_adopt import put as put_into_caddy

HOSTS = ["home.example.org"]
RIGHTS = {"owner": pwd.getpwuid(os.geteuid()).pw_name, "group": grp.getgrgid(os.getegid()).gr_name}
Listing = Sequence[Mapping[str, Any]]


class Host:
    """A host whose places are below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = Store(lambda command: (1, ""), folder / "store", RIGHTS["group"])
        self.places = Places(folder / "live", folder / "state/pending", folder / "caddy", folder / "no roots")

    def settle(self, certificates: Listing, *, hand: Sequence[str] = (), remove: Sequence[str] = (), **about: Any) -> Outcome:
        return Settlement(self.store, about.pop("now", NOW), places=self.places, **about).settle(certificates, hand, remove)

    def lineage(self, name: str, pair: tuple[bytes, bytes]) -> None:
        """As certbot keeps one: links to an archive."""
        for folder in ("archive", "live"):
            (self.folder / folder / name).mkdir(parents=True, exist_ok=True)
        for file, content in zip(("fullchain", "privkey"), pair, strict=True):
            (self.folder / "archive" / name / f"{file}1.pem").write_bytes(content)
            link = self.folder / "live" / name / f"{file}.pem"
            link.unlink(missing_ok=True)
            link.symlink_to(f"../../archive/{name}/{file}1.pem")

    def key(self, name: str) -> bytes:
        return (self.store.root / name / "privkey.pem").read_bytes()

    def tree(self) -> list[str]:
        return sorted(str(path) for path in self.folder.rglob("*"))


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def acme(name: str = "home", hosts: Sequence[str] = HOSTS, **more: Any) -> dict[str, Any]:
    return {"name": name, "hosts": list(hosts), "kind": "acme", "key_type": "ecdsa", **more}


def files(name: str = "home", hosts: Sequence[str] = HOSTS, **more: Any) -> dict[str, Any]:
    return {**acme(name, hosts), "kind": "files", **more}


def local(name: str = "home", hosts: Sequence[str] = HOSTS, **more: Any) -> dict[str, Any]:
    return {**acme(name, hosts), "kind": "local", **more}


def given(pair: tuple[bytes, bytes]) -> dict[str, str]:
    return {"chain": pair[0].decode(), "key": pair[1].decode()}


def unchanged(outcome: Outcome) -> bool:
    return not outcome.changed and not outcome.diff


# Certificates of one's own


def test_a_certificate_of_one_s_own_is_installed_and_a_second_run_changes_nothing(host: Host) -> None:
    pair = served()
    first = host.settle([files()], files={"home": given(pair)})
    assert first.changed and first.changed_names == ["home"] and first.placeholders == [] and host.key("home") == pair[1]
    assert unchanged(host.settle([files()], files={"home": given(pair)}))
    assert unchanged(host.settle([files()]))


def test_all_problems_of_all_certificates_are_named_at_once_and_nothing_is_touched(host: Host) -> None:
    leaf = issue(("other.example.org",), INTERMEDIATE, start=NOW - timedelta(days=100))
    wrong = {"home": given((leaf.pem, served()[1])), "cloud": {"chain": "hello", "key": ""}, "stray": given(served()), "good": given(served())}
    copies = [{"path": "/nonexistent/a.pem", "content": "cert", **RIGHTS}]
    with pytest.raises(Unusable) as refused:
        host.settle([files(), files("cloud"), files("good", copies=copies), acme("blog"), files("bare")], files=wrong)
    message = str(refused.value)
    assert message.startswith("Nothing was changed.\n")
    for line in (
        "Certificate home: The private key does not belong to the certificate.",
        "Certificate home: The chain is incomplete:",
        "Certificate home: The certificate expired at",
        "Certificate home: The certificate is not for home.example.org.",
        "Certificate cloud: The private key cannot be read:",
        "Certificate cloud: The certificate cannot be read:",
        "Certificate stray: it was given, but no certificate of that name is wanted here.",
        "Certificate good: copy /nonexistent/a.pem: the folder /nonexistent is not there.",
        "Certificate bare: its files were not given.",
    ):
        assert f"\n{line}" in message, line
    assert "blog" not in message and host.tree() == []


def test_what_stands_in_a_certificate_s_place_is_said_before_anything_is_touched(host: Host) -> None:
    (host.store.root / "home").mkdir(parents=True)
    before = host.tree()
    with pytest.raises(Unusable, match=r"Certificate home: .* is not a link of this store"):
        host.settle([acme("blog"), acme()])
    assert host.tree() == before


def test_an_unknown_kind_is_refused(host: Host) -> None:
    with pytest.raises(Unusable, match=r"its kind is 'magic'. Write acme, local or files"):
        host.settle([{**acme(), "kind": "magic"}])


# Certificates of an ACME CA


def test_nothing_there_gives_a_placeholder_that_stays(host: Host) -> None:
    first = host.settle([acme(hosts=["home.example.org", "*.home.example.org"])])
    assert first.placeholders == ["home"] == first.changed_names
    key = host.key("home")
    again = host.settle([acme()])
    assert again.placeholders == ["home"] and unchanged(again) and host.key("home") == key


def test_what_is_sound_stays_even_when_its_names_differ(host: Host) -> None:
    host.store.install("home", *served(("other.example.org",)))
    host.lineage("home", served())
    assert unchanged(host.settle([acme()]))


@pytest.mark.parametrize("before", ["nothing", "a placeholder", "a damage"])
def test_what_certbot_obtained_fills_the_store(host: Host, before: str) -> None:
    pair = served()
    if before != "nothing":
        host.settle([acme()])
    if before == "a damage":
        host.store.install("home", *served())
        os.truncate(host.store.root / "home/privkey.pem", 10)
    host.lineage("home", pair)
    outcome = host.settle([acme()])
    assert outcome.changed_names == ["home"] and outcome.placeholders == [] and host.key("home") == pair[1]
    assert unchanged(host.settle([acme()]))


def test_a_damage_with_nothing_to_fill_it_gives_a_placeholder(host: Host) -> None:
    host.store.install("home", *served())
    os.truncate(host.store.root / "home/fullchain.pem", 100)
    good, bad = served(), served()
    for content in ((good[0], bad[1]), (b"", b""), (good[0][:100], good[1])):
        host.lineage("home", content)
        host.settle([acme()])
        assert host.settle([acme()]).placeholders == ["home"]


def test_a_damage_is_said_in_the_diff(host: Host) -> None:
    host.store.install("home", *served())
    (host.store.root / "home/privkey.pem").unlink()
    (difference,) = host.settle([acme()]).diff
    assert "privkey.pem is missing" in difference["before"] and "placeholder" in difference["after"]


def test_what_caddy_obtained_takes_the_place_of_a_placeholder(host: Host) -> None:
    assert host.settle([acme()]).placeholders == ["home"]
    pair = served()
    put_into_caddy(host.places.caddy, "home.example.org", pair)
    outcome = host.settle([acme()])
    assert outcome.changed_names == ["home"] and outcome.placeholders == [] and host.key("home") == pair[1]
    put_into_caddy(host.places.caddy, "home.example.org", served(), "later.example")
    assert unchanged(host.settle([acme()]))


def test_a_valid_one_of_caddy_s_goes_before_an_expired_one_of_certbot_s(host: Host) -> None:
    expired, pair = served(start=NOW - timedelta(days=100)), served()
    host.lineage("home", expired)
    host.settle([acme()])
    assert host.key("home") == expired[1]
    put_into_caddy(host.places.caddy, "home.example.org", pair)
    assert host.settle([acme()]).changed_names == ["home"] and host.key("home") == pair[1]


def test_a_renewal_that_did_not_reach_the_store_is_fetched(host: Host) -> None:
    old, new = served(start=NOW - timedelta(days=70)), served()
    host.store.install("home", *old)
    host.lineage("home", old)
    assert unchanged(host.settle([acme()]))
    host.lineage("home", new)
    assert host.settle([acme()]).changed_names == ["home"] and host.key("home") == new[1]


# Certificates of a local CA


def sign(request: Mapping[str, Any], **about: Any) -> str:
    """What a CA does with a request."""
    csr = x509.load_pem_x509_csr(request["csr"].encode())
    names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    hosts = [str(getattr(name, "value", "")) for name in names]

    class Public:
        """The request's key, which only its public half is known of."""

        def public_key(self) -> Any:
            return csr.public_key()

    leaf = issue(hosts, INTERMEDIATE, key=Public(), **about)  # type: ignore[arg-type]
    return chain(leaf).decode()


def test_a_local_certificate_is_requested_issued_and_installed_and_then_left_alone(host: Host) -> None:
    hosts = ["nas.lan", "localhost", "192.168.1.10"]
    first = host.settle([local(hosts=hosts)])
    (request,) = first.requests
    assert first.changed and first.changed_names == [] and request["name"] == "home" and request["hosts"] == hosts
    pending = host.places.pending / "home.key"
    assert pending.stat().st_mode & 0o777 == 0o600 and pending.parent.stat().st_mode & 0o777 == 0o700
    again = host.settle([local(hosts=hosts)])
    assert not again.changed and pending.read_bytes() == (key := pending.read_bytes())
    issued = {"home": sign(again.requests[0])}
    second = host.settle([local(hosts=hosts)], issued=issued)
    assert second.changed_names == ["home"] and second.requests == [] and host.key("home") == key and not pending.exists()
    assert unchanged(host.settle([local(hosts=hosts)], issued=issued))
    last = host.settle([local(hosts=hosts)])
    assert unchanged(last) and last.requests == []
    certificate = host.store.current("home")
    assert certificate and list(certificate.names) == hosts


def test_openssl_signs_the_request_with_all_its_names(host: Host, tmp_path: Path) -> None:
    (request,) = host.settle([local(hosts=["nas.lan", "192.168.1.10"])]).requests
    (tmp_path / "csr.pem").write_text(request["csr"])
    (tmp_path / "ca.pem").write_bytes(INTERMEDIATE.pem)
    (tmp_path / "ca.key").write_bytes(INTERMEDIATE.key_pem)
    command = ["openssl", "x509", "-req", "-in", "csr.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "30", "-copy_extensions", "copy"]
    issued = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    leaf = host.settle([local(hosts=["nas.lan", "192.168.1.10"])], issued={"home": issued}, now=when(issued))
    assert leaf.changed_names == ["home"]


def when(chain_pem: str) -> Any:
    from plugins.module_utils.certificates.pem import read_chain

    return read_chain(chain_pem.encode())[0].not_before + timedelta(days=1)


@pytest.mark.parametrize("reason", ["due", "names", "key type", "damage", "placeholder"])
def test_a_local_certificate_that_no_longer_fits_is_requested_anew_while_the_old_one_stays(host: Host, reason: str) -> None:
    host.store.install("home", *served())
    wanted, now = local(), NOW
    if reason == "due":
        now = NOW + timedelta(days=51)
    elif reason == "names":
        wanted = local(hosts=[*HOSTS, "nas.lan"])
    elif reason == "key type":
        wanted = local(key_type="rsa")
    elif reason == "damage":
        os.truncate(host.store.root / "home/privkey.pem", 10)
    else:
        host.store.remove("home")
        host.store.placeholder("home", HOSTS)
    before = host.key("home")
    outcome = host.settle([wanted], now=now)
    assert [request["name"] for request in outcome.requests] == ["home"] and outcome.new_keys == ["home"] and host.key("home") == before
    csr = x509.load_pem_x509_csr(outcome.requests[0]["csr"].encode())
    assert ("RSA" in type(csr.public_key()).__name__) is (reason == "key type")


def test_a_key_that_is_damaged_while_it_waits_is_made_anew(host: Host) -> None:
    host.settle([local()])
    os.truncate(host.places.pending / "home.key", 20)
    outcome = host.settle([local()])
    assert outcome.new_keys == ["home"]
    assert host.settle([local()], issued={"home": sign(outcome.requests[0])}).changed_names == ["home"]


def test_a_key_that_waits_is_made_anew_when_another_kind_is_wanted(host: Host) -> None:
    host.settle([local()])
    outcome = host.settle([local(key_type="rsa")])
    assert outcome.new_keys == ["home"]
    csr = x509.load_pem_x509_csr(outcome.requests[0]["csr"].encode())
    assert "RSA" in type(csr.public_key()).__name__


def test_an_issued_certificate_that_does_not_fit_is_refused(host: Host) -> None:
    (request,) = host.settle([local()]).requests
    cases = {
        "belongs to none of the keys that were made here": served()[0].decode(),
        "The certificate expired at": sign(request, start=NOW - timedelta(days=100)),
        "is not valid before": sign(request, start=NOW + timedelta(days=1)),
    }
    for said, chain_pem in cases.items():
        with pytest.raises(Unusable, match=said):
            host.settle([local()], issued={"home": chain_pem})
    with pytest.raises(Unusable, match=r"The issued certificate is not for nas\.lan"):
        host.settle([local(hosts=[*HOSTS, "nas.lan"])], issued={"home": sign(request)})
    assert host.store.names() == [] and (host.places.pending / "home.key").exists()


# All of them


def test_check_mode_writes_nothing_and_says_what_would_change(host: Host) -> None:
    put_into_caddy(host.places.caddy, "home.example.org", served())
    copies = [{"path": str(host.folder / "copy.pem"), "content": "fullchain", **RIGHTS}]
    wanted = [acme(copies=copies), acme("blog", ["blog.example.org"]), local("nas"), files("own")]
    pair = served()
    before = host.tree()
    outcome = host.settle(wanted, files={"own": given(pair)}, check=True)
    assert host.tree() == before
    assert outcome.changed_names == ["home", "blog", "own"] and outcome.placeholders == ["blog"] and outcome.copied == ["home"]
    assert outcome.requests == [{"name": "nas", "hosts": HOSTS, "csr": ""}]
    real = host.settle(wanted, files={"own": given(pair)})
    assert (real.changed_names, real.placeholders, real.copied) == (outcome.changed_names, outcome.placeholders, outcome.copied)
    after = host.tree()
    assert unchanged(host.settle([wanted[0], wanted[1], wanted[3]], files={"own": given(pair)}, check=True)) and host.tree() == after


def test_copies_follow_the_store_and_only_what_changed_is_named(host: Host) -> None:
    copies = [
        {"path": str(host.folder / "chained.pem"), "content": "fullchain", **RIGHTS},
        {"path": str(host.folder / "domain.key"), "content": "privkey", "mode": "0600", **RIGHTS},
    ]
    assert host.settle([acme(copies=copies)]).copied == ["home"]
    assert (host.folder / "domain.key").read_bytes() == host.key("home")
    assert host.settle([acme(copies=copies)]).copied == []
    host.lineage("home", served())
    assert host.settle([acme(copies=copies)]).copied == ["home"]
    assert (host.folder / "domain.key").read_bytes() == host.key("home")
    (host.folder / "domain.key").unlink()
    outcome = host.settle([acme(copies=copies)])
    assert outcome.copied == ["home"] and outcome.changed_names == []


def test_no_key_is_in_what_a_run_says(host: Host) -> None:
    pair = served()
    copies = [{"path": str(host.folder / "domain.key"), "content": "privkey", **RIGHTS}]
    for outcome in (
        host.settle([files(copies=copies), acme("blog"), local("nas")], files={"home": given(pair)}),
        host.settle([files(copies=copies)], files={"home": given(served())}),
    ):
        assert outcome.diff and "PRIVATE KEY" not in repr(outcome)


def test_rights_that_somebody_loosened_are_tightened_and_named(host: Host) -> None:
    host.store.install("home", *served())
    (host.store.root / "home/privkey.pem").chmod(0o644)
    for check in (True, False):
        outcome = host.settle([acme()], check=check)
        assert outcome.changed_names == ["home"] and outcome.diff[0]["before"] != outcome.diff[0]["after"]
    assert unchanged(host.settle([acme()]))


def test_a_name_is_removed_only_on_demand(host: Host) -> None:
    host.settle([acme(), acme("blog")])
    assert unchanged(host.settle([acme()])) and host.store.names() == ["blog", "home"]
    assert host.settle([acme()], remove=["blog"], check=True).changed_names == ["blog"] and host.store.names() == ["blog", "home"]
    assert host.settle([acme()], remove=["blog"]).changed_names == ["blog"] and host.store.names() == ["home"]
    assert unchanged(host.settle([acme()], remove=["blog"]))


def test_caddy_is_handed_certificates_only_with_a_directory(host: Host) -> None:
    host.store.install("home", *served())
    with pytest.raises(Unusable, match="Give acme_directory"):
        host.settle([acme()], hand=["home"])
    outcome = host.settle([acme()], hand=["home"], directory_url="https://ca.example/dir", check=True)
    assert outcome.handed == HOSTS and not host.places.caddy.exists()


def test_a_renewal_that_comes_in_between_stays_and_its_copies_too(host: Host) -> None:
    old, new = served(), served()
    copies = [{"path": str(host.folder / "domain.key"), "content": "privkey", **RIGHTS}]
    for before in (None, old):
        if before:
            host.store.install("home", *before)
        run = Settlement(host.store, NOW, places=host.places)
        choose = run.choose

        def meanwhile(*given: Any, choose: Any = choose) -> Any:
            found = choose(*given)
            host.store.install("home", *new)
            return found

        run.choose = meanwhile  # type: ignore[method-assign]
        run.settle([acme(copies=copies)])
        assert host.key("home") == new[1] == (host.folder / "domain.key").read_bytes()


def test_killed_between_installing_and_taking_its_pending_key_away_the_next_run_does_that(host: Host) -> None:
    (request,) = host.settle([local()]).requests
    pending = host.places.pending / "home.key"
    key, issued = pending.read_bytes(), {"home": sign(request)}
    for again in (issued, {}):
        host.settle([local()], issued=issued)
        pending.write_bytes(key)
        outcome = host.settle([local()], issued=again)
        assert unchanged(outcome) and outcome.requests == [] and not pending.exists()


def test_check_mode_does_not_mind_folders_and_users_that_a_run_makes_first(host: Host) -> None:
    copies = [{"path": str(host.folder / "later/domain.key"), "content": "privkey", "owner": "later-user"}]
    assert host.settle([acme(copies=copies)], check=True).copied == ["home"]
    with pytest.raises(Unusable, match="there is no user later-user on this host"):
        host.settle([acme(copies=copies)])
    with pytest.raises(Unusable, match="is not an absolute path"):
        host.settle([acme(copies=[*copies, {"path": "later", "content": "cert"}])], check=True)


def test_a_list_that_contradicts_itself_is_refused(host: Host) -> None:
    with pytest.raises(Unusable, match="Certificate home: it is there more than once"):
        host.settle([acme(), local()])
    with pytest.raises(Unusable, match="Certificate home: it is both wanted and to be removed"):
        host.settle([acme()], remove=["home"])
    with pytest.raises(Unusable, match="A certificate needs name, hosts and kind"):
        host.settle([{"name": "home"}])
    with pytest.raises(Unusable, match="its files were not given"):
        host.settle([files()], files={"home": "a text"})
    assert host.tree() == []
