"""Lines that are right by themselves and cannot all be true at once."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.module_utils.plan.contradictions import THROUGH_GROUP

from .declarations import host, mistakes, places, plan

DOMAIN: dict[str, Any] = {"domain": "casa.example"}
NAS: dict[str, Any] = {"name": "nas", "hosts": ["nas.casa.example"], "upstream": "http://192.168.1.20:8080"}
WHO: dict[str, Any] = {"name": "who", "app": "whoami"}
FOUND = {"release": "trixie", "addresses": ["192.168.1.10", "fd00::10"]}
OTHER = {"release": "trixie", "addresses": ["192.168.1.20", "fd00::20"]}


def test_two_sites_with_one_name_are_reported_with_both_owners() -> None:
    found = mistakes(home=host(groups=("proxy",), sites=[NAS], found=FOUND), attic=host(sites=[{**NAS, "hosts": ["other.casa.example"]}], found=OTHER))
    assert [(m.host, m.site, m.field, m.value, m.problem) for m in found] == [("attic", "site nas", "name", "nas", "home declares a site of this name too")]


def test_a_public_name_in_two_sites_is_reported_with_its_owner() -> None:
    (mistake,) = mistakes(home=host(groups=("proxy",), sites=[NAS], found=FOUND), attic=host(sites=[{**NAS, "name": "other"}], found=OTHER))
    assert (mistake.host, mistake.site, mistake.field, mistake.value) == ("attic", "site other", "hosts", "nas.casa.example")
    assert mistake.problem == "the name belongs to site nas of home already"


def test_two_forms_of_one_public_name_are_one_name() -> None:
    sites = [{**NAS, "hosts": ["bücher.casa.example"]}, {**NAS, "name": "other", "hosts": ["XN--BCHER-KVA.casa.example."]}]
    assert places(home=host(sites=sites)) == {("home", "site other", "hosts")}
    assert places(home=host(sites=[{**NAS, "hosts": ["NAS.casa.example", "nas.casa.example."]}])) == {("home", "site nas", "hosts")}


def test_a_site_of_a_group_s_variables_is_told_from_one_that_is_there_twice() -> None:
    found = mistakes(home=host(groups=("proxy",), sites=[WHO], found=FOUND, **DOMAIN), attic=host(sites=[WHO], found=OTHER, **DOMAIN))
    assert [(m.host, m.site, m.field, m.write) for m in found] == [("attic", "site who", "name", THROUGH_GROUP)]


def test_a_site_of_a_group_s_variables_is_told_where_each_host_has_a_proxy_too() -> None:
    found = mistakes(home=host(groups=("proxy",), sites=[WHO], **DOMAIN), attic=host(groups=("proxy",), sites=[WHO], **DOMAIN))
    assert [(m.host, m.site, m.field, m.write) for m in found] == [("attic", "site who", "hosts", THROUGH_GROUP)]


def test_an_app_that_is_declared_twice_on_a_host_is_reported() -> None:
    (mistake,) = mistakes(home=host(apps=[{"name": "whoami", "port": 8080}, {"name": "whoami", "port": 9000}]))
    assert (mistake.host, mistake.site, mistake.field) == ("home", "app whoami", "name") and "{name: second, app: whoami}" in mistake.write


def test_one_app_runs_twice_under_two_names_and_ports() -> None:
    made = plan(home=host(sites=[WHO, {"name": "two", "app": "second"}], apps=[{"name": "second", "app": "whoami", "port": 9000}], **DOMAIN))
    assert {stack.name for stack in made.hosts["home"].stacks} == {"whoami", "second"}


def test_a_site_of_an_app_that_is_to_be_absent_is_reported() -> None:
    assert places(home=host(sites=[WHO], apps=[{"name": "whoami", "state": "absent"}], **DOMAIN)) == {("home", "site who", "app")}


def test_two_apps_on_one_port_are_reported_with_a_free_one() -> None:
    (mistake,) = mistakes(home=host(apps=[{"name": "whoami"}, {"name": "second", "app": "whoami"}, {"name": "third", "app": "whoami", "port": 8081}]))
    assert (mistake.site, mistake.field, mistake.value) == ("app second", "port", 8080)
    assert mistake.problem == "app whoami uses this port of home already"


def test_two_apps_on_the_last_port_are_reported_with_one_below() -> None:
    (mistake,) = mistakes(home=host(apps=[{"name": "whoami", "port": 65535}, {"name": "second", "app": "whoami", "port": 65535}]))
    assert mistake.write == "port: 8000"


def test_one_port_on_two_hosts_is_no_contradiction() -> None:
    plan(home=host(groups=("proxy",), sites=[WHO], found=FOUND, **DOMAIN), attic=host(sites=[{**WHO, "name": "x"}], found=OTHER, **DOMAIN))


@pytest.mark.parametrize("port", [80, 443])
def test_an_app_on_a_port_of_the_proxy_is_reported(port: int) -> None:
    found = mistakes(home=host(sites=[WHO], apps=[{"name": "whoami", "port": port}], **DOMAIN))
    assert [(m.site, m.field, m.problem) for m in found] == [("app whoami", "port", "the proxy uses this port of home already")]


def listening(port: int, process: str, address: str = "0.0.0.0") -> dict[str, Any]:
    return {**FOUND, "listening": [{"address": address, "port": port, "process": process}]}


def test_a_foreign_listener_on_the_port_of_an_app_is_reported_with_its_process() -> None:
    (mistake,) = mistakes(home=host(sites=[WHO], found=listening(8080, "java"), **DOMAIN))
    assert (mistake.host, mistake.site, mistake.value) == ("home", "app whoami", 8080)
    assert mistake.problem == "java listens on this port of home, and its app whoami needs it" and mistake.write.endswith("port: 8081")


@pytest.mark.parametrize(("port", "address"), [(80, "0.0.0.0"), (443, "::"), (443, "127.0.0.1"), (443, "::1")])
def test_a_foreign_listener_on_a_port_of_the_proxy_is_reported_with_its_process(port: int, address: str) -> None:
    (mistake,) = mistakes(home=host(sites=[WHO], found=listening(port, "nginx", address), **DOMAIN))
    assert (mistake.host, mistake.site, mistake.value) == ("home", "", port) and mistake.write.startswith("stop nginx")


@pytest.mark.parametrize(("port", "process"), [(80, "caddy"), (443, "caddy"), (8080, "docker-proxy"), (9999, "java")])
def test_what_an_earlier_run_started_and_what_is_in_nobody_s_way_is_no_contradiction(port: int, process: str) -> None:
    plan(home=host(sites=[WHO], found=listening(port, process), **DOMAIN))


def test_a_listener_on_a_host_without_a_proxy_is_in_nobody_s_way() -> None:
    plan(home=host(groups=("proxy",), found=FOUND), attic=host(sites=[WHO], found={**listening(443, "nginx"), **OTHER}, **DOMAIN))


def test_stacks_whose_networks_overlap_are_reported_with_a_free_network() -> None:
    (mistake,) = mistakes(
        home=host(apps=[{"name": "whoami", "network": "10.1.0.0/16"}, {"name": "second", "app": "whoami", "port": 9000, "network": "10.1.2.0/28"}])
    )
    assert (mistake.site, mistake.field, mistake.value, mistake.problem) == ("app second", "network", "10.1.2.0/28", "app whoami uses this network")
    assert mistake.write.startswith("network: 172.31.")


def test_stacks_in_a_pool_that_is_too_small_for_two_are_reported() -> None:
    two = [{"name": "whoami"}, {"name": "second", "app": "whoami", "port": 9000}]
    assert places(home=host(app_networks="10.1.2.0/29", apps=two)) == {("home", "app second", "network")}


def test_a_pool_of_ipv6_is_refused_with_the_reason() -> None:
    (mistake,) = mistakes(home=host(app_networks="fd00::/48", apps=[{"name": "whoami"}]))
    assert (mistake.field, mistake.problem) == ("exposure_app_networks", "containers are reached over IPv4 on their host")


@pytest.mark.parametrize(
    "upstream",
    [
        "127.0.0.1",
        "localhost:443",
        "http://127.0.0.2:80",
        "https://[::1]",
        "192.168.1.10",
        "https://192.168.1.10",
        "https://[fd00::10]:443",
        "who.casa.example",
        "https://WHO.casa.example:8443",
    ],
)
def test_an_upstream_that_leads_back_to_the_proxy_is_reported(upstream: str) -> None:
    assert places(home=host(sites=[{**NAS, "upstream": upstream}, WHO], found=FOUND, **DOMAIN)) == {("home", "site nas", "upstream")}
    declared = host(sites=[{**NAS, "upstream": upstream}, WHO], address=["192.168.1.10", "fd00::10"], **DOMAIN)
    assert places(home=declared) == {("home", "site nas", "upstream")}


@pytest.mark.parametrize("upstream", ["127.0.0.1:3000", "localhost:3000", "192.168.1.10:3000", "https://192.168.1.20", "nas.casa.lan", "[fd00::11]:443"])
def test_an_upstream_elsewhere_or_on_another_port_does_not_lead_back(upstream: str) -> None:
    plan(home=host(sites=[{**NAS, "upstream": upstream}, WHO], found=FOUND, **DOMAIN))


def test_an_upstream_is_compared_with_the_addresses_of_the_proxy_and_not_of_the_host_it_stands_on() -> None:
    nas = {**NAS, "upstream": "https://192.168.1.20"}
    plan(home=host(groups=("proxy",), found=FOUND), attic=host(sites=[nas], found=OTHER))
    assert places(home=host(groups=("proxy",), found=FOUND), attic=host(sites=[{**NAS, "upstream": "https://192.168.1.10"}], found=OTHER)) == {
        ("attic", "site nas", "upstream")
    }
