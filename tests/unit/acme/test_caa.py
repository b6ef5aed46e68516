"""CAA records of a real name server, judged as CAs judge them."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from plugins.module_utils.acme import authorities, caa
from plugins.module_utils.acme.lookup import Lookup

from .name_server import serving

ACCOUNT = "https://acme-v02.api.letsencrypt.org/acme/acct/1"
ZONE = f"""
@ NS ns
ns A 127.0.0.1
free A 127.0.0.1
named CAA 0 issue "letsencrypt.org"
a.b.named A 127.0.0.1
odd-case TYPE257 \\# 22 000549535355456c657473656e63727970742e6f7267
capitals CAA 0 issue "LetsEncrypt.org"
end CAA 0 issue "letsencrypt.org;"
ends CAA 0 issue "letsencrypt.org; cansign=yes;"
mail CAA 128 issuemail ";"
other CAA 0 issue "pki.goog"
sub.other A 127.0.0.1
own.other CAA 0 issue "letsencrypt.org"
both CAA 0 issue "pki.goog"
both CAA 0 issue "letsencrypt.org"
nobody CAA 0 issue ";"
iodef CAA 0 iodef "mailto:me@casa.example"
wild CAA 0 issue "pki.goog"
wild CAA 0 issuewild "letsencrypt.org"
nowild CAA 0 issue "letsencrypt.org"
nowild CAA 0 issuewild ";"
onlywild CAA 0 issuewild ";"
method CAA 0 issue "letsencrypt.org; validationmethods=dns-01"
methods CAA 0 issue "letsencrypt.org ;validationmethods=dns-01,http-01"
account CAA 0 issue "letsencrypt.org; accounturi={ACCOUNT}"
unknown CAA 0 issue "letsencrypt.org; cansign=yes"
malformed CAA 0 issue "letsencrypt.org; what is this"
twice CAA 0 issue "letsencrypt.org; validationmethods=dns-01; validationmethods=http-01"
critical CAA 128 tbs "Unknown"
critical CAA 0 issue "letsencrypt.org"
slip CAA 1 tbs "Unknown"
harmless CAA 0 tbs "Unknown"
alias CNAME other
"""


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lookup]:
    zones = {".": "@ NS ns.\nns A 127.0.0.1", "casa.example.": ZONE, "casa.bad.": "@ NS ns\nns A 127.0.0.1"}
    with serving(tmp_path_factory.mktemp("names") / "nsd", zones, ("broken.example.", "bad.")) as port:
        yield Lookup(["127.0.0.1"], port, 2)


def kinds(asked: Lookup, name: str, challenge: str = "http-01", account: str = "") -> list[str]:
    asker = caa.Asker(("letsencrypt.org",), challenge, account)
    return [f"{problem.severity} {problem.kind}" for problem in caa.check(name, asker, asked.ask)]


@pytest.mark.parametrize(
    "name",
    [
        "free",
        "named",
        "a.b.named",
        "odd-case",
        "own.other",
        "both",
        "iodef",
        "*.wild",
        "*.named",
        "nowild",
        "onlywild",
        "methods",
        "unknown",
        "harmless",
        "end",
    ],
)
def test_a_ca_that_is_admitted_meets_no_problem(asked: Lookup, name: str) -> None:
    assert kinds(asked, f"{name}.casa.example") == []


@pytest.mark.parametrize(
    "name", ["other", "sub.other", "nobody", "wild", "*.other", "*.nowild", "*.onlywild", "method", "malformed", "twice", "alias", "capitals", "ends"]
)
def test_a_ca_that_is_not_admitted_is_told(asked: Lookup, name: str) -> None:
    assert kinds(asked, f"{name}.casa.example") == ["error caa"]


def test_the_challenge_that_a_record_admits_is_respected(asked: Lookup) -> None:
    assert kinds(asked, "method.casa.example", "dns-01") == []


def test_the_account_that_a_record_admits_is_respected(asked: Lookup) -> None:
    assert kinds(asked, "account.casa.example", account=ACCOUNT) == []
    assert kinds(asked, "account.casa.example", account=ACCOUNT + "2") == ["error caa"]
    assert kinds(asked, "account.casa.example") == ["warning caa-account"]


@pytest.mark.parametrize("name", ["critical", "slip", "mail"])
def test_a_critical_record_that_cas_do_not_know_is_told(asked: Lookup, name: str) -> None:
    assert kinds(asked, f"{name}.casa.example") == ["error caa-critical"]


def test_name_servers_that_fail_on_caa_are_an_error_because_cas_refuse_then(asked: Lookup) -> None:
    assert kinds(asked, "home.broken.example") == ["error caa-servfail"]


def test_a_top_level_domain_that_fails_here_says_nothing_of_what_the_ca_meets(asked: Lookup) -> None:
    assert kinds(asked, "home.casa.bad") == []
    assert kinds(asked, "home.other.bad") == ["error caa-servfail"]


def test_the_sentence_says_which_record_to_add(asked: Lookup) -> None:
    (problem,) = caa.check("sub.other.casa.example", caa.Asker(("letsencrypt.org",), "http-01"), asked.ask)
    assert str(problem) == (
        'sub.other.casa.example: The CAA records of other.casa.example (issue "pki.goog") do not name this CA, so letsencrypt.org refuses. '
        'Add this record at your DNS provider: other.casa.example CAA 0 issue "letsencrypt.org"'
    )


def test_a_ca_goes_by_the_names_that_its_directory_tells_else_by_those_known() -> None:
    assert authorities.identities("https://acme-v02.api.letsencrypt.org/directory") == ("letsencrypt.org",)
    assert authorities.identities("https://acme-v02.api.letsencrypt.org/directory", ("example.net",)) == ("example.net",)
    assert authorities.identities("https://acme.isp.example:14000/dir") == authorities.identities("[") == ()
    assert "sectigo.com" in authorities.identities("https://acme.zerossl.com/v2/DV90")


def test_a_resolver_that_never_answers_is_a_warning() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        assert kinds(Lookup(["127.0.0.1"], silent.getsockname()[1], 0.3), "free.casa.example") == ["warning caa-unread"]
