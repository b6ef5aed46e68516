"""The engine with the providers as they are: what really goes over the wire in a home's life."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from plugins.module_utils.ddns.model import IPV4, IPV6
from plugins.module_utils.ddns.providers import registry
from plugins.module_utils.ddns.transport import Request, Response, Unreachable
from tests.unit.ddns.home import NEW, NEW6, OLD, OLD6, SECRET, Home, entry

MINUTE = 60


class House(Home):
    """A home whose provider is a real one, behind a wire that the test answers."""

    def __init__(self, folder: Path, provider: str, host: str, **account: Any) -> None:
        super().__init__(folder)
        self.host, self.requests = host, list[Request]()
        self.answer_with: Any = Response(200, {}, b"good")
        secret = next(name for name, option in registry.provider(provider).OPTIONS.items() if option.secret)
        self.account = {"name": "home", "provider": provider, "hosts": [host], **account}
        self.secrets = {"home": {secret: SECRET}}

    def provider(self, name: str) -> Any:
        return registry.provider(name)

    def send(self, request: Request) -> Response:
        self.requests.append(request)
        if isinstance(self.answer_with, Unreachable):
            raise self.answer_with
        return self.answer_with

    @property
    def last(self) -> dict[str, str]:
        return {key: values[0] for key, values in parse_qs(urlsplit(self.requests[-1].url).query, keep_blank_values=True).items()}


def user(name: str = "me") -> dict[str, Any]:
    return {"options": {"username": name}}


def test_duckdns_is_called_once_for_both_addresses_and_again_when_one_changes(tmp_path: Path) -> None:
    house = House(tmp_path, "duckdns", "home.duckdns.org")
    house.answer_with = Response(200, {}, f"OK\n{OLD}\n{OLD6}\nUPDATED".encode())
    assert house.run().changed
    assert (house.last["domains"], house.last["ip"], house.last["ipv6"]) == ("home", OLD, OLD6)
    house.dns = {("home.duckdns.org", IPV4): OLD, ("home.duckdns.org", IPV6): OLD6}
    assert house.run(5 * MINUTE).exit_code == 0 and len(house.requests) == 1
    house.addresses[IPV4] = NEW
    house.answer_with = Response(200, {}, f"OK\n{NEW}\n{OLD6}\nUPDATED".encode())
    house.run(5 * MINUTE)
    assert len(house.requests) == 2 and house.last["ip"] == NEW


def test_a_wrong_token_at_duckdns_costs_one_call(tmp_path: Path) -> None:
    house = House(tmp_path, "duckdns", "home.duckdns.org")
    house.answer_with = Response(200, {}, b"KO")
    codes = {house.run(5 * MINUTE).exit_code for _ in range(20)}
    assert codes == {11} and len(house.requests) == 1


@pytest.mark.parametrize(("provider", "minutes"), [("noip", 30), ("dynu", 10)])
def test_maintenance_is_waited_out_as_long_as_the_provider_wants(tmp_path: Path, provider: str, minutes: int) -> None:
    house = House(tmp_path, provider, "home.example.org", **user())
    house.answer_with = Response(500, {}, b"911")
    assert house.run().exit_code == 12
    for _ in range(minutes - 1):
        house.run(MINUTE, force=True)
    assert len(house.requests) == 1
    house.run(minutes * MINUTE)
    assert len(house.requests) == 2


def test_inwx_is_told_both_addresses_though_one_alone_changed(tmp_path: Path) -> None:
    house = House(tmp_path, "inwx", "home.example.org", **user())
    house.run()
    house.dns = {("home.example.org", IPV4): OLD, ("home.example.org", IPV6): OLD6}
    house.addresses[IPV6] = NEW6
    house.run(5 * MINUTE)
    assert (house.last["myip"], house.last["myipv6"]) == (OLD, NEW6)


def test_desec_keeps_the_family_that_did_not_change_and_its_429_is_obeyed(tmp_path: Path) -> None:
    house = House(tmp_path, "desec", "home.dedyn.io")
    house.run()
    house.dns = {("home.dedyn.io", IPV4): OLD, ("home.dedyn.io", IPV6): OLD6}
    house.addresses[IPV4] = NEW
    house.answer_with = Response(429, {"retry-after": "1200"}, b"Request was throttled.")
    report = house.run(5 * MINUTE)
    assert (house.last["myipv4"], house.last["myipv6"]) == (NEW, "preserve") and entry(report, "home.dedyn.io").action == "failed"
    for _ in range(18):
        house.run(MINUTE, force=True)
    assert len(house.requests) == 2
    house.answer_with = Response(200, {}, b"good")
    assert house.run(10 * MINUTE).changed


def test_desec_is_called_twice_in_two_minutes_for_a_domain_and_not_more(tmp_path: Path) -> None:
    hosts = ["home.dedyn.io", "nas.home.dedyn.io", "cam.home.dedyn.io"]
    house = House(tmp_path, "desec", hosts[0])
    house.account["hosts"], begun = hosts, house.now
    house.account["suffixes"] = {hosts[1]: "::10", hosts[2]: "::11"}
    house.answer_with = Response(200, {}, b"good")
    report = house.run()
    assert len(house.requests) == 2
    waiting = [each for each in report.entries if each.action == "waiting"]
    assert {each.host for each in waiting} == {hosts[2]} and {each.next_try for each in waiting} == {begun + 2 * MINUTE}
    house.run(2 * MINUTE)
    assert len(house.requests) == 3


def test_strato_is_called_once_in_five_minutes_whatever_the_name(tmp_path: Path) -> None:
    hosts = ["home.casa.example", "cloud.casa.example"]
    house = House(tmp_path, "strato", hosts[0])
    house.account.update(hosts=hosts, options={"username": "casa.example"})
    begun = house.now
    house.answer_with = Response(200, {}, b"good")
    report = house.run()
    assert len(house.requests) == 1 and entry(report, hosts[1]).action == "waiting"
    house.dns = {(hosts[0], IPV4): OLD, (hosts[0], IPV6): OLD6}
    house.now = begun + 4 * MINUTE
    house.run()
    assert len(house.requests) == 1
    house.now = begun + 5 * MINUTE
    house.run()
    assert len(house.requests) == 2


def test_an_agent_that_is_barred_is_no_success(tmp_path: Path) -> None:
    house = House(tmp_path, "dyndns2", "home.dyndns.org", **user())
    house.answer_with = Response(200, {}, b"good 127.0.0.1")
    assert house.run().exit_code == 11 and house.run(5 * MINUTE).exit_code == 11
    assert len(house.requests) == 1


OVER_HTTP = [name for name in registry.NAMES if name != "rfc2136"]
NONSENSE = [b"", b"<html><body>Welcome</body></html>", b"\xff\xfe\x00", b"[]", b'{"success": 1}', b"x" * 100_000]
VALUES = {"host_name": "example.org", "web_address": "https://a.example"}


@pytest.mark.parametrize("name", OVER_HTTP)
@pytest.mark.parametrize("body", NONSENSE, ids=range(len(NONSENSE)))
def test_no_provider_takes_nonsense_for_success_or_shows_a_secret(tmp_path: Path, name: str, body: bytes) -> None:
    kind = registry.provider(name)
    needed = {key: option for key, option in kind.OPTIONS.items() if option.required or (name == "freedns" and key != "token")}
    options = {key: VALUES.get(option.check, "word") for key, option in needed.items() if not option.secret}
    house = House(tmp_path, name, "home.example.org", options=options, families=list(kind.CAPABILITIES.families))
    house.secrets = {"home": {key: SECRET for key, option in needed.items() if option.secret}}
    house.answer_with = Response(200, {}, body)
    report = house.run()
    assert report.exit_code in (11, 12) and not report.changed, [str(each) for each in report.entries]
    assert SECRET not in (tmp_path / "state.json").read_text() + "".join(str(each) for each in report.entries)
