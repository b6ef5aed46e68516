"""UPnP, with miniupnpc's interface played, traps included (facts of miniupnpcmodule.c)."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from plugins.module_utils.router.model import Entry, Mapping, RouterTrouble
from plugins.module_utils.router.upnp import Upnp, find, location

from .routers import HERE, HTTPS, TAG


class Library:
    """The module miniupnpc, with one router."""

    def __init__(self, **more: Any) -> None:
        self.rows: list[Any] = more.pop("rows", [])
        self.raises: dict[str, str] = more.pop("raises", {})
        self.calls: list[Any] = []
        self.discoverdelay = 0

    def UPnP(self, source: str | None = None) -> Library:
        return self

    def said(self, name: str, *words: Any) -> None:
        self.calls.append((name, *words))
        if name in self.raises:
            raise Exception(self.raises[name])  # miniupnpc raises no other

    def discover(self) -> int:
        self.said("discover")
        return 1

    def selectigd(self, place: str = "") -> str:
        self.said("selectigd")
        return "http://192.168.1.1:5000/ctl"

    def externalipaddress(self) -> str:
        self.said("externalipaddress")
        return "5.9.0.10"

    def getgenericportmapping(self, index: int) -> Any:
        return self.rows[index] if index < len(self.rows) else None

    def addportmapping(self, *words: Any) -> bool:
        self.said("addportmapping" if words[-1] else "addportmapping for ever", *words)
        return True

    def deleteportmapping(self, *words: Any) -> bool:
        self.said("deleteportmapping", *words)
        return True


def router(**more: Any) -> tuple[Upnp, Library]:
    library = Library(**more)
    return Upnp(load=lambda: library), library


def test_the_router_s_address_and_mappings_are_read() -> None:
    upnp, _ = router(rows=[(443, "TCP", (HERE, 443), TAG, "1", "", 3600), (53, "UDP", ("192.168.1.50", 5353), "x\x1b[31m", "1", "", 0)])
    assert upnp.external_address() == "5.9.0.10"
    assert upnp.entries() == [Entry(HTTPS, 3600), Entry(Mapping(53, "udp", "192.168.1.50", 5353, "x [31m"), 0)]


def test_a_mapping_is_made_with_its_description_and_life() -> None:
    upnp, library = router()
    assert upnp.add(HTTPS, 7200) == 7200
    assert library.calls[-1] == ("addportmapping", 443, "TCP", HERE, 443, TAG, "", 7200)


def test_a_life_of_more_than_a_week_is_cut_to_what_the_protocol_knows() -> None:
    assert router()[0].add(HTTPS, 10_000_000) == 604800


def test_a_router_that_knows_only_mappings_for_ever_gets_one() -> None:
    upnp, library = router(raises={"addportmapping": "OnlyPermanentLeasesSupported"})
    assert upnp.add(HTTPS, 7200) == 0
    assert library.calls[-1][0] == "addportmapping for ever"


REFUSALS = {"ConflictInMappingEntry": (718, "taken already"), "Action not authorized": (606, "not allowed"), "Some new words": (0, "Some new words")}


@pytest.mark.parametrize(("words", "told"), REFUSALS.items())
def test_a_refusal_is_known_by_miniupnpc_s_words(words: str, told: tuple[int, str]) -> None:
    with pytest.raises(RouterTrouble, match=told[1]) as refused:
        router(raises={"addportmapping": words})[0].add(HTTPS, 7200)
    assert refused.value.code == told[0]


def test_removing_what_is_not_there_is_no_trouble() -> None:
    router(raises={"deleteportmapping": "NoSuchEntryInArray"})[0].remove(HTTPS)
    with pytest.raises(RouterTrouble):
        router(raises={"deleteportmapping": "Action not authorized"})[0].remove(HTTPS)


def test_a_device_that_is_no_router_is_not_taken_for_one() -> None:
    with pytest.raises(RouterTrouble, match="No router answers UPnP"):
        router(raises={"externalipaddress": "Invalid Action"})[0].entries()


def test_a_router_that_was_not_found_is_not_searched_for_at_every_question() -> None:
    upnp, library = router(raises={"discover": "Success"})
    for _ in range(3):
        with pytest.raises(RouterTrouble, match="No router answers UPnP"):
            upnp.entries()
    assert library.calls == [("discover",)]


def test_a_missing_package_is_named() -> None:
    def absent() -> Any:
        raise ModuleNotFoundError

    with pytest.raises(RouterTrouble, match="python3-miniupnpc is not installed"):
        Upnp(load=absent).external_address()


def test_a_list_without_an_end_is_not_believed() -> None:
    with pytest.raises(RouterTrouble, match="more than 512"):
        router(rows=[(1, "TCP", (HERE, 1), "", "1", "", 0)] * 513)[0].entries()


def test_an_answer_to_a_search_tells_where_the_description_is() -> None:
    assert location(b"HTTP/1.1 200 OK\r\nST: x\r\nLocation:  http://192.168.1.1:5000/rootDesc.xml\r\n\r\n") == "http://192.168.1.1:5000/rootDesc.xml"
    assert location(b"NOTIFY * HTTP/1.1\r\nLOCATION: http://192.168.1.1/\r\n\r\n") == ""
    assert location(b"") == ""


@pytest.mark.parametrize(("place", "taken"), [("http://127.0.0.77:5000/x", True), ("http://127.0.0.1:5000/x", False), ("file://127.0.0.77/etc/passwd", False)])
def test_a_description_elsewhere_than_on_the_router_is_not_taken(place: str, taken: bool) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.bind(("127.0.0.77", 1900))
        channel.settimeout(3)

        def serve() -> None:
            _, who = channel.recvfrom(2000)
            channel.sendto(f"HTTP/1.1 200 OK\r\nLOCATION: {place}\r\n\r\n".encode(), who)

        thread = threading.Thread(target=serve)
        thread.start()
        assert find("127.0.0.77", patience=0.4) == (place if taken else "")
        thread.join()
