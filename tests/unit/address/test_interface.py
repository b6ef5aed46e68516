"""What a machine's own interfaces tell, from what iproute2 prints (recorded from iproute2 6.15 and 6.1)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils.address.interface import FOREVER, Look, Run, Unreadable, candidates, is_tunnel, look
from plugins.module_utils.address.model import IPV4, IPV6

LAN = {"family": "inet", "local": "192.168.1.10", "prefixlen": 24, "scope": "global", "dynamic": True, "preferred_life_time": 3600}


def six(address: str, **more: Any) -> dict[str, Any]:
    return {"family": "inet6", "local": address, "prefixlen": 64, "scope": "global", "valid_life_time": FOREVER, "preferred_life_time": FOREVER} | more


def machine(addresses: Sequence[dict[str, Any]], device: str = "eth0", gateway: str = "192.168.1.1") -> Run:
    """A machine with these addresses on eth0, whose way out is `device`."""
    route = {"dev": device, "gateway": gateway, "prefsrc": "192.168.1.10"}
    answers = {
        "address show": [
            {"ifname": "lo", "addr_info": [{"local": "127.0.0.1", "prefixlen": 8, "scope": "host"}]},
            {"ifname": "eth0", "addr_info": list(addresses)},
            {"ifname": "docker0", "addr_info": [six("2a01:4f8:dead::1")]},
        ],
        "-4 route get 1.1.1.1": [{"dst": "1.1.1.1", **route}],
        "-6 route get 2606:4700:4700::1111": [{"dst": "2606:4700:4700::1111", "dev": device, "gateway": "fe80::1"}],
        "-4 route show default": [{"dst": "default", "dev": "eth0", "gateway": "192.168.1.1"}],
    }

    def run(command: Sequence[str]) -> tuple[int, str]:
        words = " ".join(command).removeprefix("ip -j ").removesuffix(" oif eth0")
        return (0, json.dumps(answers[words])) if words in answers else (2, "")

    return run


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, uevent in {"eth0": "INTERFACE=eth0\n", "wg-home": "DEVTYPE=wireguard\nINTERFACE=wg-home\n", "ppp0": "", "vpn": ""}.items():
        folder = tmp_path / "sys/class/net" / name
        folder.mkdir(parents=True)
        (folder / "uevent").write_text(uevent)
        (folder / "address").write_text("aa:bb:cc:dd:ee:ff\n")
    (tmp_path / "sys/class/net/vpn/tun_flags").write_text("0x1001\n")
    return tmp_path


def seen(root: Path, *addresses: dict[str, Any]) -> Look:
    return look(run=machine(addresses), root=root)


PASSED_OVER = {
    "a temporary address": six("2a01:4f8:1:2:aaaa:bbbb:cccc:dddd", temporary=True),
    "a deprecated address": six("2a01:4f8:1:2::dead", deprecated=True, preferred_life_time=0),
    "an address that is still looked for twice": six("2a01:4f8:1:2::7e", tentative=True),
    "a duplicate of another machine's": six("2a01:4f8:1:2::dd", dadfailed=True, tentative=True),
    "a ULA": six("fd00::10"),
    "a link-local address": six("fe80::10", scope="link"),
    "a documentation address": six("2001:db8::10"),
}


@pytest.mark.proves("B08")
@pytest.mark.parametrize("other", PASSED_OVER.values(), ids=PASSED_OVER)
def test_the_lasting_public_address_is_taken_and_no_other(other: dict[str, Any], root: Path) -> None:
    assert candidates(seen(root, other, six("2a01:4f8:1:2::10", dynamic=True, preferred_life_time=600)), IPV6) == ["2a01:4f8:1:2::10"]
    assert candidates(seen(root, other), IPV6) == []


PREFERRED = {
    "one that a person set over one that was lent": (six("2a01::ffff:1"), six("2a01::1", dynamic=True)),
    "DHCPv6 over SLAAC": (six("2a01::5555", prefixlen=128, dynamic=True), six("2a01::1", dynamic=True)),
    "the shorter": (six("2a01::1"), six("2a01::1:1")),
}


@pytest.mark.parametrize(("better", "worse"), PREFERRED.values(), ids=PREFERRED)
def test_of_several_addresses_the_same_one_is_taken_each_time(better: dict[str, Any], worse: dict[str, Any], root: Path) -> None:
    for order in ((better, worse), (worse, better)):
        assert candidates(seen(root, *order), IPV6)[0] == better["local"]


def test_addresses_of_containers_bridges_are_not_the_home_s(root: Path) -> None:
    assert candidates(seen(root, LAN), IPV6) == []


def test_the_router_and_the_machine_at_home_are_known(root: Path) -> None:
    here = seen(root, LAN)
    assert (here.gateway, here.device, here.mac) == ("192.168.1.1", "eth0", "aa:bb:cc:dd:ee:ff")
    assert here.owns[0].dynamic


def test_a_vpn_that_takes_all_traffic_is_seen_and_the_home_s_router_still_known(root: Path) -> None:
    here = look(run=machine([LAN], device="wg-home", gateway=""), root=root)
    way = here.way(IPV4)
    assert way and way.tunnel and here.gateway == "192.168.1.1" and here.device == "eth0"


@pytest.mark.parametrize(("device", "tunnel"), [("wg-home", True), ("vpn", True), ("tailscale0", True), ("eth0", False), ("ppp0", False)])
def test_a_tunnel_is_known_by_its_kind_and_a_dial_up_line_is_none(device: str, tunnel: bool, root: Path) -> None:
    assert is_tunnel(device, root) is tunnel


def test_a_machine_without_a_network_is_no_trouble(root: Path) -> None:
    here = look(run=lambda command: (0, "[{}]") if "address" in command else (2, "RTNETLINK answers: Network is unreachable"), root=root)
    assert here == Look() and candidates(here, IPV4) == []


def test_where_nothing_can_be_read_nothing_is_known(root: Path) -> None:
    with pytest.raises(Unreadable, match="cannot be read"):
        look(run=lambda command: (-31, ""), root=root)


def test_the_named_interface_is_the_way_out(root: Path) -> None:
    here = look("eth0", run=machine([LAN, six("2a01:4f8:1:2::10")]), root=root)
    assert candidates(here, IPV6) == ["2a01:4f8:1:2::10"] and here.device == "eth0"
