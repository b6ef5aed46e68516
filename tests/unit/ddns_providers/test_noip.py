from __future__ import annotations

import pytest

from plugins.module_utils.ddns.model import Call, Kind

from .dialogue import BOTH, SECRET, V4, V6, at, said

HOSTS = ("home.casa.example", "www.casa.example")


def test_names_and_addresses_go_as_lists_and_come_back_line_by_line() -> None:
    asked, dialogue = at("noip", said(f"good {V4},{V6}\nnochg {V4},{V6}\n"))
    first, second = asked.update(Call(HOSTS, BOTH))
    assert dialogue.place == "https://dynupdate.no-ip.com/nic/update" and dialogue.login == f"ada@casa.example:{SECRET}"
    assert dialogue.pairs == {"hostname": ",".join(HOSTS), "myip": f"{V4},{V6}"}
    assert (first.kind, second.kind) == (Kind.GOOD, Kind.NOCHG) and first.echoed == second.echoed == BOTH


@pytest.mark.parametrize("values", [{"ipv4": V4}, {"ipv6": V6}])
def test_one_family_goes_by_itself(values: dict[str, str]) -> None:
    asked, dialogue = at("noip", said("good"))
    asked.update(Call(HOSTS[:1], values))
    assert dialogue.pairs["myip"] == next(iter(values.values()))


@pytest.mark.parametrize(
    ("word", "kind"),
    [("nohost", Kind.NOT_FOUND), ("badauth", Kind.AUTH), ("badagent", Kind.BAD_AGENT), ("!donator", Kind.NOT_ALLOWED), ("abuse", Kind.ABUSE)],
)
def test_each_refusal_is_known(word: str, kind: Kind) -> None:
    assert [outcome.kind for outcome in at("noip", said(word))[0].update(Call(HOSTS, BOTH))] == [kind, kind]


@pytest.mark.parametrize("status", [200, 500])
def test_its_trouble_lasts_half_an_hour(status: int) -> None:
    (outcome,) = at("noip", said("911", status))[0].update(Call(HOSTS[:1], BOTH))
    assert (outcome.kind, outcome.retry_after) == (Kind.SERVER, 1800)
