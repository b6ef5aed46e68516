"""What a proxy answers in an app's place, and which paths it passes on: from the catalogue to the sites of the Plan."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from plugins.filter.away import away_file, away_files
from plugins.filter.caddyfile import caddy_body, caddy_text
from plugins.filter.nginx import nginx_text
from plugins.module_utils.plan.answers import LONGEST_BODY, compact, quoted_length
from plugins.module_utils.plan.model import ProxySite

from .declarations import HOSTILE, ROLES, host, mistakes, nginx_files, places, plan, proxy_of, rendered
from .nginx import Nginx
from .test_caddyfile import adapted, found

BARE: dict[str, Any] = {"title": "Chat", "image": "docker.io/example/chat", "version": "1", "port": 8008}
SERVER = {"path": "/.well-known/matrix/server", "exact": True, "json": {"m.server": "${EXPOSURE_HOST}:443"}, "headers": {"Access-Control-Allow-Origin": "*"}}
DOMAIN = {"domain": "casa.example"}
NGINX = {"release": "bookworm", "nginx": "1.22.1"}
CADDY = {"release": "bookworm", "caddy": "2.6.2"}


def chat(**proxy: Any) -> dict[str, Any]:
    options = {"NICK": {"kind": "text", "default": "me"}}
    return {"chat": {**BARE, "options": options, "proxy": proxy}, "other": {**BARE, "port": 8009, "proxy": {"answers": [SERVER]}}}


def site(known: dict[str, Any], entry: dict[str, Any] | None = None, **more: Any) -> ProxySite:
    given = {"name": "chat", "app": "chat", **(entry or {})}
    (one,) = proxy_of(plan(known, home=host(sites=[given], **DOMAIN, **more))).sites
    return one


def answered(one: ProxySite) -> list[tuple[str, int, str]]:
    return [(answer.path, answer.status, answer.location or answer.body) for answer in one.answers]


def test_answers_come_from_the_catalogue_filled_with_what_the_plan_knows() -> None:
    said = {"m.server": "${EXPOSURE_HOST}:443", "url": "${EXPOSURE_URL}", "all": ["${EXPOSURE_HOSTS}"], "who": "${NICK} of ${EXPOSURE_TIMEZONE}"}
    entry = {"hosts": ["a.example.org", "b.example.org"]}
    apps = chat(answers=[{**SERVER, "json": said}])
    one = site(apps, entry, ports={"https": 8443}, acme={"dns": "rfc2136"}, timezone="Europe/Paris", apps=[{"name": "chat", "options": {"NICK": 'x"$}'}}])
    (answer,) = one.answers
    assert (answer.path, answer.exact, answer.status, answer.type) == ("/.well-known/matrix/server", True, 200, "application/json")
    wanted = {"m.server": "a.example.org:443", "url": "https://a.example.org:8443", "all": ["a.example.org", "b.example.org"], "who": 'x"$} of Europe/Paris'}
    assert json.loads(answer.body) == wanted
    assert answer.headers == {"Access-Control-Allow-Origin": "*"}


def test_an_app_that_has_two_sites_is_called_by_the_first_of_its_names_on_both_as_its_stack_is() -> None:
    sites = [{"name": "one", "app": "chat"}, {"name": "two", "app": "chat"}]
    made = plan(chat(answers=[SERVER]), home=host(sites=sites, **DOMAIN))
    assert {answer.body for one in proxy_of(made).sites for answer in one.answers} == {'{"m.server":"one.casa.example:443"}'}
    assert made.hosts["home"].stacks[0].env["EXPOSURE_HOST"] == "one.casa.example"


def test_a_status_is_that_of_the_kind_of_answer_where_none_is_said() -> None:
    rows = [
        {"path": "/a", "json": []},
        {"path": "/b", "json": {}, "status": 404},
        {"path": "/c", "redirect": "/x"},
        {"path": "/d", "redirect": "/x", "status": 307},
        {"path": "/e/", "status": 403},
    ]
    assert answered(site(chat(answers=rows))) == [("/a", 200, "[]"), ("/b", 404, "{}"), ("/c", 301, "/x"), ("/d", 307, "/x"), ("/e", 403, "")]


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"path": "/x"}, "status"),
        ({"path": "/x", "redirect": "/y", "json": {}}, "redirect"),
        ({"path": "/x", "redirect": "/y", "status": 200}, "status"),
        ({"path": "/x", "redirect": "//evil.example/"}, "redirect"),
        ({"path": "/x", "status": 301}, "status"),
        ({"path": "/x", "status": 444}, "status"),
        ({"path": "/x", "status": 499}, "status"),
        ({"path": "/x", "status": 101}, "status"),
        ({"path": "/x", "json": {}, "status": 204}, "status"),
        ({"path": "/x", "json": {}, "status": 301}, "status"),
        ({"path": "/", "status": 404}, "path"),
        ({"path": "/x", "json": {"a": float("nan")}}, "json"),
        ({"path": "/x", "json": {"a": b"bytes"}}, "json"),
        ({"path": "/x", "json": ["x" * 5000]}, "json"),
        ({"path": "/x", "json": {"a": "${MYSQL_PASSWORD}"}}, "json"),
        ({"path": "/x", "json": {"${EXPOSURE_PROXIES}": 1}}, "json"),
        ({"path": "/x", "status": 404, "headers": {"X-A": "${EXPOSURE_DATA}"}}, "headers"),
        ({"path": "/x", "status": 404, "headers": {"X-A": "a$b"}}, "headers"),
        ({"path": "/x", "status": 404, "headers": {"X-A": "{env.HOME}"}}, "headers"),
        ({"path": "/x", "status": 404, "headers": {"X-A": "é"}}, "headers"),
        ({"path": "/x", "status": 404, "headers": {"X-A=1": "b"}}, "headers"),
        ({"path": "/x", "status": 404, "headers": {"content-type": "text/html"}}, "headers"),
        ({"path": "/x", "status": 404, "headers": {"Transfer-Encoding": "chunked"}}, "headers"),
    ],
)
def test_an_answer_that_means_nothing_is_a_mistake_of_the_catalogue(row: dict[str, Any], field: str) -> None:
    assert places(chat(answers=[row]), home=host(apps=[{"name": "chat"}])) == {("(catalogue)", "app chat", f"proxy.answers[1].{field}")}


def test_two_answers_for_one_path_are_a_mistake() -> None:
    rows = [{"path": "/x", "status": 404}, {"path": "/x/", "status": 403}]
    (mistake,) = mistakes(chat(answers=rows), home=host(apps=[{"name": "chat"}]))
    assert (mistake.field, mistake.problem) == ("proxy.answers[2].path", "the path stands there twice")


def test_an_option_with_which_no_answer_can_be_written_is_a_mistake_of_the_owner() -> None:
    apps = chat(answers=[{"path": "/x", "status": 404, "headers": {"X-Nick": "${NICK}"}}])
    (mistake,) = mistakes(apps, home=host(sites=[{"name": "chat", "app": "chat"}], apps=[{"name": "chat", "options": {"NICK": "a$b"}}], **DOMAIN))
    assert (mistake.host, mistake.site, mistake.field) == ("home", "app chat", "options") and "X-Nick" in mistake.problem


# Which paths are passed on


def passed(one: ProxySite) -> list[tuple[str, str, str]]:
    return [(location.path, location.strip, location.upstream) for location in one.locations]


APP, OTHER = "127.0.0.1:8008", "127.0.0.1:8009"


def test_only_what_the_catalogue_names_is_passed_on() -> None:
    assert passed(site(chat(only=["/_matrix", "/_synapse/client/"]))) == [("/_synapse/client", "", APP), ("/_matrix", "", APP)]
    assert passed(site(chat(only=["/"]))) == [("/", "", APP)] == passed(site(chat()))


def part(path: str, **more: Any) -> dict[str, Any]:
    return {"app": "other", "paths": [{"path": path, "app": "chat", **more}]}


@pytest.mark.parametrize(
    ("entry", "paths"),
    [
        (part("/_matrix"), ["/_matrix"]),
        (part("/_matrix/client/"), ["/_matrix/client"]),
        (part("/_synapse"), ["/_synapse/client"]),
        (part("/chat"), ["/chat/_synapse/client", "/chat/_matrix"]),
    ],
)
def test_on_a_part_of_a_site_what_is_passed_on_lies_in_that_part(entry: dict[str, Any], paths: list[str]) -> None:
    assert passed(site(chat(only=["/_matrix", "/_synapse/client"]), entry)) == [*((path, "", APP) for path in paths), ("/", "", OTHER)]


def test_where_the_part_is_taken_off_the_app_still_gets_its_own_paths_alone() -> None:
    one = site(chat(only=["/_matrix"], answers=[{"path": "/metrics", "status": 404}, {"path": "/dav", "redirect": "/_matrix/dav"}]), part("/chat", strip=True))
    assert passed(one) == [("/chat/_matrix", "/chat", APP), ("/", "", OTHER)]
    assert answered(one)[1:] == [("/chat/metrics", 404, ""), ("/chat/dav", 301, "/chat/_matrix/dav")]


def test_what_is_well_known_is_answered_for_the_name_wherever_on_it_the_app_is() -> None:
    apps = chat(answers=[SERVER])
    apps["other"]["proxy"] = {}
    assert [answer.path for answer in site(apps, part("/_matrix")).answers] == ["/.well-known/matrix/server"]


def test_what_a_person_sends_elsewhere_goes_there_whatever_the_catalogue_says() -> None:
    apps = chat(only=["/a", "/b"], answers=[{"path": "/a/x", "status": 404}, {"path": "/b/x", "status": 404}, SERVER])
    entry = {"paths": [{"path": "/a", "upstream": "nas:80"}, {"path": "/.well-known", "upstream": "nas:80"}]}
    one = site(apps, entry)
    assert passed(one) == [("/.well-known", "", "nas:80"), ("/a", "", "nas:80"), ("/b", "", APP)]
    assert answered(one) == [("/b/x", 404, "")]


def test_an_app_of_which_little_is_to_be_reached_is_not_passed_through() -> None:
    found_there = places(chat(only=["/_matrix"]), home=host(sites=[{"name": "chat", "app": "chat", "tls": "passthrough"}], proxy="nginx", **DOMAIN))
    assert found_there == {("home", "site chat", "tls")}


# Maintenance


@pytest.mark.proves("R58")
def test_maintenance_is_one_line_of_a_site_and_the_proof_knows() -> None:
    made = plan(chat(), home=host(sites=[{"name": "chat", "app": "chat", "maintenance": True}], **DOMAIN))
    assert [one.maintenance for one in proxy_of(made).sites] == [probe.maintenance for probe in made.probes] == [True]
    assert not site(chat()).maintenance


@pytest.mark.proves("R58")
def test_maintenance_of_a_site_that_is_passed_through_is_a_mistake_with_the_reason() -> None:
    entry = {"name": "pbx", "upstream": "https://192.168.1.30", "tls": "passthrough", "maintenance": True}
    (mistake,) = mistakes(home=host(sites=[entry], proxy="nginx", **DOMAIN))
    assert (mistake.field, mistake.problem) == ("maintenance", "with tls: passthrough the proxy does not see inside the connection")


def test_each_site_with_an_app_has_a_page_of_its_name_and_one_that_only_leads_elsewhere_has_none() -> None:
    sites = [
        {"name": "chat", "app": "chat"},
        {"name": "www", "redirect": "https://chat.casa.example"},
        {"name": "off", "upstream": "nas:1", "maintenance": True},
    ]
    made = [asdict(one) for one in proxy_of(plan(chat(), home=host(sites=sites, **DOMAIN))).sites]
    files = away_files(made, (ROLES / "caddy/files/away.html").read_text())
    assert {one["path"]: "chat.casa.example is away" in one["content"] for one in files} == {"away/chat.html": True, "away/off.html": False}
    assert all("SITE" not in one["content"] and not re.search(r"<script|src=|https?:|url\(|@import", one["content"]) for one in files)


def test_a_page_is_a_file_of_its_own_tree_and_a_name_is_no_markup() -> None:
    for name in ("../x", "a/b", "", "a b", "a;b", "é"):
        with pytest.raises(ValueError, match="file's name"):
            away_file(name)
    (file,) = away_files([{"name": "x", "hosts": ["<b>&"], "locations": [], "maintenance": True}], "<h1>SITE</h1>")
    assert file["content"] == "<h1>&lt;b&gt;&amp;</h1>"


# Bodies and headers in the files of the engines

TEXTS = (
    st.text(max_size=40) | HOSTILE | st.sampled_from(["$host", "${request_uri}", "{http.request.uri}", "{uri}", "`", "\\{", "\\", "'; return 200 'x", "\x7f"])
)
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(JSONS)
@example({})
@example({"a": {}, "b": [{}]})
def test_json_is_compact_plain_and_the_same_value(value: Any) -> None:
    body = compact(value)
    assert json.loads(body) == value
    assert body.isascii() and body.isprintable() and not set("$`'") & set(body)
    if quoted_length(body) <= LONGEST_BODY:
        assert caddy_body(body) == f"`{body}`"
        assert nginx_text(body)[1:-1].replace("\\\\", "\\") == body


@pytest.mark.parametrize("value", ["{env.HOME}", "{$HOME}", '{"a":"{uri}"}', "`", "a\nb", "é", "\x00", '{"\\{"', "{ x }"])
def test_the_role_by_itself_refuses_a_body_that_caddy_would_not_take_as_it_is(value: str) -> None:
    with pytest.raises(ValueError):
        caddy_body(value)
    if value not in ("a\nb", "é", "\x00", "`"):
        with pytest.raises(ValueError):
            caddy_text(value)


@pytest.mark.parametrize("value", ["$host", "a\nb", "a\r\nb", "é", "\x00", "x" * 5000, "\\" * 2100])
def test_the_role_by_itself_refuses_a_text_that_nginx_would_not_take_as_it_is(value: str) -> None:
    with pytest.raises(ValueError):
        nginx_text(value)


@pytest.fixture(scope="module")
def nginx() -> Iterator[Nginx]:
    with tempfile.TemporaryDirectory(prefix="nginx") as folder:
        yield Nginx(Path(folder) / "n")


HEADERS = st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="$`{}\\"), max_size=30).filter(lambda one: one == one.strip() and one)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(JSONS, HEADERS)
def test_both_engines_take_every_body_and_header_and_caddy_keeps_them(nginx: Nginx, tmp_path: Path, value: Any, header: str) -> None:
    rows = [
        {"path": "/said", "json": ["", value], "headers": {"X-Says": header}},
        {"path": "/only", "exact": True, "status": 404},
        {"path": "/only/x", "redirect": "/y?a=b"},
    ]
    entry = [{"name": "chat", "app": "chat", "tls": "local"}]
    apps = {"chat": {**BARE, "proxy": {"only": ["/only", "/said/deep"], "answers": rows}}}
    if re.search(r"\$\{[A-Za-z_]", json.dumps(value)):
        return  # a name that is not known: refused
    one = plan(apps, home=host(sites=entry, found=CADDY, **DOMAIN))
    config = adapted(rendered(one, "home"), tmp_path)
    assert ["", value] in [json.loads(body) for body in found(config, "body")]
    assert [header] in found(config, "X-Says")
    proxy = proxy_of(plan(apps, home=host(sites=entry, found=NGINX, proxy="nginx", **DOMAIN)))
    said = nginx.says(nginx.files(proxy))
    assert not said, said


@pytest.mark.parametrize("key", ["path", "location", "body", "type"])
def test_the_role_by_itself_refuses_an_answer_that_would_break_out_of_its_place(key: str) -> None:
    made = asdict(proxy_of(plan(chat(answers=[SERVER]), home=host(sites=[{"name": "chat", "app": "chat"}], proxy="nginx", found=NGINX, **DOMAIN))))
    for value in ("a\n}", "$host", "/a\nb"):
        made["sites"][0]["answers"][0][key] = value
        with pytest.raises(ValueError):
            nginx_files(made)
