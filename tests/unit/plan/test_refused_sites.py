"""Lines of a site, a certificate or a proxy that mean nothing together: each is said once, with where it stands and what to write."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest

from plugins.module_utils.plan.make import make
from plugins.module_utils.plan.mistakes import InventoryRefused, Mistake

from .declarations import catalogue, host, mistakes, plan, proxy_of

NAS: dict[str, Any] = {"name": "nas", "hosts": ["nas.example.org"], "upstream": "http://192.168.1.20:8080"}
SECURE = {**NAS, "upstream": "https://192.168.1.20:8443"}
PASSED = {**SECURE, "tls": "passthrough"}
BARE = {"name": "nas", "hosts": ["nas.example.org"]}
OWN = {"name": "own", "kind": "files", "chain": "/home/me/own.pem", "key": "/home/me/own.key"}
ALL = {"name": "all", "hosts": ["*.example.org"]}
TRIXIE = {"release": "trixie", "addresses": ["192.168.1.10", "fd00::10"]}
BOOKWORM = {"release": "bookworm", "addresses": ["192.168.1.10"]}


def once(found: dict[str, Any] | None = None, **variables: object) -> Mistake:
    """The one mistake of a host, which says what to write."""
    (mistake,) = mistakes(home=host(groups=("proxy",), found=TRIXIE if found is None else found, **variables))
    assert mistake.host == "home" and mistake.problem and mistake.write
    return mistake


@pytest.mark.parametrize(
    ("site", "field", "value", "problem", "cure"),
    [
        # An upstream over TLS
        ({**NAS, "upstream_ca": "any"}, "upstream_ca", "any", "no https upstream", "upstream: https://"),
        ({**NAS, "upstream_name": "nas.lan"}, "upstream_name", "nas.lan", "no https upstream", "upstream: https://"),
        ({**BARE, "app": "whoami", "upstream_ca": "/etc/ca.pem"}, "upstream_ca", "/etc/ca.pem", "no https upstream", "without this line"),
        ({**NAS, "paths": [{"path": "/x", "app": "whoami", "upstream_ca": "any"}]}, "paths[1].upstream_ca", "any", "no https upstream", "https://"),
        # Paths
        ({**NAS, "paths": [{"path": "/", "app": "whoami"}]}, "paths[1].path", "/", "stands there twice", "/ is the site itself"),
        ({**NAS, "paths": [{"path": "/x", "app": "whoami", "upstream": "http://nas:81"}]}, "paths[1].app", "whoami", "not both", "app: home_assistant or"),
        ({**NAS, "paths": [{"path": "/x"}]}, "paths[1].app", "(missing)", "an app or an upstream", "app: home_assistant or"),
        ({**NAS, "paths": [{"path": "/x", "upstream": "http://127.0.0.1"}]}, "paths[1].upstream", "http://127.0.0.1:80", "back to the proxy", "http://192"),
        ({**NAS, "paths": [{"path": "/a/../b", "app": "whoami"}]}, "paths[1].path", "/a/../b", "no request has such a path", "such as /someservice"),
        ({**NAS, "paths": [{"path": "/a//b", "app": "whoami"}]}, "paths[1].path", "/a//b", "no request has such a path", "such as /someservice"),
        ({**NAS, "paths": [{"path": "a", "app": "whoami"}]}, "paths[1].path", "a", "sorted by", "such as /someservice"),
        ({**NAS, "paths": [{"app": "whoami"}]}, "paths[1].path", "(missing)", "needed", "path: and its value"),
        ({**NAS, "paths": {"path": "/x"}}, "paths", {"path": "/x"}, "not a list", "begin with -"),
        # Redirects
        ({**NAS, "redirect": "https://x.example.org"}, "redirect", "https://x.example.org", "upstream never asked", "either redirect or upstream"),
        ({**BARE, "app": "whoami", "redirect": "https://x.example.org"}, "redirect", "https://x.example.org", "app never asked", "either redirect or app"),
        (
            {**BARE, "paths": [{"path": "/x", "app": "whoami"}], "redirect": "https://x.example.org"},
            "redirect",
            "https://x.example.org",
            "paths never asked",
            "either redirect or paths",
        ),
        ({**BARE, "redirect": "https://NAS.example.org/"}, "redirect", "https://nas.example.org", "back to the site itself", "another site"),
        ({**BARE, "redirect": "https://x.example.org/path"}, "redirect", "https://x.example.org/path", "not the address of a site", "without a path"),
        ({**BARE, "redirect": "https://x.example.org/\nreturn"}, "redirect", "https://x.example.org/\nreturn", "not a web address", "without a path"),
        ({**BARE, "redirect": "ftp://x.example.org"}, "redirect", "ftp://x.example.org", "not the address of a site", "https://home.example.org"),
        # What is for a site whose TLS is passed through
        ({**NAS, "proxy_protocol": True}, "proxy_protocol", True, "whose TLS ends at its app", "tls: passthrough"),
        ({**NAS, "http_upstream": "http://nas:80"}, "http_upstream", "http://nas:80", "whose TLS ends at its app", "tls: passthrough"),
        # What is not
        *[
            ({**PASSED, line: value}, line, shown, "does not see inside", "without tls: passthrough")
            for line, value, shown in [
                ("hsts", "1d", 86400),
                ("max_body", "1M", 10**6),
                ("read_timeout", "1m", 60),
                ("buffering", True, True),
                ("compress", True, True),
                ("log_queries", True, True),
                ("upstream_name", "nas.lan", "nas.lan"),
                ("upstream_ca", "any", "any"),
                (
                    "paths",
                    [{"path": "/x", "app": "whoami"}],
                    [{"path": "/x", "strip": False, "app": "whoami", "app_port": "", "upstream": "", "upstream_name": "", "upstream_ca": "", "number": 1}],
                ),
            ]
        ],
        ({**PASSED, "upstream": "192.168.1.20"}, "upstream", "http://192.168.1.20:80", "port 80 is that of http", "https:// and the address"),
        ({**PASSED, "http_upstream": "https://nas:81"}, "http_upstream", "https://nas:81", "comes over http", "http:// and the address"),
        ({**PASSED, "http_upstream": "http://127.0.0.1"}, "http_upstream", "http://127.0.0.1:80", "back to the proxy", "http://192"),
        ({**PASSED, "upstream": "https://192.168.1.10"}, "upstream", "https://192.168.1.10:443", "back to the proxy", "http://192"),
        # Certificates
        ({**NAS, "certificate": "all"}, "certificate", "all", "home has no certificate of this name", "an entry of exposure_certificates"),
    ],
)
def test_lines_of_a_site_that_mean_nothing_together_are_said_once(site: dict[str, Any], field: str, value: object, problem: str, cure: str) -> None:
    mistake = once(sites=[site])
    assert (mistake.site, mistake.field, mistake.value) == ("site nas", field, value)
    assert problem in mistake.problem and cure in mistake.write


def test_a_path_that_stands_there_twice_is_said_of_both() -> None:
    paths = [{"path": "/x", "app": "whoami"}, {"path": "/x/", "upstream": "http://nas:81"}]
    found = mistakes(home=host(sites=[{**NAS, "paths": paths}]))
    assert [(one.field, one.value) for one in found] == [("paths[1].path", "/x"), ("paths[2].path", "/x/")]


def test_a_part_is_called_by_its_place_in_the_list_although_another_cannot_be_read() -> None:
    paths = [{"path": "no path", "app": "whoami"}, {"path": "/x", "upstream": "http://nas:81", "upstream_ca": "any"}]
    assert {one.field for one in mistakes(home=host(sites=[{**NAS, "paths": paths}]))} == {"paths[1].path", "paths[2].upstream_ca"}


def test_tls_local_and_a_certificate_that_is_named_contradict_each_other() -> None:
    mistake = once(sites=[{**NAS, "tls": "local", "certificate": "own"}], certificates=[OWN])
    assert (mistake.site, mistake.field, mistake.write) == ("site nas", "tls", "either tls or certificate")


def test_a_certificate_is_no_line_of_a_site_whose_tls_is_passed_through() -> None:
    mistake = once(sites=[{**PASSED, "certificate": "own"}], certificates=[OWN])
    assert (mistake.site, mistake.field, mistake.value) == ("site nas", "certificate", "own")


# What is passed through goes nowhere but to its app


def test_http_of_a_site_passed_through_goes_to_port_80_of_its_upstream() -> None:
    (passed,) = proxy_of(plan(home=host(sites=[PASSED], found=TRIXIE))).passthrough
    assert (passed.upstream, passed.http_upstream) == ("192.168.1.20:8443", "192.168.1.20:80")


@pytest.mark.parametrize("upstream", ["https://127.0.0.1:8443", "https://localhost:8443", "https://192.168.1.10:8443", "https://[fd00::10]:8443"])
def test_http_of_an_app_beside_its_proxy_does_not_go_round_in_circles(upstream: str) -> None:
    (passed,) = proxy_of(plan(home=host(sites=[{**PASSED, "upstream": upstream}], found=TRIXIE))).passthrough
    assert passed.http_upstream == ""


def test_a_path_of_http_is_passed_once() -> None:
    (passed,) = proxy_of(plan(home=host(sites=[{**PASSED, "http_paths": ["/a/", "/a/", "/b/"]}], found=TRIXIE))).passthrough
    assert passed.http_paths == ["/a/", "/b/"]


# Certificates


@pytest.mark.parametrize(
    ("entry", "field", "value", "problem", "cure"),
    [
        ({"name": "c"}, "hosts", "(missing)", "has no names", "hosts: [example.org, '*.example.org']"),
        ({"name": "c", "kind": "local"}, "hosts", "(missing)", "has no names", "hosts:"),
        ({"name": "c", "kind": "files", "chain": "/c.pem"}, "key", "(missing)", "needs its file", "key: a PEM file on the controller"),
        ({"name": "c", "kind": "files", "key": "/c.key"}, "chain", "(missing)", "needs its file", "chain: a PEM file on the controller"),
        ({"name": "c", "hosts": "c.example.org", "key": "/c.key"}, "key", "/c.key", "only a certificate of your own has files", "kind: files"),
        ({"name": "c", "kind": "local", "hosts": "c.lan.example", "chain": "/c"}, "chain", "/c", "only a certificate of your own", "kind: files"),
        ({"name": "c", "hosts": ["192.168.1.1"]}, "hosts", "192.168.1.1", "no certificate for it", "kind: local"),
        ({"name": "c", "hosts": ["localhost"]}, "hosts", "localhost", "no certificate for it", "kind: local"),
        ({"name": "c", "hosts": ["*.example.org"], "challenge": "http-01"}, "challenge", "http-01", "by DNS only", "challenge: dns-01"),
        ({"name": "c", "hosts": ["*"]}, "hosts", ["*"], "not a", "such as"),
        ({"name": "c", "hosts": ["*.*.example.org"]}, "hosts", ["*.*.example.org"], "wildcard", "such as"),
        ({**OWN, "name": "c", "copies": [{"path": "/x", "content": "pfx"}]}, "copies[1].content", "pfx", "not one of the choices", "fullchain or chain"),
        ({**OWN, "name": "c", "copies": [{"path": "x", "content": "key"}, {"path": "/x"}]}, None, None, "", ""),
        ({**OWN, "name": "c", "copies": [{"path": "/x", "content": "chain", "mode": 644}]}, "copies[1].mode", 644, "number", "in quotes"),
        ({**OWN, "name": "c", "copies": [{"path": "/x", "content": "chain", "owner": "a b"}]}, "copies[1].owner", "a b", "name of a user", "www-data"),
        ({**OWN, "name": "c", "copies": "/x"}, "copies", "/x", "not a list", "begin with -"),
        ({**OWN, "name": "c", "after": ["sh", "-c", "a; b"]}, "after", ["sh", "-c", "a; b"], "plain word", "[docker, restart, registry]"),
    ],
)
def test_lines_of_a_certificate_that_mean_nothing_together_are_said_once(
    entry: dict[str, Any], field: str | None, value: object, problem: str, cure: str
) -> None:
    if field is None:
        found = mistakes(home=host(groups=("proxy",), certificates=[entry]))
        assert {one.field for one in found} == {"copies[1].path", "copies[1].content", "copies[2].content"} and len(found) == 3
        return
    mistake = once(proxy="nginx", certificates=[entry], acme={"dns": "duckdns"})
    assert (mistake.site, mistake.field, mistake.value) == ("certificate c", field, value)
    assert problem in mistake.problem and cure in mistake.write


def test_a_certificate_that_is_declared_twice_is_said_once() -> None:
    mistake = once(certificates=[OWN, {**OWN, "chain": "/other.pem"}, OWN])
    assert (mistake.site, mistake.field, mistake.value, mistake.write) == ("certificate own", "name", "own", "one entry for each name")


def test_a_certificate_is_used_for_its_own_names_alone() -> None:
    mistake = once(sites=[{**NAS, "hosts": ["nas.example.org", "a.nas.example.org"], "certificate": "all"}], certificates=[ALL], acme={"dns": "duckdns"})
    assert (mistake.site, mistake.field, mistake.value) == ("site nas", "certificate", "all")
    assert mistake.problem == "certificate all is not for a.nas.example.org"


def test_a_site_that_names_another_certificate_is_answered_with_those_there_are() -> None:
    assert once(sites=[{**NAS, "certificate": "al"}], certificates=[OWN, ALL], acme={"dns": "duckdns"}).write == "all, own"


def test_a_certificate_with_the_name_of_a_site_that_does_not_use_it_is_said() -> None:
    mistake = once(proxy="nginx", sites=[NAS], certificates=[{**OWN, "name": "nas"}])
    assert (mistake.site, mistake.field, mistake.write) == ("site nas", "certificate", "certificate: nas, or another name for either")


def test_certificates_on_a_host_without_a_proxy_are_said_of_that_host() -> None:
    (mistake,) = mistakes(home=host(groups=("proxy",)), attic=host(certificates=[OWN]))
    assert (mistake.host, mistake.field, mistake.value) == ("attic", "exposure_certificates", "1 entries") and "host_vars of the proxy" in mistake.write


def test_a_wildcard_without_a_dns_provider_is_said_once_with_the_names_of_all() -> None:
    mistake = once(certificates=[ALL, {"name": "b", "hosts": ["*.b.example.org"]}])
    assert mistake.field == "exposure_acme.dns" and "certificate all, b is proven by DNS" in mistake.problem and "duckdns" in mistake.write


def test_a_challenge_that_certbot_cannot_answer_is_said() -> None:
    mistake = once(proxy="nginx", sites=[NAS], acme={"challenges": "tls-alpn-01"})
    assert (mistake.field, mistake.value) == ("exposure_acme.challenges", "tls-alpn-01") and "exposure_proxy: caddy" in mistake.write


def test_a_profile_that_certbot_of_the_release_cannot_ask_for_is_said() -> None:
    mistake = once(BOOKWORM, proxy="nginx", sites=[NAS], acme={"profile": "shortlived"})
    assert (mistake.field, mistake.write) == ("exposure_acme.profile", "exposure_certbot_source: pypi")
    assert mistake.problem == "to ask for a profile, certbot 4.0 is needed; bookworm has 2.1"
    plan(home=host(proxy="nginx", sites=[NAS], acme={"profile": "shortlived"}, certbot_source="pypi", found=BOOKWORM))


def test_there_is_one_local_authority() -> None:
    local = {**NAS, "tls": "local"}
    found = mistakes(home=host(groups=("proxy", "local_ca"), sites=[local]), attic=host(groups=("local_ca",)))
    assert [(one.host, one.field) for one in found] == [("attic", "(group local_ca)")]


ONE = {"path": "/srv/one.pem", "content": "fullchain"}


@pytest.mark.parametrize(
    ("entries", "where"),
    [
        ([{**OWN, "copies": [ONE, {**ONE, "content": "chain"}]}], "certificate own"),
        ([{**OWN, "copies": [ONE]}, {**OWN, "name": "other", "copies": [{**ONE, "path": "/srv/one.pem/", "content": "privkey"}]}], "certificate other"),
    ],
)
def test_two_copies_with_one_path_are_said_with_whose_the_first_is(entries: list[dict[str, Any]], where: str) -> None:
    mistake = once(certificates=entries)
    assert (mistake.site, mistake.field, mistake.value) == (where, "copies", "/srv/one.pem")
    assert "certificate own has this path already" in mistake.problem and "a path of its own" in mistake.write


def test_one_path_on_two_hosts_is_no_contradiction() -> None:
    entry = {**OWN, "copies": [ONE]}
    plan(home=host(groups=("proxy",), certificates=[entry]), attic=host(groups=("proxy",), certificates=[entry]))


BINDING = {"kid": "kid-1", "hmac_key": "c2VjcmV0LWtleS1vZi1hbi1hY2NvdW50"}


def test_an_account_binding_that_caddy_would_order_without_is_said_once_with_the_sites() -> None:
    passed, local = {**PASSED, "name": "pbx", "hosts": ["pbx.example.org"]}, {**NAS, "name": "lan", "hosts": ["lan.example.org"], "tls": "local"}
    mistake = once(sites=[NAS, {**NAS, "name": "cam", "hosts": ["cam.example.org"]}, passed, local], acme_eab=BINDING)
    assert (mistake.site, mistake.field, mistake.value) == ("", "exposure_acme_eab", "(secret, hidden)")
    assert mistake.problem.startswith("Caddy orders the certificate of cam, nas itself")
    assert "exposure_proxy: nginx" in mistake.write and "challenges: [dns-01]" in mistake.write


@pytest.mark.parametrize(
    ("site", "variables"),
    [
        (NAS, {"proxy": "nginx"}),
        (NAS, {"acme": {"challenges": ["dns-01"], "dns": "duckdns"}}),
        ({**NAS, "certificate": "own"}, {"certificates": [OWN]}),
        ({**NAS, "tls": "local"}, {}),
        (PASSED, {}),
    ],
)
def test_an_account_binding_is_taken_where_caddy_orders_nothing(site: dict[str, Any], variables: dict[str, Any]) -> None:
    plan(home=host(sites=[site], acme_eab=BINDING, found=TRIXIE, **variables))


@pytest.mark.parametrize(("page", "problem"), [("nas.example.org", "belongs to site nas of home already"), ("ca.example.org", "")])
def test_the_page_of_the_authority_has_a_name_of_its_own(page: str, problem: str) -> None:
    given = {"sites": [{**NAS, "tls": "local"}], "local_ca": {"page": page}}
    if not problem:
        assert proxy_of(plan(home=host(found=TRIXIE, **given))).authority_page == page
        return
    mistake = once(**given)
    assert mistake.field == "exposure_local_ca.page" and problem in mistake.problem and mistake.write.endswith("ca.example.org")


def test_a_page_of_an_authority_that_nobody_needs_is_said() -> None:
    assert "there is no authority" in once(sites=[NAS], local_ca={"page": "ca.example.org"}).problem


# What an engine of a release cannot do


@pytest.mark.parametrize(
    ("variables", "site", "field", "problem", "cure"),
    [
        ({"sites": [PASSED]}, "site nas", "tls", "real client behind the splitter", "exposure_proxy: nginx on home"),
        ({"sites": [{**NAS, "keep_streams": "5m"}]}, "site nas", "keep_streams", "keep WebSockets open", "trixie"),
        ({"sites": [NAS], "acme": {"profile": "x"}}, "", "exposure_acme.profile", "ask for an ACME profile, Caddy 2.10", "trixie"),
        ({"sites": [NAS], "proxy": "nginx", "http3": True}, "", "exposure_http3", "speak HTTP/3, nginx 1.25 is needed; home (bookworm) has 1.22", "trixie"),
    ],
)
def test_what_the_engine_of_bookworm_cannot_do_is_said_once(variables: dict[str, Any], site: str, field: str, problem: str, cure: str) -> None:
    mistake = once(BOOKWORM, **variables)
    assert (mistake.site, mistake.field) == (site, field) and problem in mistake.problem and cure in mistake.write


def test_a_default_server_of_a_persons_own_nginx_is_named() -> None:
    mistake = once({**TRIXIE, "nginx_defaults": ["/etc/nginx/sites-enabled/all"]}, proxy="nginx", sites=[NAS])
    assert (mistake.field, mistake.value) == ("/etc/nginx/sites-enabled/all", "default_server") and "without default_server" in mistake.write
    plan(home=host(sites=[NAS], found={**TRIXIE, "nginx_defaults": ["/etc/nginx/sites-enabled/all"]}))


# Secrets

SECRETS = {"acme_eab": BINDING, "acme_credentials": {"dns_duckdns_token": "very-secret-token"}}
VALUES = ("c2VjcmV0", "very-secret")


def test_secrets_are_not_in_the_plan() -> None:
    shown = json.dumps(asdict(plan(home=host(proxy="nginx", sites=[NAS], certificates=[ALL], acme={"dns": "duckdns"}, found=TRIXIE, **SECRETS))))
    assert "duckdns" in shown and not [value for value in VALUES if value in shown]


@pytest.mark.parametrize(
    ("variables", "field"),
    [
        ({"acme_eab": {"kid": "kid-1", "hmac_key": "c2VjcmV0 with a space"}}, "exposure_acme_eab.hmac_key"),
        ({"acme_eab": "c2VjcmV0"}, "exposure_acme_eab"),
        (
            {"acme_eab": {"kid": "kid-1", "hmac_kez": "c2VjcmV0LWtleS1vZi1hbi1hY2NvdW50", "hmac_key": "c2VjcmV0LWtleS1vZi1hbi1hY2NvdW50"}},
            "exposure_acme_eab.hmac_kez",
        ),
        ({"acme_credentials": {"dns_duckdns_token": "very-secret\ntoken"}}, "exposure_acme_credentials"),
        ({"acme_credentials": {"DNS TOKEN": "very-secret-token"}}, "exposure_acme_credentials"),
        ({"acme_credentials": "very-secret-token"}, "exposure_acme_credentials"),
        ({"acme_credentials": ["very-secret-token"]}, "exposure_acme_credentials"),
        ({"acme_credential": {"dns_duckdns_token": "very-secret-token"}}, "exposure_acme_credential"),
        ({"acme": {"acme_credentials": {"dns_duckdns_token": "very-secret-token"}}}, "exposure_acme.acme_credentials"),
        ({"acme": {"eab": {"hmac_key": "c2VjcmV0LWtleS1vZi1hbi1hY2NvdW50"}}}, "exposure_acme.eab"),
    ],
)
def test_a_mistake_in_a_secret_does_not_show_it(variables: dict[str, Any], field: str) -> None:
    with pytest.raises(InventoryRefused) as refused:
        make({"home": host(sites=[NAS], found=TRIXIE, **variables)}, catalogue())
    assert field in str(refused.value) and not [value for value in VALUES if value in str(refused.value)]


def test_a_certificate_that_caddy_cannot_have_proven_over_http_is_refused() -> None:
    mistake = once(certificates=[{"name": "registry", "hosts": ["registry.example.org"]}])
    assert mistake.field == "exposure_certificates" and mistake.value == "registry" and "exposure_proxy: nginx" in mistake.write


def test_caddy_does_not_take_the_place_of_an_nginx_that_serves_sites_of_a_person() -> None:
    mistake = once({**TRIXIE, "nginx_released": True, "nginx_own_sites": True}, sites=[NAS])
    assert mistake.field == "exposure_proxy" and "sites of your own" in mistake.problem
    assert plan(home=host(groups=("proxy",), found={**TRIXIE, "nginx_released": True}, sites=[NAS])).hosts["home"].proxy is not None


def test_a_line_break_in_the_name_of_an_account_reaches_no_file() -> None:
    binding = {"kid": "me\npre-hook = id", "hmac_key": "abcdefghijklmnopqrst"}
    assert once(proxy="nginx", acme_eab=binding, sites=[NAS]).field == "exposure_acme_eab.kid"
