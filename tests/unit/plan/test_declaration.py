"""Every mistake of an inventory is in one report that tells a person where, what, why, and what to write."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugins.module_utils.plan.declaration import APP, HOST, SITE
from plugins.module_utils.plan.make import Inventory, make
from plugins.module_utils.plan.mistakes import InventoryRefused, Mistake, Mistakes

from .declarations import HOSTILE, JUNK, acmes, catalogue, host, mistakes, often, places, sites

NAS = {"name": "nas", "hosts": ["nas.example.org"], "upstream": "http://192.168.1.20:8080"}


def report(**hosts: Inventory) -> str:
    with pytest.raises(InventoryRefused) as refused:
        make(hosts, catalogue())
    return str(refused.value)


def test_all_mistakes_of_all_hosts_come_in_one_report() -> None:
    found = places(
        home=host(
            groups=("proxy",),
            domain="localhost",
            colour="blue",
            timezone="Mars/Olympus Mons",
            acme={"email": "nobody", "challenge": "dns-01"},
            sites=[{**NAS, "hsts": "long", "tls": "none"}, {"hosts": ["x.example.org"]}, "nas", {"name": "My Site", "upstream": "ftp://x"}],
        ),
        attic=host(apps=[{"name": "whoami", "port": 0, "state": "gone"}], address="here", verify=[]),
    )
    assert found == {
        ("home", "", "exposure_domain"),
        ("home", "", "exposure_colour"),
        ("home", "", "exposure_timezone"),
        ("home", "", "exposure_acme.email"),
        ("home", "", "exposure_acme.challenge"),
        ("home", "site nas", "hsts"),
        ("home", "site nas", "tls"),
        ("home", "site number 2", "name"),
        ("home", "site number 3", ""),
        ("home", "site My Site", "name"),
        ("home", "site My Site", "upstream"),
        ("attic", "", "exposure_address"),
        ("attic", "", "exposure_verify"),
        ("attic", "app whoami", "port"),
        ("attic", "app whoami", "state"),
    }


def test_the_report_counts_its_mistakes_and_says_that_nothing_was_changed() -> None:
    text = report(home=host(sites=[{**NAS, "tls": "none"}], domain="localhost"))
    assert text.startswith("The inventory has 2 mistakes. Nothing was changed.\n  1. ")
    assert report(home=host(domain="localhost")).startswith("The inventory has 1 mistake. ")


def test_a_mistake_names_host_site_line_value_reason_and_what_to_write() -> None:
    text = report(home=host(sites=[{**NAS, "upstream": "ftp://192.168.1.20"}]))
    assert "host home, site nas, upstream = ftp://192.168.1.20: ftp is not a scheme that can be passed to\n     write: http://" in text


@pytest.mark.parametrize(
    ("variables", "written"),
    [
        ({"site": []}, "exposure_sites"),
        ({"domian": "x"}, "exposure_domain"),
        ({"acme": {"e-mail": "x"}}, "exposure_acme.email"),
        ({"sites": [{**NAS, "upstrem": "x"}]}, "upstream"),
        ({"sites": [{**NAS, "probe": {"contain": "x"}}]}, "probe.contains"),
        ({"apps": [{"name": "whoami", "versoin": "x"}]}, "version"),
    ],
)
def test_a_line_that_is_not_known_is_answered_with_the_nearest_one(variables: dict[str, Any], written: str) -> None:
    (mistake,) = mistakes(home=host(**variables))
    assert mistake.problem == "there is no such line" and mistake.write == written


def test_a_line_that_is_near_to_nothing_is_answered_with_all_lines() -> None:
    (mistake,) = mistakes(home=host(sites=[{**NAS, "zzz": 1}]))
    assert all(line in mistake.write for line in SITE)


def test_a_line_that_is_wrong_is_not_reported_as_missing_too() -> None:
    assert places(home=host(sites=[{"name": "nas", "hosts": ["nas.example.org"], "upstream": "ftp://x"}])) == {("home", "site nas", "upstream")}
    assert places(home=host(sites=[{"name": "nas", "hosts": ["localhost"], "app": "whoami"}])) == {("home", "site nas", "hosts")}
    assert places(home=host(sites=[{"name": "nas", "hosts": ["nas.example.org"], "app": "Who Am I"}])) == {("home", "site nas", "app")}
    assert places(home=host(apps=[{"name": "second", "app": "Who Am I"}])) == {("home", "app second", "app")}
    assert places(a=host(groups=("proxy",)), b=host(groups=("proxy",)), c=host(sites=[{**NAS, "proxy": 5}])) == {("c", "site nas", "proxy")}


def test_a_wrong_site_still_counts_when_names_are_compared() -> None:
    assert places(home=host(sites=[{**NAS, "upstream": "ftp://x"}, {**NAS, "name": "other"}])) == {
        ("home", "site nas", "upstream"),
        ("home", "site other", "hosts"),
    }


def test_a_site_with_an_app_and_an_upstream_or_with_neither_is_reported() -> None:
    assert places(home=host(sites=[{**NAS, "app": "whoami"}], apps=[{"name": "whoami"}])) == {("home", "site nas", "app")}
    assert places(home=host(sites=[{**NAS, "app": "jellyfish"}])) == {("home", "site nas", "app")}
    assert places(home=host(sites=[{"name": "nas", "hosts": ["nas.example.org"]}])) == {("home", "site nas", "app")}


def test_a_site_without_a_name_on_a_host_without_a_domain_is_reported() -> None:
    (mistake,) = mistakes(home=host(sites=[{"name": "who", "app": "whoami"}]))
    assert (mistake.site, mistake.field, mistake.write) == ("site who", "hosts", "hosts: [home.example.org]")


def test_an_app_that_the_catalogue_lacks_is_answered_with_those_it_has() -> None:
    (mistake,) = mistakes(home=host(domain="example.org", sites=[{"name": "media", "app": "jellyfish"}]))
    assert (mistake.host, mistake.site, mistake.field, mistake.value) == ("home", "app jellyfish", "app", "jellyfish")
    assert all(app in mistake.write for app in catalogue())


def test_a_line_without_a_value_is_a_line_that_is_not_there() -> None:
    nothing = dict.fromkeys(HOST)
    full = {"sites": [{**dict.fromkeys(SITE), **NAS}], "apps": [{**dict.fromkeys(APP), "name": "whoami"}]}
    made = make({"home": host(**{**nothing, **full}), "attic": host(**nothing)}, catalogue())
    assert made.names == {"nas.example.org": "home"}


def test_what_is_no_list_of_entries_is_reported() -> None:
    assert places(home=host(sites={"nas": NAS}, apps="whoami")) == {("home", "", "exposure_sites"), ("home", "", "exposure_apps")}


def test_variables_of_others_are_not_looked_at() -> None:
    assert make({"home": Inventory({"nginx_sites": 5, "exposur_sites": 6})}, catalogue()).names == {}


@pytest.mark.parametrize("at", ["host", "site", "field", "value", "problem", "write"])
@given(st.text() | HOSTILE)
def test_a_report_never_contains_a_control_character_wherever_it_stands(at: str, hostile: str) -> None:
    parts: dict[str, Any] = dict.fromkeys(("host", "site", "field", "value", "problem", "write"), "x")
    collected = Mistakes([Mistake(**{**parts, at: hostile})])
    lines = collected.report().split("\n")
    assert len(lines) == 3 and all(line.isprintable() for line in lines)


def test_a_long_value_is_cut_in_the_report() -> None:
    text = report(home=host(domain="x" * 100_000, sites=[{**NAS, "hosts": ["y" * 100_000]}]))
    assert len(text) < 3000


def test_a_key_of_the_inventory_cannot_write_into_the_terminal() -> None:
    text = report(home=host(sites=[{**NAS, "\x1b[2Jx\ny": "\x1b]0;z\x07"}], **{"a\x1b[2J\r": 1}))
    assert all(line.isprintable() for line in text.split("\n"))
    assert "\\x1b[2Jx\\ny" in text


def test_mistakes_are_in_the_order_of_hosts_and_sites() -> None:
    text = report(b=host(domain="x"), a=host(domain="x", sites=[{**NAS, "tls": "x"}]))
    assert text.index("host a, exposure_domain") < text.index("host a, site nas") < text.index("host b")


LINES = st.dictionaries(st.sampled_from(sorted({f"exposure_{name}" for name in HOST})) | st.text(max_size=8).map("exposure_".__add__), JUNK, max_size=5)
ENTRIES = st.fixed_dictionaries(
    {},
    optional={
        "exposure_sites": st.lists(sites(False) | JUNK, max_size=4),
        "exposure_apps": st.lists(
            st.fixed_dictionaries(
                {"name": often(st.sampled_from(["whoami", "home_assistant", "second"]))},
                optional={
                    "app": often(st.just("whoami")),
                    "port": often(st.integers(65530, 65535)),
                    "network": often(st.sampled_from(["172.30.0.0/30", "10.0.0.0/8"])),
                    "environment": often(st.dictionaries(st.just("A"), st.text(max_size=5))),
                    "state": often(st.sampled_from(["present", "absent"])),
                },
            )
            | JUNK,
            max_size=4,
        ),
        "exposure_acme": acmes(False),
        "exposure_address": often(st.sampled_from(["192.168.1.10", "fd00::10", ["192.168.1.10", "fd00::10"]])),
        "exposure_domain": often(st.just("example.org")),
        "exposure_app_networks": often(st.sampled_from(["172.30.0.0/16", "172.30.0.0/30", "fd00::/48"])),
        "exposure_purge": often(st.just(["whoami"])),
    },
)
FOUND = st.fixed_dictionaries(
    {},
    optional={
        "release": st.sampled_from(["bookworm", "trixie", "sid", ""]),
        "caddy": st.sampled_from(["", "2.6.2-5", "2.11.2-1~bpo13+1", "(devel)"]),
        "caddy_released": st.booleans(),
        "caddyfile_edited": st.booleans(),
        "addresses": st.lists(st.sampled_from(["192.168.1.10", "192.168.1.11", "fd00::10"]), max_size=2),
        "listening": st.lists(
            st.fixed_dictionaries(
                {
                    "address": st.sampled_from(["0.0.0.0", "::1"]),
                    "port": st.sampled_from([80, 443, 8080, 65535]),
                    "process": st.sampled_from(["caddy", "nginx", ""]),
                }
            ),
            max_size=2,
        ),
    },
)
HOSTS = st.builds(
    lambda lines, entries, groups, found: Inventory({**lines, **entries}, groups, found), LINES, ENTRIES, st.sampled_from([(), ("proxy",)]), FOUND
)


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.dictionaries(st.sampled_from(["home", "attic", "bad\nhost"]), HOSTS, max_size=3), st.booleans())
def test_whatever_an_inventory_holds_it_gives_a_plan_or_a_report(inventory: dict[str, Inventory], remove: bool) -> None:
    try:
        make(inventory, catalogue(), remove)
    except InventoryRefused as refused:
        assert refused.mistakes and all(line.isprintable() for line in str(refused).split("\n"))


ENTRY = st.fixed_dictionaries(
    {"title": often(st.just("x")), "image": often(st.just("a/b")), "version": often(st.just("1")), "port": often(st.just(8080))},
    optional={
        "service": JUNK | st.just({"environment": {"A": "b"}}) | st.just({"environment": ["A=b"]}),
        "services": JUNK | st.dictionaries(st.sampled_from(["db", "app", "D B"]), JUNK | st.just({"image": "c"}), max_size=2),
        "folders": JUNK | st.dictionaries(st.sampled_from(["config", "../x"]), JUNK | st.just({"mode": "0755"}) | st.just({"mode": 493}), max_size=2),
        "secrets": JUNK | st.just(["KEY"]),
        "health": JUNK | st.just({"path": "/x"}),
        "websocket": JUNK | st.just({"path": "/x"}),
        "proxy": JUNK | st.just({"max_body": 0}),
        "trust": JUNK | st.just({"writer": "home_assistant", "folder": "config"}),
    },
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ENTRY | JUNK)
def test_whatever_a_file_of_the_catalogue_holds_it_gives_a_plan_or_a_report(entry: object) -> None:
    try:
        make({"home": host(domain="example.org", sites=[{"name": "who", "app": "app"}])}, {"app": entry})
    except InventoryRefused as refused:
        own_image = {("home", line) for line in ("app", "image", "version")}  # an entry may leave its image to the person
        assert all(mistake.site == "app app" for mistake in refused.mistakes)
        assert all(mistake.host == "(catalogue)" or (mistake.host, mistake.field) in own_image for mistake in refused.mistakes)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("service", {"image": "x"}),
        ("service", {"environment": ["A=b"]}),
        ("services", ["db"]),
        ("services", {"db": None}),
        ("services", {"db": {"image": "x", "ports": ["5432:5432"]}}),
        ("services", {"broken": {"image": "x"}}),
        ("folders", {"config": {"mode": 493}}),
        ("folders", {"config": {"owner": "www-data"}}),
        ("folders", {"config": {5: 6}}),
        ("folders", {"../etc": {}}),
        ("port", None),
        ("health", {"wait": "soon"}),
        ("trust", {"writer": "home_assistant"}),
        ("websocket", {"expects": "x"}),
    ],
)
def test_a_mistake_in_a_file_of_the_catalogue_is_reported_with_those_of_the_hosts(line: str, value: object) -> None:
    apps = {**catalogue(), "broken": {"title": "x", "image": "a/b", "version": "1", "port": 8080, line: value}}
    found = places(apps, home=host(domain="localhost", sites=[{"name": "who", "hosts": ["who.example.org"], "app": "broken"}]))
    assert ("home", "", "exposure_domain") in found
    assert {entry for entry in found if entry[0] == "(catalogue)" and entry[1] == "app broken" and entry[2].startswith(line)}


def test_a_folder_of_the_catalogue_without_rights_is_root_s() -> None:
    apps = {"app": {"title": "x", "image": "a/b", "version": "1", "port": 8080, "folders": {"config": None, "data": {"owner": 1000}}}}
    (stack,) = make({"home": host(apps=[{"name": "app"}])}, apps).hosts["home"].stacks
    assert stack.folders == [
        {"path": "/srv/exposure/app/config", "owner": 0, "group": 0, "mode": "0750"},
        {"path": "/srv/exposure/app/data", "owner": 1000, "group": 0, "mode": "0750"},
    ]
