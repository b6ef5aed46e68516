"""What was served through a proxy before an app's change is served after it, or the change is taken back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils.apps.through import PATIENCE, led_elsewhere, lost, served

from .docker import House

pytestmark = pytest.mark.proves("R57")

PUBLIC = "cloud.example.org"
PAGES = [{"host": PUBLIC, "url": "https://127.0.0.1/cloud", "status": [200], "contains": ""}]


class Home(House):
    """A host whose proxy reaches the app of some versions only. `asked`: public names that were asked for."""

    refused: tuple[str, ...] = ("v2",)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        straight, self.asked = self.docker.answers, list[str]()

        def answers(health: Mapping[str, Any], name: str) -> str:
            if not health["url"].startswith("https://"):
                return straight(health, name)
            self.asked.append(name)
            return "it answers 400 instead of 200" if self.runs().partition(":")[2] in self.refused else straight(health, name)

        self.docker.answers = answers  # type: ignore[method-assign]

    def with_proxy(self, version: str = "v1", **more: Any) -> dict[str, Any]:
        return self.stack(version, through=PAGES, **more)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path)
    assert found.bring(found.with_proxy())[0].trouble == ""
    found.write("dear all")
    return found


def test_an_update_that_is_well_and_refuses_its_proxy_is_put_back_with_its_data(home: Home) -> None:
    failed = home.bring(home.with_proxy("v2"))[0]
    assert f"app:v2 does not answer through its proxy as it did before: {PUBLIC}: it answers 400" in failed.trouble
    assert "app:v1 serves again, with its data as it was." in failed.trouble
    assert home.runs() == "app:v1" and home.data("letters") == "dear all" and home.unfinished() == []


def test_one_that_its_proxy_reaches_stays(home: Home) -> None:
    home.refused = ()
    assert home.bring(home.with_proxy("v2"))[0].trouble == "" and home.runs() == "app:v2"


def test_what_was_not_served_before_is_not_asked_of_the_change(home: Home) -> None:
    home.refused = ("v1", "v2")
    assert home.bring(home.with_proxy("v2"))[0].trouble == "" and home.runs() == "app:v2"


def test_where_the_port_moves_the_proxy_proves_nothing_yet(home: Home) -> None:
    moved = home.with_proxy("v2")
    moved["compose"]["services"]["app"]["ports"] = ["127.0.0.1:8100:80"]
    asked = len(home.asked)
    assert home.bring(moved)[0].trouble == "" and home.runs() == "app:v2" and len(home.asked) == asked


def test_a_run_that_changes_nothing_asks_nothing(home: Home) -> None:
    asked = len(home.asked)
    assert not home.bring(home.with_proxy())[0].changed and len(home.asked) == asked


def test_a_first_start_is_not_judged_by_a_proxy_that_is_not_told_yet(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert home.bring(home.with_proxy())[0].trouble == "" and home.asked == []


def test_a_killed_run_is_judged_by_what_was_served_before_it(home: Home) -> None:
    class Killed(BaseException):
        pass

    def step(name: str) -> None:
        if name == "wait":
            raise Killed

    with pytest.raises(Killed):
        home.bring(home.with_proxy("v2"), step=step)
    failed = home.bring(home.with_proxy("v2"))[0]
    assert "does not answer through its proxy" in failed.trouble and home.runs() == "app:v1" and home.unfinished() == []


class Time:
    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float, /) -> None:
        self.now += seconds


def test_a_proxy_that_saw_the_app_away_gets_some_time() -> None:
    time = Time()
    assert lost({"through": PAGES}, [PUBLIC], lambda page, name: "it answers 502" if time.now < PATIENCE - 1 else "", time) == ""
    time.now = 0.0
    assert lost({"through": PAGES}, [PUBLIC], lambda page, name: "it answers 502", time) == f"{PUBLIC}: it answers 502" and time.now >= PATIENCE
    assert lost({"through": PAGES}, [], lambda page, name: "it answers 502", time) == "" == lost({}, [PUBLIC], lambda page, name: "no", time)


def test_names_are_told_apart() -> None:
    pages = [*PAGES, {**PAGES[0], "host": "other.example.org"}]
    assert served({"through": pages}, lambda page, name: "" if name == PUBLIC else "it answers 404") == [PUBLIC]


def test_only_other_published_ports_lead_elsewhere() -> None:
    def one(image: str, **more: Any) -> dict[str, Any]:
        return {"services": {"app": {"image": image, **more}}}

    assert not led_elsewhere(one("app:v1", ports=["1:1"]), one("app:v2", ports=["1:1"])) and not led_elsewhere({}, one("app:v1"))
    assert led_elsewhere(one("app:v1", ports=["1:1"]), one("app:v1", ports=["2:1"])) and led_elsewhere(one("app:v1"), one("app:v1", ports=["2:1"]))
