from __future__ import annotations

import pytest

from plugins.module_utils.ddns.model import Call, Kind
from plugins.module_utils.ddns.providers import answers

from .dialogue import BOTH, SECRET, V4, V6, at, said

HOST = "home.casa.example"


def test_both_addresses_go_in_one_list_with_the_names_in_another() -> None:
    asked, dialogue = at("dyndns2", said(f"good {V4},{V6}\nnochg {V4},{V6}"))
    first, second = asked.update(Call((HOST, "www.casa.example"), BOTH))
    assert dialogue.place == "https://members.dyndns.org/nic/update" and dialogue.login == f"ada:{SECRET}"
    assert dialogue.pairs == {"hostname": f"{HOST},www.casa.example", "myip": f"{V4},{V6}"}
    assert (first.kind, second.kind) == (Kind.GOOD, Kind.NOCHG) and first.echoed == BOTH


@pytest.mark.parametrize(("values", "myip"), [({"ipv4": V4}, V4), ({"ipv6": V6}, V6)])
def test_one_address_goes_alone(values: dict[str, str], myip: str) -> None:
    asked, dialogue = at("dyndns2", said("good"))
    asked.update(Call((HOST,), values))
    assert dialogue.pairs == {"hostname": HOST, "myip": myip}


def test_server_path_and_the_place_of_ipv6_are_the_owner_s_to_say() -> None:
    asked, dialogue = at("dyndns2", said("good"), server="https://ddns.isp.example/", path="dyn/update", ipv6="myipv6")
    asked.update(Call((HOST,), BOTH))
    assert dialogue.place == "https://ddns.isp.example/dyn/update" and dialogue.pairs == {"hostname": HOST, "myip": V4, "myipv6": V6}


def test_a_password_is_not_sent_where_it_could_be_read_on_the_way() -> None:
    asked, dialogue = at("dyndns2", server="http://ddns.isp.example")
    (outcome,) = asked.update(Call((HOST,), BOTH))
    assert outcome.kind == Kind.NOT_ALLOWED and "https://" in outcome.said and not dialogue.asked


def test_a_wildcard_is_its_name_with_the_word_for_it_and_touches_no_other_name() -> None:
    asked, dialogue = at("dyndns2", said("good\ngood"), said("nohost"), said("nochg"))
    call = Call(("*.a.example", "b.example", "a.example", "*.c.example", "d.example"), {"ipv4": V4})
    kinds = [outcome.kind for outcome in asked.update(call)]
    assert kinds == [Kind.NOT_FOUND, Kind.GOOD, Kind.NOT_FOUND, Kind.NOCHG, Kind.GOOD]
    asked_for = [request.url.partition("?")[2] for request in dialogue.asked]
    assert asked_for == [f"hostname=b.example,d.example&myip={V4}", f"hostname=a.example&myip={V4}&wildcard=ON", f"hostname=c.example&myip={V4}&wildcard=ON"]


@pytest.mark.parametrize("word", [word for word in answers.WORDS if word not in ("good", "nochg", "911", "dnserr")])
def test_each_refusal_is_one_that_a_person_has_to_settle(word: str) -> None:
    (outcome,) = at("dyndns2", said(word))[0].update(Call((HOST,), BOTH))
    assert outcome.kind in (Kind.AUTH, Kind.NOT_FOUND, Kind.NOT_ALLOWED, Kind.ABUSE, Kind.BAD_AGENT)


@pytest.mark.parametrize("word", ["911", "dnserr"])
def test_trouble_of_the_server_passes(word: str) -> None:
    (outcome,) = at("dyndns2", said(word, 500))[0].update(Call((HOST,), BOTH))
    assert (outcome.kind, outcome.retry_after) == (Kind.SERVER, None)
