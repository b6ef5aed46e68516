from __future__ import annotations

import pytest

from plugins.module_utils.ddns.model import Call, Kind

from .dialogue import SECRET, V4, at, said

PROLOG = '<?xml version="1.0" encoding="utf-16"?>'
HOST = "home.casa.example"


def answer(inner: str, prolog: str = PROLOG) -> str:
    return f"{prolog}<interface-response><Command>SETDNSHOST</Command><Language>eng</Language>{inner}<Done>true</Done></interface-response>"


GOOD = answer(f"<IP>{V4}</IP><ErrCount>0</ErrCount><errors /><ResponseCount>0</ResponseCount><responses />")


def refused(text: str) -> str:
    return answer(
        f"<ErrCount>1</ErrCount><errors><Err1>{text}</Err1></errors><ResponseCount>1</ResponseCount>"
        f"<responses><response><ResponseNumber>304156</ResponseNumber><ResponseString>{text}</ResponseString></response></responses>"
    )


@pytest.mark.parametrize(("host", "name"), [(HOST, "home"), ("casa.example", "@"), ("*.casa.example", "*"), ("*.a.casa.example", "*.a")])
def test_a_name_is_split_into_host_and_zone(host: str, name: str) -> None:
    asked, dialogue = at("namecheap", said(GOOD))
    (outcome,) = asked.update(Call((host,), {"ipv4": V4}))
    assert outcome.kind == Kind.GOOD and outcome.echoed == {"ipv4": V4}
    assert dialogue.place == "https://dynamicdns.park-your-domain.com/update"
    assert dialogue.pairs == {"host": name, "domain": "casa.example", "password": SECRET, "ip": V4}


def test_a_name_outside_of_the_zone_is_not_sent() -> None:
    asked, dialogue = at("namecheap")
    assert asked.update(Call(("home.villacasa.example",), {"ipv4": V4}))[0].kind == Kind.NOT_FOUND and not dialogue.asked


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Passwords do not match", Kind.AUTH),
        ("Domain name not found", Kind.NOT_FOUND),
        ("No Records updated. A record not Found;", Kind.NOT_FOUND),
        ("Validation error; invalid ; IP &amp; more", Kind.NOT_ALLOWED),
    ],
)
def test_each_error_is_found_where_it_stands(text: str, kind: Kind) -> None:
    """ddns-updater looks for a tag "errors.Err1" that there never is, and takes a refusal without an address for success."""
    (outcome,) = at("namecheap", said(refused(text)))[0].update(Call((HOST,), {"ipv4": V4}))
    assert outcome.kind == kind and outcome.said == text.replace("&amp;", "&")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (GOOD.encode(), Kind.GOOD),
        (GOOD.encode("utf-16"), Kind.GOOD),
        (GOOD.encode("utf-16-le"), Kind.GOOD),
        (answer("<IP>127</IP><ErrCount>0</ErrCount>", "").encode(), Kind.GOOD),
        (answer("<ErrCount>2</ErrCount>").encode(), Kind.NOT_ALLOWED),
        (answer("<ErrCount>0</ErrCount><errors><Err1>odd</Err1></errors>").encode(), Kind.NOT_ALLOWED),
        (answer("<ErrCount></ErrCount>").encode(), Kind.UNKNOWN),
        (answer("").encode(), Kind.UNKNOWN),
        (b"<ErrCount>0</ErrCount>", Kind.UNKNOWN),
        (b"<html><body><ErrCount>0</ErrCount></body></html>", Kind.UNKNOWN),
    ],
)
def test_only_an_answer_that_counts_no_error_is_success(body: bytes, kind: Kind) -> None:
    (outcome,) = at("namecheap", said(body))[0].update(Call((HOST,), {"ipv4": V4}))
    assert outcome.kind == kind
