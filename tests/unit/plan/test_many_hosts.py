"""Many hosts: what one run over some of them knows, what it must not guess, and what it tells of the rest."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

import pytest

from plugins.module_utils.plan.contradictions import THROUGH_GROUP
from plugins.module_utils.plan.make import Inventory, make
from plugins.module_utils.plan.model import Plan
from plugins.module_utils.plan.rollout import LIMITED, LOST
from tests.unit.plan.declarations import catalogue, host, mistakes, plan, proxy_of

TRIXIE = {"release": "trixie"}
HOSTS = 50


def found(number: int, network: int = 1) -> dict[str, Any]:
    return {"release": "trixie", "addresses": [f"192.168.{network}.{number}"]}


def app_host(number: int, proxy: str = "", sites: int = 3, **more: Any) -> Inventory:
    """A member of a club: the same app as often as it has sites, each with a port of its own."""
    apps = [{"name": f"who{n}", "app": "whoami", "port": 8100 + n} for n in range(sites)]
    declared = [{"name": f"a{number}-{n}", "app": f"who{n}", **({"proxy": proxy} if proxy else {})} for n in range(sites)]
    return host(**{"domain": "example.org", "apps": apps, "sites": declared, "found": found(number + 10, 2), **more})


def club(hosts: int = HOSTS, sites: int = 3) -> dict[str, Inventory]:
    """Two proxies, and app hosts that name one of them in turn."""
    proxies = {name: host(groups=("proxy",), found=found(n)) for n, name in enumerate(("north", "south"), 1)}
    return proxies | {f"app{n:02}": app_host(n, ("north", "south")[n % 2], sites) for n in range(hosts)}


def without(inventory: dict[str, Inventory], why: str, *names: str, address: bool = True) -> dict[str, Inventory]:
    """The same inventory in a run in which some hosts are left out: what is known of them is their address as declared, or nothing."""

    def left(name: str, one: Inventory) -> Inventory:
        known = {"exposure_address": one.found["addresses"]} if address else {}
        return Inventory({**one.variables, **known}, one.groups, {}, why)

    return {name: left(name, one) if name in names else one for name, one in inventory.items()}


def upstreams(made: Plan, proxy: str) -> dict[str, str]:
    return {site.name: site.locations[0].upstream for site in proxy_of(made, proxy).sites}


@pytest.fixture(scope="module")
def whole() -> Plan:
    return make(club(), catalogue())


def test_each_of_two_proxies_serves_the_sites_that_name_it_and_no_other(whole: Plan) -> None:
    north, south = upstreams(whole, "north"), upstreams(whole, "south")
    assert len(north) == len(south) == 75 and not north.keys() & south.keys()
    assert north["a0-0"] == "192.168.2.10:8100" and south["a49-2"] == "192.168.2.59:8102"
    assert {whole.names[f"{site}.example.org"] for site in south} == {"south"}


def test_every_app_admits_and_trusts_its_own_proxy_alone(whole: Plan) -> None:
    for number in range(HOSTS):
        its, proxy = whole.hosts[f"app{number:02}"], f"192.168.1.{number % 2 + 1}"
        assert [(one.port, one.sources) for one in its.admissions] == [(8100 + n, [proxy]) for n in range(3)]
        assert [one.peers for one in its.stacks] == [[proxy]] * 3


def test_the_same_app_thrice_on_a_host_shares_nothing(whole: Plan) -> None:
    stacks = whole.hosts["app07"].stacks
    for shared in ("name", "directory", "network"):
        assert len({getattr(one, shared) for one in stacks}) == 3, shared
    assert len({one.compose["name"] for one in stacks}) == 3 and len({str(one.listen) for one in stacks}) == 3


def test_the_same_app_twice_on_one_port_is_told_with_a_free_one() -> None:
    twice = [{"name": "one", "app": "whoami"}, {"name": "two", "app": "whoami"}]
    (mistake,) = mistakes(server=host(groups=("proxy",), domain="example.org", apps=twice, sites=[{"name": name, "app": name} for name in ("one", "two")]))
    assert (mistake.site, mistake.field, mistake.write) == ("app two", "port", "port: 8081")


@pytest.mark.parametrize("why", [LIMITED, LOST])
def test_a_proxy_is_told_the_same_whoever_of_its_hosts_is_not_in_the_run(why: str, whole: Plan) -> None:
    gone = [f"app{n:02}" for n in range(HOSTS) if n != 7]
    made = make(without(club(), why, *gone), catalogue())
    assert asdict(proxy_of(made, "north")) == asdict(proxy_of(whole, "north")) and asdict(proxy_of(made, "south")) == asdict(proxy_of(whole, "south"))


def test_an_app_host_alone_is_told_the_same_as_with_all_others(whole: Plan) -> None:
    alone = make(without(club(), LIMITED, *(name for name in club() if name != "app07")), catalogue())
    assert asdict(alone.hosts["app07"]) == asdict(whole.hosts["app07"])


def test_of_hosts_that_are_all_left_out_nothing_has_to_be_known(whole: Plan) -> None:
    others = [name for name in club() if name not in ("app07", "south")]
    made = make(without(without(club(), LIMITED, "south"), LIMITED, *others, address=False), catalogue())
    assert asdict(made.hosts["app07"]) == asdict(whole.hosts["app07"])


def test_a_line_that_is_missing_for_a_host_that_is_left_out_is_told_once_with_its_value() -> None:
    gone = Inventory({**app_host(4).variables}, (), {}, LOST, "192.168.2.14")
    (mistake,) = mistakes(gate=host(groups=("proxy",), found=found(1)), nas=gone)
    assert (mistake.host, mistake.site, mistake.field) == ("nas", "", "exposure_address")
    assert "it does not answer" in mistake.problem and mistake.write.startswith("exposure_address: 192.168.2.14 ")


@pytest.mark.parametrize("reached", ["nas.lan", "127.0.0.1", "203.0.113.7", "100.64.0.3", "fe80::1"])
def test_what_is_no_address_at_home_is_not_proposed_as_one(reached: str) -> None:
    gone = Inventory({**app_host(4).variables}, (), {}, LIMITED, reached)
    (mistake,) = mistakes(gate=host(groups=("proxy",), found=found(1)), nas=gone)
    assert "it is not in this run" in mistake.problem and reached not in mistake.write


def test_a_proxy_that_is_left_out_is_told_with_the_command_that_takes_it_along() -> None:
    made = plan(**without({"gate": host(groups=("proxy",), found=found(1)), "nas": app_host(1), "pi": app_host(2)}, LIMITED, "gate", "pi"))
    assert list(made.left_to_do) == ["gate"]
    assert "a1-0, a1-1 and a1-2" in made.left_to_do["gate"] and made.left_to_do["gate"].endswith("run again with --limit gate,nas")


def test_a_proxy_that_exposes_nothing_of_this_run_is_not_worth_a_word() -> None:
    hosts = {"gate": host(groups=("proxy",), found=found(1)), "nas": app_host(1), "laptop": host(groups=("lan_clients",))}
    assert plan(**without(hosts, LIMITED, "gate", "nas")).left_to_do == {}


def test_a_host_that_is_down_is_told_once_and_its_sites_stay_where_they_are() -> None:
    made = plan(**without({"gate": host(groups=("proxy",), found=found(1)), "nas": app_host(1), "pi": app_host(2)}, LOST, "pi"))
    assert made.left_out == {"pi": LOST} and upstreams(made, "gate")["a2-1"] == "192.168.2.12:8101"
    assert made.left_to_do == {
        "pi": "pi did not answer, and nothing was changed there. gate keeps a2-0, a2-1 and a2-2 for it. When it is back, run again with --limit pi"
    }


def test_what_was_told_of_many_stays_a_sentence() -> None:
    told = make(without(club(), LOST, "north"), catalogue()).left_to_do["north"]
    assert "and 68 more" in told and len(told) < 300
    told = make(without(club(), LIMITED, "north"), catalogue()).left_to_do["north"]
    assert told.endswith("run again without --limit") and len(told) < 300


def test_a_site_in_the_variables_of_a_group_is_told_once_and_not_for_each_of_its_hosts() -> None:
    site = [{"name": "files", "app": "whoami"}]
    group = {f"app{n:02}": host(domain="example.org", sites=site, found=found(n + 10)) for n in range(HOSTS)}
    (mistake,) = mistakes(gate=host(groups=("proxy",), found=found(1)), **group)
    assert (mistake.host, mistake.site, mistake.write) == ("app01", "site files", THROUGH_GROUP)


def test_each_of_150_sites_costs_less_than_twice_what_each_of_15_does() -> None:
    def cost(inventory: dict[str, Inventory]) -> float:
        began = time.process_time()
        make(inventory, catalogue())
        return time.process_time() - began

    few, many = (min(cost(inventory) for _ in range(5)) for inventory in (club(5), club(50)))
    assert many / 150 < 2 * few / 15, f"{many:.3f} s for 150 sites, {few:.3f} s for 15"
