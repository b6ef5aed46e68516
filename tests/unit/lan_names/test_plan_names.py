"""From the Plan's names to records: whose addresses they get, and what a person types elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.module_utils.lan_names.plan_names import lan_names_records, lan_names_text
from plugins.module_utils.lan_names.records import Refused

NAMES = {"home.example.org": "gate", "cloud.example.org": "attic"}
FOUND = {"homeserver_host": {"addresses": ["192.168.1.10", "2001:db8::10", "fd00::10"]}}


def test_a_name_gets_the_addresses_of_its_proxy_but_not_one_that_changes_with_the_provider_s_prefix() -> None:
    assert lan_names_records(NAMES, {"gate": FOUND, "attic": {"exposure_address": ["192.168.1.11"], **FOUND}}) == [
        {"name": "cloud.example.org", "addresses": ["192.168.1.11"]},
        {"name": "home.example.org", "addresses": ["192.168.1.10", "fd00::10"]},
    ]


@pytest.mark.parametrize("declared", ["192.168.1.11", ["192.168.1.11", "2001:db8::11"]])
def test_an_address_that_the_owner_declares_is_taken_as_it_is(declared: Any) -> None:
    made = lan_names_records({"home.example.org": "gate"}, {"gate": {"exposure_address": declared}})
    assert made[0]["addresses"] == ([declared] if isinstance(declared, str) else declared)


@pytest.mark.parametrize("host", [{}, {"homeserver_host": {}}, {"homeserver_host": {"addresses": ["2001:db8::10"]}}])
def test_a_proxy_without_a_known_address_is_named_with_the_line_to_write(host: dict[str, Any]) -> None:
    with pytest.raises(Refused, match=r"known for gate\. Write exposure_address"):
        lan_names_records({"home.example.org": "gate"}, {"gate": host})


def test_a_person_with_another_server_is_shown_the_records_in_three_forms() -> None:
    text = lan_names_text([{"name": "home.example.org", "addresses": ["192.168.1.10", "fd00::10"]}])
    for line in ("home.example.org  ->  192.168.1.10, fd00::10", "192.168.1.10 home.example.org", "host-record=home.example.org,fd00::10", "local-zone:"):
        assert line in text
    assert "no names" in lan_names_text([])
