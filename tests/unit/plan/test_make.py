"""What a right inventory becomes: which proxy serves what, where an app listens, and whom it is told to trust."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.module_utils.plan import engines
from plugins.module_utils.plan.make import Inventory
from plugins.module_utils.plan.model import HostPlan, Plan, Stack
from plugins.module_utils.plan.networks import gateway, overlap, pair, stack_network

from .declarations import host, inventories, mistakes, places, plan

DOMAIN: dict[str, Any] = {"domain": "casa.example"}
WHO: dict[str, Any] = {"name": "who", "app": "whoami"}
TRIXIE = {"release": "trixie", "caddy": "2.11.2-1~bpo13+1"}
BOTH = {**TRIXIE, "addresses": ["192.168.1.10", "fd00::10"]}
OTHER = {**TRIXIE, "addresses": ["192.168.1.20", "fd00::20"]}


def stack(made: Plan, name: str = "home") -> Stack:
    (found,) = made.hosts[name].stacks
    return found


def proxies(made: Plan) -> set[str]:
    return {name for name, its in made.hosts.items() if its.proxy}


def served(made: Plan, name: str) -> dict[str, str]:
    proxy = made.hosts[name].proxy
    assert proxy is not None
    return {site.name: location.upstream for site in proxy.sites for location in site.locations}


def test_an_empty_inventory_is_an_empty_plan() -> None:
    assert plan() == Plan({}, {}, [])
    assert plan(home=host()) == Plan({"home": HostPlan()}, {}, [])


@given(inventories(True, TRIXIE))
def test_a_plan_is_plain_data_that_survives_json(inventory: Inventory) -> None:
    try:
        made = asdict(plan(home=inventory))
    except Exception:  # refused: shown elsewhere
        return
    assert json.loads(json.dumps(made)) == made


def test_the_same_inventory_gives_the_same_plan() -> None:
    inventory = {"home": host(sites=[WHO, {**WHO, "name": "home", "app": "home_assistant"}], found=BOTH, **DOMAIN)}
    assert plan(**inventory) == plan(**inventory)


def test_a_site_without_names_is_called_after_itself_and_the_domain() -> None:
    assert plan(home=host(sites=[WHO], **DOMAIN)).names == {"who.casa.example": "home"}


def test_names_come_out_canonical_wherever_they_are_used() -> None:
    made = plan(home=host(sites=[{**WHO, "hosts": ["Bücher.Casa.Example."]}]))
    name = "xn--bcher-kva.casa.example"
    assert made.names == {name: "home"}
    assert made.hosts["home"].proxy is not None and [site.hosts for site in made.hosts["home"].proxy.sites] == [[name]]
    assert [probe.host for probe in made.probes] == [name]
    assert stack(made).env["EXPOSURE_URL"] == f"https://{name}"


def test_several_names_share_a_certificate_and_are_probed_one_by_one() -> None:
    made = plan(home=host(sites=[{**WHO, "hosts": ["a.example.org", "www.a.example.org"], "tls": "local"}]))
    (certificate,) = made.hosts["home"].certificates
    assert (certificate.name, certificate.hosts, certificate.kind) == ("who", ["a.example.org", "www.a.example.org"], "local")
    assert [(probe.host, probe.path, probe.status, probe.websocket, probe.closed_ports) for probe in made.probes] == [
        (name, "/health", [200], {"path": "/echo", "expects": ""}, [8080]) for name in ("a.example.org", "www.a.example.org")
    ]


def test_a_probe_of_its_own_replaces_that_of_the_app() -> None:
    (probe,) = plan(home=host(sites=[{**WHO, "probe": {"path": "/x", "contains": "hello\n{}"}}], **DOMAIN)).probes
    assert (probe.path, probe.status, probe.contains) == ("/x", [], "hello\n{}")


# Which host carries the proxy


def test_the_only_host_that_declares_something_carries_the_proxy() -> None:
    assert proxies(plan(home=host(sites=[WHO], **DOMAIN), attic=host(), phone=host(timezone="Europe/Paris"))) == {"home"}


def test_the_group_proxy_carries_the_proxy_and_serves_the_sites_of_others() -> None:
    made = plan(home=host(groups=("proxy",), found=BOTH), attic=host(sites=[WHO], found=OTHER, **DOMAIN))
    assert proxies(made) == {"home"} and made.names == {"who.casa.example": "home"}


def test_of_several_proxies_a_site_takes_that_of_its_own_host() -> None:
    made = plan(a=host(groups=("proxy",), sites=[WHO], domain="a.example"), b=host(groups=("proxy",), sites=[WHO], domain="b.example"))
    assert made.names == {"who.a.example": "a", "who.b.example": "b"}


def test_of_several_proxies_a_site_takes_the_one_that_it_names() -> None:
    nas = {"name": "nas", "upstream": "nas:80", "proxy": "b"}
    assert plan(a=host(groups=("proxy",), sites=[nas], **DOMAIN), b=host(groups=("proxy",))).names == {"nas.casa.example": "b"}


def test_a_site_that_has_several_proxies_to_choose_from_is_reported() -> None:
    (mistake,) = mistakes(a=host(groups=("proxy",)), b=host(groups=("proxy",)), c=host(sites=[WHO], **DOMAIN))
    assert (mistake.host, mistake.site, mistake.field, mistake.write) == ("c", "site who", "proxy", "proxy: a or b")


def test_a_site_that_names_a_host_without_a_proxy_is_reported() -> None:
    (mistake,) = mistakes(a=host(groups=("proxy",)), b=host(sites=[{**WHO, "proxy": "b"}], **DOMAIN))
    assert (mistake.host, mistake.field, mistake.value, mistake.write) == ("b", "proxy", "b", "a")


def test_two_hosts_with_sites_and_no_proxy_are_reported_both() -> None:
    assert places(a=host(sites=[WHO], **DOMAIN), b=host(sites=[{**WHO, "name": "other"}], **DOMAIN)) == {
        ("a", "site who", "proxy"),
        ("b", "site other", "proxy"),
    }


def test_a_proxy_opens_http_https_and_quic_and_no_other_host_opens_anything() -> None:
    made = plan(home=host(groups=("proxy",), found=BOTH), attic=host(sites=[WHO], found=OTHER, **DOMAIN))
    assert [(o.port, o.protocol) for o in made.hosts["home"].openings] == [(80, "tcp"), (443, "tcp"), (443, "udp")]
    assert made.hosts["attic"].openings == []


def test_a_host_that_carried_a_proxy_and_declares_nothing_any_more_serves_nothing_any_more() -> None:
    made = plan(home=host(found={**TRIXIE, "caddy_released": True}))
    assert proxies(made) == {"home"} and served(made, "home") == {}


# How an app is reached, and whom it trusts


def test_an_app_beside_its_proxy_listens_on_loopback_and_trusts_the_gateway_of_its_own_network() -> None:
    made = plan(home=host(sites=[{"name": "home", "app": "home_assistant"}], found=BOTH, **DOMAIN))
    it = stack(made)
    assert it.listen == [{"address": "127.0.0.1", "port": 8123}]
    assert it.compose["services"]["home_assistant"]["ports"] == ["127.0.0.1:8123:8123"]
    assert it.compose["networks"]["default"]["ipam"]["config"] == [{"subnet": it.network}]
    assert it.peers == [gateway(it.network)]
    assert it.trust is not None and it.trust["trusted_proxies"] == it.peers
    assert served(made, "home") == {"home": "127.0.0.1:8123"}
    assert made.hosts["home"].admissions == []


def test_an_app_on_another_host_listens_on_its_lan_address_admits_the_proxy_alone_and_trusts_its_address() -> None:
    made = plan(home=host(groups=("proxy",), found=BOTH), attic=host(sites=[{"name": "home", "app": "home_assistant"}], found=OTHER, **DOMAIN))
    it = stack(made, "attic")
    assert it.listen == [{"address": "192.168.1.20", "port": 8123}]
    assert it.compose["services"]["home_assistant"]["ports"] == ["192.168.1.20:8123:8123"]
    assert [asdict(admission) for admission in made.hosts["attic"].admissions] == [{"address": "192.168.1.20", "port": 8123, "sources": ["192.168.1.10"]}]
    assert it.peers == ["192.168.1.10"]
    assert it.trust is not None and it.trust["trusted_proxies"] == ["192.168.1.10"]
    assert it.health["url"] == "http://192.168.1.20:8123/manifest.json"
    assert served(made, "home") == {"home": "192.168.1.20:8123"}


def test_where_only_ipv6_is_common_an_app_is_reached_over_ipv6() -> None:
    made = plan(home=host(groups=("proxy",), found={**BOTH, "addresses": ["fd00::10"]}), attic=host(sites=[WHO], found=OTHER, **DOMAIN))
    it = stack(made, "attic")
    assert it.listen == [{"address": "fd00::20", "port": 8080}]
    assert it.compose["services"]["whoami"]["ports"] == ["[fd00::20]:8080:8080"]
    assert [asdict(admission) for admission in made.hosts["attic"].admissions] == [{"address": "fd00::20", "port": 8080, "sources": ["fd00::10"]}]
    assert it.health["url"] == "http://[fd00::20]:8080/health"
    assert served(made, "home") == {"who": "[fd00::20]:8080"}


def test_an_address_that_is_declared_counts_more_than_those_that_were_found() -> None:
    made = plan(home=host(groups=("proxy",), address="10.0.0.1", found=BOTH), attic=host(sites=[WHO], address=["10.0.0.2"], found=OTHER, **DOMAIN))
    assert stack(made, "attic").listen == [{"address": "10.0.0.2", "port": 8080}] and stack(made, "attic").peers == ["10.0.0.1"]


def test_hosts_without_an_address_of_one_family_are_reported_with_the_one_that_lacks_it() -> None:
    (mistake,) = mistakes(home=host(groups=("proxy",), found=TRIXIE), attic=host(sites=[WHO], found=OTHER, **DOMAIN))
    assert (mistake.host, mistake.field) == ("home", "exposure_address")
    (mistake,) = mistakes(home=host(groups=("proxy",), address="192.168.1.10"), attic=host(sites=[WHO], address="fd00::1", **DOMAIN))
    assert (mistake.host, mistake.field) == ("attic", "exposure_address")


def test_an_app_with_two_proxies_trusts_and_admits_each_exactly() -> None:
    made = plan(
        a=host(
            groups=("proxy",),
            address="192.168.1.10",
            sites=[{**WHO, "hosts": ["a.example.org"]}, {**WHO, "name": "two", "hosts": ["b.example.org"], "proxy": "b"}],
        ),
        b=host(groups=("proxy",), address="192.168.1.11"),
    )
    it = stack(made, "a")
    assert it.peers == [gateway(it.network), "192.168.1.11"]
    assert [entry["address"] for entry in it.listen] == ["127.0.0.1", "192.168.1.10"]
    assert [asdict(admission) for admission in made.hosts["a"].admissions] == [{"address": "192.168.1.10", "port": 8080, "sources": ["192.168.1.11"]}]
    assert served(made, "a") == {"who": "127.0.0.1:8080"} and served(made, "b") == {"two": "192.168.1.10:8080"}


def test_two_sites_of_one_app_make_one_stack_with_one_peer() -> None:
    made = plan(home=host(groups=("proxy",), found=BOTH), attic=host(sites=[WHO, {**WHO, "name": "also"}], found=OTHER, **DOMAIN))
    assert stack(made, "attic").peers == ["192.168.1.10"]
    assert [admission.sources for admission in made.hosts["attic"].admissions] == [["192.168.1.10"]]


def test_an_app_without_a_site_is_reachable_from_its_own_host_alone_and_trusts_nobody() -> None:
    it = stack(plan(home=host(apps=[{"name": "home_assistant"}], found=BOTH)))
    assert it.listen == [{"address": "127.0.0.1", "port": 8123}] and it.peers == []
    assert it.trust is not None and it.trust["trusted_proxies"] == [] and it.trust["external_url"] == ""


def test_no_app_is_ever_published_on_all_addresses() -> None:
    made = plan(
        home=host(groups=("proxy",), sites=[WHO], found=BOTH, **DOMAIN),
        attic=host(sites=[{**WHO, "name": "x"}], apps=[{"name": "home_assistant"}], found=OTHER, **DOMAIN),
    )
    listens = [entry["address"] for its in made.hosts.values() for it in its.stacks for entry in it.listen]
    assert listens and not any(ipaddress.ip_address(address).is_unspecified for address in listens)


def test_what_an_entry_of_an_app_says_goes_before_the_catalogue() -> None:
    app = {
        "name": "second",
        "app": "home_assistant",
        "version": "2026.2.3",
        "image": "registry.lan:5000/ha",
        "port": 8124,
        "network": "10.9.8.0/29",
        "environment": {"A": "$x"},
    }
    it = stack(plan(home=host(sites=[{"name": "home", "app": "second"}], apps=[app], app_directory="/data", timezone="Europe/Paris", found=BOTH, **DOMAIN)))
    main = it.compose["services"]["home_assistant"]
    assert main["image"] == "registry.lan:5000/ha:2026.2.3" and main["ports"] == ["127.0.0.1:8124:8123"]
    assert main["environment"] == {"TZ": "${EXPOSURE_TIMEZONE}", "A": "$$x"}
    assert (it.network, it.peers, it.directory) == ("10.9.8.0/29", ["10.9.8.1"], "/data/second")
    assert it.env == {
        "EXPOSURE_DATA": "/data/second",
        "EXPOSURE_URL": "https://home.casa.example",
        "EXPOSURE_AUTHORITY": "home.casa.example",
        "EXPOSURE_PORT": "443",
        "EXPOSURE_HOST": "home.casa.example",
        "EXPOSURE_HOSTS": "home.casa.example",
        "EXPOSURE_PROXIES": "10.9.8.1",
        "EXPOSURE_PROXIES_SPACED": "10.9.8.1",
        "EXPOSURE_TIMEZONE": "Europe/Paris",
    }
    assert it.trust == {
        "name": "second",
        "writer": "home_assistant",
        "directory": "/data/second/config",
        "version": "2026.2.3",
        "external_url": "https://home.casa.example",
        "trusted_proxies": ["10.9.8.1"],
    }


def test_an_app_of_one_host_changes_nothing_in_the_catalogue_for_the_next() -> None:
    made = plan(a=host(groups=("proxy",), apps=[{"name": "whoami", "environment": {"A": "1"}}]), b=host(apps=[{"name": "whoami"}]))
    assert "A" not in stack(made, "b").compose["services"]["whoami"]["environment"]


def test_the_limits_of_a_site_go_before_those_of_its_app() -> None:
    made = plan(
        home=host(sites=[{"name": "home", "app": "home_assistant", "max_body": "1G", "read_timeout": 0}, {**WHO, "read_timeout": "1m"}], found=TRIXIE, **DOMAIN)
    )
    proxy = made.hosts["home"].proxy
    assert proxy is not None
    assert [(site.name, site.max_body, site.read_timeout, site.keep_streams) for site in proxy.sites] == [("home", 10**9, 0, 300), ("who", 0, 60, 300)]


# Removal


def test_removal_takes_off_sites_and_apps_and_keeps_data_that_is_not_named() -> None:
    made = plan(
        home=host(sites=[WHO, {"name": "home", "app": "home_assistant"}], apps=[{"name": "second", "app": "whoami", "port": 9000}], purge=["whoami"], **DOMAIN),
        remove=True,
    )
    assert {it.name: (it.state, it.purge) for it in made.hosts["home"].stacks} == {
        "whoami": ("absent", True),
        "home_assistant": ("absent", False),
        "second": ("absent", False),
    }
    assert made.names == {} and made.hosts["home"].certificates == [] and made.probes == []
    assert served(made, "home") == {}


def test_removal_finds_the_proxy_of_a_host_that_has_sites_without_apps() -> None:
    made = plan(home=host(sites=[{"name": "nas", "upstream": "nas:80"}], **DOMAIN), remove=True)
    assert proxies(made) == {"home"} and served(made, "home") == {}


def test_an_app_that_is_absent_is_purged_by_its_name_alone() -> None:
    made = plan(home=host(apps=[{"name": "whoami", "state": "absent"}, {"name": "second", "app": "whoami", "state": "absent"}], purge="second"))
    assert [(it.name, it.state, it.purge, it.directory) for it in made.hosts["home"].stacks] == [
        ("whoami", "absent", False, "/srv/exposure/whoami"),
        ("second", "absent", True, "/srv/exposure/second"),
    ]


def test_an_app_that_is_present_is_never_purged() -> None:
    assert stack(plan(home=host(apps=[{"name": "whoami"}], purge=["whoami"]))).purge is False


def test_an_app_that_left_the_catalogue_can_still_be_taken_off() -> None:
    assert stack(plan(home=host(apps=[{"name": "gone", "state": "absent"}]))).state == "absent"


# Networks


@given(st.text(), st.sampled_from(["172.30.0.0/16", "10.0.0.0/8", "192.168.7.0/24", "192.168.7.16/28", "192.168.7.16/29", "192.168.7.16/30"]))
def test_the_network_of_a_stack_lies_in_the_pool_and_is_fixed_by_its_name(name: str, pool: str) -> None:
    network = ipaddress.ip_network(stack_network(pool, name))
    whole = ipaddress.ip_network(pool)
    assert isinstance(network, ipaddress.IPv4Network) and isinstance(whole, ipaddress.IPv4Network)
    assert network.subnet_of(whole) and network.prefixlen == max(28, whole.prefixlen)
    assert str(network) == stack_network(pool, name)
    assert ipaddress.ip_address(gateway(str(network))) == network.network_address + 1


def test_most_stacks_of_a_host_have_networks_of_their_own() -> None:
    assert len({stack_network("172.30.0.0/16", f"app{number}") for number in range(100)}) > 95


def test_networks_overlap_when_one_lies_in_the_other_and_never_across_families() -> None:
    assert overlap("10.0.0.0/8", "10.1.0.0/16") and overlap("10.1.0.0/16", "10.0.0.0/8")
    assert not overlap("10.0.0.0/28", "10.0.0.16/28") and not overlap("10.0.0.0/8", "fd00::/8")


def test_ipv4_goes_before_ipv6_and_the_first_address_before_the_second() -> None:
    assert pair(["fd00::1", "10.0.0.1", "10.0.0.3"], ["fd00::2", "10.0.0.2"]) == ("10.0.0.1", "10.0.0.2")
    assert pair(["fd00::1", "10.0.0.1"], ["fd00::2"]) == ("fd00::1", "fd00::2")
    assert pair(["10.0.0.1"], ["fd00::2"]) is None


# Which Caddy


@pytest.mark.parametrize(
    ("release", "installed", "wanted", "chosen"),
    [
        ("trixie", "", (2, 6), ("distribution", (2, 6))),
        ("trixie", "", (2, 7), ("backports", (2, 11))),
        ("trixie", "2.6.2-12", (2, 7), ("backports", (2, 11))),
        ("trixie", "2.11.2-1~bpo13+1", (2, 6), ("installed", (2, 11))),
        ("bookworm", "", (2, 7), ("distribution", (2, 6))),
        ("bookworm", "2.8.4", (2, 7), ("installed", (2, 8))),
        ("bookworm", "2.4.6-1", (2, 6), ("distribution", (2, 6))),
        ("bookworm", "(devel)", (2, 6), ("distribution", (2, 6))),
        ("bookworm", "1:2.10.0", (2, 10), ("installed", (2, 10))),
    ],
)
def test_caddy_comes_from_where_it_can_do_what_is_asked_and_is_left_alone_where_it_can(
    release: str, installed: str, wanted: tuple[int, int], chosen: tuple[str, tuple[int, int]]
) -> None:
    assert engines.choose("caddy", release, installed, wanted) == chosen


def test_an_app_with_a_websocket_gets_a_caddy_that_keeps_it_open_where_there_is_one() -> None:
    proxy = plan(home=host(sites=[WHO], found={"release": "trixie"}, **DOMAIN)).hosts["home"].proxy
    assert proxy is not None and (proxy.source, proxy.version, proxy.sites[0].keep_streams) == ("backports", [2, 11], 300)
    proxy = plan(home=host(sites=[WHO], found={"release": "bookworm"}, **DOMAIN)).hosts["home"].proxy
    assert proxy is not None and (proxy.source, proxy.version, proxy.sites[0].keep_streams) == ("distribution", [2, 6], 0)


def test_what_caddy_of_bookworm_cannot_do_is_refused_with_the_reason() -> None:
    home = host(sites=[{**WHO, "keep_streams": "10m"}], acme={"profile": "shortlived"}, found={"release": "bookworm"}, **DOMAIN)
    found = {mistake.field: mistake for mistake in mistakes(home=home)}
    assert found["keep_streams"].problem == "to keep WebSockets open during a reload, Caddy 2.7 is needed; home (bookworm) has 2.6"
    assert found["exposure_acme.profile"].problem == "to ask for an ACME profile, Caddy 2.10 is needed; home (bookworm) has 2.6"
    assert found["keep_streams"].site == "site who" and "trixie" in found["keep_streams"].write


def test_a_feature_that_a_proxy_lacks_is_reported_on_the_host_whose_site_asks_for_it() -> None:
    made = mistakes(
        home=host(groups=("proxy",), found={**BOTH, "release": "bookworm", "caddy": ""}),
        attic=host(sites=[{**WHO, "keep_streams": "10m"}], found=OTHER, **DOMAIN),
    )
    assert [(mistake.host, mistake.site, mistake.field) for mistake in made] == [("attic", "site who", "keep_streams")]


def test_a_newer_caddy_that_is_installed_on_bookworm_may_do_it() -> None:
    plan(home=host(sites=[{**WHO, "keep_streams": "10m"}], found={"release": "bookworm", "caddy": "2.9.1"}, **DOMAIN))


@pytest.mark.parametrize("release", ["bullseye", "noble", "forky"])
def test_a_release_that_is_not_supported_for_a_proxy_is_named(release: str) -> None:
    (mistake,) = mistakes(home=host(sites=[WHO], found={"release": release}, **DOMAIN))
    assert (mistake.host, mistake.value) == ("home", release) and "bookworm" in mistake.write


def test_an_app_may_run_on_any_release_where_the_proxy_is_elsewhere() -> None:
    plan(home=host(groups=("proxy",), found=BOTH), attic=host(sites=[WHO], found={**OTHER, "release": "noble"}, **DOMAIN))


def test_a_caddyfile_of_the_owner_s_own_is_not_taken_away() -> None:
    edited = {**TRIXIE, "caddyfile_edited": True}
    assert places(home=host(sites=[WHO], found=edited, **DOMAIN)) == {("home", "", "/etc/caddy/Caddyfile")}
    plan(home=host(sites=[WHO], found={**edited, "caddy_released": True}, **DOMAIN))


# What is to be proven


def test_a_probe_knows_what_the_proxy_of_its_site_was_told() -> None:
    site = {**WHO, "hsts": "1d", "max_body": "3M"}
    made = plan(home=host(sites=[site], found=BOTH, **DOMAIN))
    (probe,) = made.probes
    assert (probe.engine, probe.hsts, probe.max_body, probe.http3, probe.certificate, probe.local) == ("caddy", 86400, 3_000_000, True, "", False)
    assert probe.echo == {"path": "/", "header": "X-Forwarded-For"} and probe.peers == stack(made).peers == [gateway(stack(made).network)]
    (local,) = plan(home=host(sites=[{**site, "tls": "local"}], proxy="nginx", found=BOTH, **DOMAIN)).probes
    assert (local.engine, local.http3, local.certificate, local.local) == ("nginx", False, "who", True)
    (other,) = plan(home=host(sites=[{"name": "nas", "upstream": "http://192.168.1.9"}], found=BOTH, **DOMAIN)).probes
    assert (other.echo, other.peers) == (None, [])


def test_of_a_site_behind_another_host_the_proxy_s_address_is_known_to_be_no_client_s() -> None:
    made = plan(home=Inventory({}, ("proxy",), BOTH), attic=host(sites=[WHO], found=OTHER, **DOMAIN))
    (probe,) = made.probes
    assert probe.proxy == "home" and "192.168.1.10" in probe.peers
