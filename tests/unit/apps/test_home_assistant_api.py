"""A Home Assistant of another machine is told of its proxy: its API as it was seen, with what goes wrong. The real one is asked in tests/integration."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from plugins.module_utils.apps import home_assistant_api
from plugins.module_utils.apps.home_assistant_api import NotLet, Outcome, Teller, Ways, extended, missing, wide

pytestmark = pytest.mark.proves("R42", "R43", "B03")

PROXY = "192.168.1.10"
DEFAULTS = {"server_port": 8123, "use_x_forwarded_for": False, "trusted_proxies": [], "login_attempts_threshold": 7}
MADE = {"created_at": "2026-11-01T00:00:00+00:00", "error": None, "error_message": None}
TOKEN = "long-lived"


@dataclass
class Time:
    now: float = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float, /) -> None:
        self.now += seconds


@dataclass
class Home:
    """Home Assistant 2026.11 as far as its proxy settings go. `comes_from`: the address by which the proxy really comes to it."""

    clock: Time
    stable: dict[str, Any] = field(default_factory=lambda: DEFAULTS | MADE)
    pending: dict[str, Any] | None = None
    active: str = "stable"
    version: str = "2026.11.0"
    comes_from: str = PROXY
    ready_at: float = 0.0
    listens_at: float = 0.0
    restarts: bool = True
    administrator: bool = True
    said: list[str] = field(default_factory=list)

    def straight(self) -> Line:
        if self.clock.now < self.listens_at:
            raise ConnectionRefusedError("connection refused")
        return Line(self)

    def through(self) -> Line:
        if self.clock.now < self.listens_at:
            raise OSError("the proxy answers 502")
        in_force = self.pending if self.active == "pending" else self.stable
        if missing(in_force or {}, [self.comes_from]):
            raise NotLet("the proxy answers 400")
        return Line(self)

    def restart(self, active: str) -> None:
        if self.restarts:
            self.active, self.listens_at, self.ready_at = active, self.clock.now + 5, self.clock.now + 9

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        kind = message["type"]
        self.said.append(kind)
        if not self.administrator:
            return no("unauthorized", "Unauthorized")
        if self.version == "2026.7.4":
            return no("unknown_command", "Unknown command.")
        if kind == "http/config":
            return yes({"stable": self.stable, "pending": self.pending, "active_config_type": self.active, "revert_at": None, "default": DEFAULTS})
        if kind == "http/config/promote":
            if self.pending is None:
                return no("not_allowed", "No pending HTTP config to promote")
            self.stable, self.pending, self.active = self.pending, None, "stable"
            return yes(None)
        assert kind == "http/config/configure"
        if self.clock.now < self.ready_at:
            return no("not_running", "The HTTP configuration can only be changed while Home Assistant is running, current state: NOT_RUNNING")
        config = message["config"]
        if config is None:
            self.pending = None
            self.restart("stable")
            return yes({"restart": True})
        if MADE.keys() & config.keys():
            return no("invalid_format", "not a valid option at 'config.created_at'")
        self.pending = config | MADE
        self.restart("pending")
        return yes({"restart": True})


def yes(result: Any) -> dict[str, Any]:
    return {"type": "result", "success": True, "result": result}


def no(code: str, message: str) -> dict[str, Any]:
    return {"type": "result", "success": False, "error": {"code": code, "message": message}}


class Line:
    def __init__(self, home: Home) -> None:
        self.home, self.waiting = home, [{"type": "auth_required", "ha_version": home.version}]

    def send(self, text: str) -> None:
        message = json.loads(text)
        if message["type"] == "auth":
            self.waiting.append({"type": "auth_ok" if message["access_token"] == TOKEN else "auth_invalid"})
        else:
            self.waiting += [{"type": "event", "id": 99}, {"id": message["id"], **self.home.answer(message)}]

    def receive(self) -> str:
        return json.dumps(self.waiting.pop(0))

    def close(self) -> None:
        pass


def tell(home: Home, token: str = TOKEN, check: bool = False, sources: tuple[str, ...] = (PROXY,)) -> Outcome:
    return Teller(Ways(home.straight, home.through, list(sources)), token, check, home.clock).settle()


def home(**more: Any) -> Home:
    return Home(Time(), **more)


def trusting(*proxies: str) -> dict[str, Any]:
    return DEFAULTS | MADE | {"use_x_forwarded_for": True, "trusted_proxies": list(proxies)}


def test_it_is_told_confirmed_through_the_proxy_and_left_alone_then() -> None:
    its = home()
    outcome = tell(its)
    assert (outcome.changed, outcome.before, outcome.after, outcome.trouble) == (True, [], [PROXY], "")
    assert its.stable == trusting(PROXY) and its.pending is None and its.active == "stable"
    assert its.stable["login_attempts_threshold"] == 7, "its other settings stay"
    its.said.clear()
    again = tell(its)
    assert (again.changed, again.trouble, its.said) == (False, "", ["http/config"])


def test_what_it_trusts_already_stays_and_what_is_wide_is_told() -> None:
    its = home(stable=trusting("172.30.33.0/24", "192.168.1.9"))
    outcome = tell(its)
    assert its.stable["trusted_proxies"] == ["172.30.33.0/24", "192.168.1.9", PROXY] == outcome.after
    assert outcome.notes == ["It trusts 172.30.33.0/24 whole: whoever is in there can claim to be anybody. Take it out under Settings, System, Network."]


def test_a_network_that_holds_the_proxy_needs_no_change_and_is_told() -> None:
    outcome = tell(home(stable=trusting("192.168.1.0/24")))
    assert not outcome.changed and "192.168.1.0/24" in outcome.notes[0]


def test_addresses_that_are_listed_and_not_in_force_are_not_trusted_by_the_way() -> None:
    its = home(stable=trusting("10.0.0.0/8") | {"use_x_forwarded_for": False})
    assert tell(its).after == [PROXY] == its.stable["trusted_proxies"]


def test_every_address_of_the_proxy_is_trusted() -> None:
    its = home(stable=trusting(PROXY))
    assert tell(its, sources=(PROXY, "fd00::10")).after == [PROXY, "fd00::10"]


def test_in_check_mode_it_is_asked_and_told_nothing() -> None:
    its = home()
    outcome = tell(its, check=True)
    assert (outcome.changed, outcome.after, its.said) == (True, [PROXY], ["http/config"]) and its.stable == DEFAULTS | MADE


def test_one_that_still_starts_is_waited_for() -> None:
    its = home(ready_at=100.0)
    assert tell(its).trouble == "" and its.stable["trusted_proxies"] == [PROXY]


def test_a_proxy_that_comes_from_elsewhere_is_not_confirmed_and_the_old_settings_come_back() -> None:
    its = home(stable=trusting("192.168.1.9"), comes_from="192.168.1.77")
    outcome = tell(its)
    assert "answers 400" in outcome.trouble and "Its old settings are in force again." in outcome.trouble and PROXY in outcome.trouble
    assert not outcome.changed and its.stable == trusting("192.168.1.9") and its.pending is None and its.active == "stable"
    assert its.clock.now < 30, "there is no use in trying again"
    assert "http/config/promote" not in its.said, "a promotion that is not through the proxy proves nothing"


def test_one_that_does_not_restart_is_not_promoted() -> None:
    its = home(restarts=False)
    outcome = tell(its)
    assert "does not restart" in outcome.trouble and "configuration.yaml" in outcome.trouble and its.pending is None
    assert "http/config/promote" not in its.said and its.clock.now < 400


def test_a_trial_that_an_earlier_run_began_is_confirmed_by_the_next() -> None:
    its = home(pending=trusting(PROXY), active="pending")
    assert tell(its).trouble == "" and its.stable == trusting(PROXY) and "http/config/configure" not in its.said


def test_a_release_without_such_a_way_is_told_with_the_lines_that_help() -> None:
    outcome = tell(home(version="2026.7.4"))
    assert outcome.trouble == (
        "2026.7.4 has no way to be told, 2026.8 and later have. Write into its configuration.yaml: "
        '{"http": {"use_x_forwarded_for": true, "trusted_proxies": ["192.168.1.10"]}}.'
    )


@pytest.mark.parametrize(
    ("more", "token", "says"),
    [
        ({}, "wrong", "it refuses the token"),
        ({"administrator": False}, TOKEN, "its token is not an administrator's"),
        ({"listens_at": 1e9}, TOKEN, "it does not answer: connection refused"),
    ],
)
def test_what_stops_it_is_told_at_once_and_no_token_shows(more: dict[str, Any], token: str, says: str) -> None:
    its = home(**more)
    outcome = tell(its, token=token)
    assert says in outcome.trouble and token not in outcome.trouble.replace("access tokens", "") and its.clock.now == 0


@pytest.mark.parametrize("spoken", ["not json", "[]", "{}", '{"type": "auth_required"}' * 2, '"x"'])
def test_what_is_no_home_assistant_is_told_and_given_no_token(spoken: str) -> None:
    sent: list[str] = []

    class Other:
        def send(self, text: str) -> None:
            sent.append(text)

        def receive(self) -> str:
            return spoken

        def close(self) -> None:
            pass

    outcome = Teller(Ways(Other, Other, [PROXY]), TOKEN, clock=Time()).settle()
    assert "does not speak as Home Assistant does" in outcome.trouble and sent == []


def test_one_that_never_answers_a_command_does_not_hold_the_run() -> None:
    class Chatter(Line):
        def receive(self) -> str:
            return json.dumps(self.waiting.pop(0) if self.waiting and "id" not in self.waiting[0] else {"type": "event", "id": 5})

    its = home()
    assert "never answers" in Teller(Ways(lambda: Chatter(its), its.through, [PROXY]), TOKEN, clock=its.clock).settle().trouble


def test_a_connection_that_ends_is_told() -> None:
    def ends() -> Any:
        raise EOFError("the connection ended")

    assert Teller(Ways(ends, ends, [PROXY]), TOKEN, clock=Time()).settle().trouble == "it does not answer: the connection ended."


def test_addresses_are_compared_as_networks() -> None:
    config = trusting("192.168.1.10/32", "fd00::/64")
    assert missing(config, [PROXY, "fd00::5"]) == [] and missing(config, ["192.168.1.11"]) == ["192.168.1.11"]
    assert wide(config) == ["fd00::/64"] and home_assistant_api.META[0] not in extended(config, ["10.0.0.1"])
