"""The report reads well: what a person sees at a terminal is written down here as it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from plugins.module_utils.network.findings import SEVERITIES, listed
from plugins.module_utils.network.report import text

from .looks import NAMES, OTHERS, V4, V6, Home, found

ROOT = Path(__file__).resolve().parents[3]

ALL_WELL = """\
The network of home, looked at from home (server), laptop (at home), phone (outside)

  IPv4          62.2.3.4, behind your router
  IPv6          2a02:1:2:3::10, the server has it itself
  Port 443      leads to the server, proven from outside
  Port 80       leads to the server, proven from outside
  Names         home.example.org and media.example.org lead home
  Certificates  http-01 and tls-alpn-01 can work: from outside, ports 80 and 443 lead to the server.

Nothing is wrong."""

TROUBLED = """\
The network of home, looked at from home (server), laptop (at home), phone (outside)

  IPv4          62.2.3.4, behind your router
  IPv6          2a02:1:2:3::10, the server has it itself
  Port 443      IPv4 leads to the server, proven from outside; IPv6 closed from outside
  Port 80       closed from outside
  Names         home.example.org leads home; media.example.org does not
  Certificates  tls-alpn-01 can work: from outside, port 443 leads to the server; port 80 is closed
                from outside.

2 problems, 2 warnings:

1. PROBLEM: The A record of media.example.org says 81.9.9.9, but your home has 62.2.3.4.
   Seen    9.9.1.1 and 9.9.2.2, name servers of example.org, say A 81.9.9.9 for media.example.org.
           phone (outside): port 443 of 81.9.9.9 shows another certificate than home does.
           phone (outside): port 80 of 81.9.9.9 does not answer.
   To do   Correct it at your DNS provider, or let DDNS keep it (exposure_ddns). Where 81.9.9.9 is a
           CDN or tunnel that you chose, all is well.
   Proof   seen from outside  [stale_a]

2. PROBLEM: home.example.org and media.example.org have AAAA records, but over IPv6 nobody outside
   comes in by port 443.
   Seen    phone (outside): port 443 of 2a02:1:2:3::10 does not answer.
           home itself answers on port 443.
   To do   In the router, let TCP 443 come in to 2a02:1:2:3::10 (IPv6 firewall, also called pinhole
           or host exposure), or take the AAAA records out at your DNS provider. Visitors with IPv6
           wait for it first. Let's Encrypt asks IPv6 first and turns to IPv4 only when IPv6 does
           not answer in time, never after a wrong answer.
   Proof   seen from outside  [aaaa_not_working]

3. WARNING: Port 80 (http) of your IPv4 address is closed from outside.
   Seen    phone (outside): port 80 of 62.2.3.4 does not answer.
           home itself answers on port 80.
           Port 443 comes through, so the line as such can be reached.
   To do   In the router, forward TCP 80 to 192.168.1.10, port 80 (exposure_router: auto does it
           where the router lets programs). Where that rule is there already, your provider blocks
           the port: ask it, or let Caddy prove certificates inside TLS (tls-alpn-01, it does that
           by itself) and open sites by https:// addresses.
   Proof   seen from outside  [port_80_closed]

4. WARNING: At home the sites do not open over IPv4: the router does not lead its own network back
   to its public address.
   Seen    laptop (at home): port 443 of 62.2.3.4 does not answer, and its DNS leads
           home.example.org there.
           From outside the same port leads to the server.
   To do   Turn on NAT loopback (hairpin) in the router, or let the DNS of your home lead these
           names to the server itself (playbooks/lan.yml).
   Proof   seen from inside the home  [no_hairpin]

The word in brackets is explained in docs/network.md."""

ALONE = """\
The network of home, looked at from home (server)

  IPv4          62.2.3.4, behind your router
  IPv6          none
  Port 443      not proven from outside
  Port 80       not proven from outside
  Names         home.example.org and media.example.org lead home
  Certificates  http-01 and tls-alpn-01 can work: nothing speaks against them, though nobody outside
                has met the server yet.

1 note:

1. NOTE: Not proven from outside: port 443 over IPv4 and port 80 over IPv4.
   Seen    No machine outside looked.
           home itself answers on port 443 and port 80.
           From inside the home, port 443 and port 80 of 62.2.3.4 is led to home. That the provider
           lets visitors in is not proven by that.
   To do   Open https://home.example.org/ on a phone with Wi-Fi turned off. Or put a machine
           outside, such as a small rented server, into the group vantage, and look again.
   Proof   not proven  [not_proven_from_outside]

The word in brackets is explained in docs/network.md."""


def troubled() -> Home:
    home = Home()
    home.record(NAMES[1], a=["81.9.9.9"])
    home.meets("phone", NAMES[1], "81.9.9.9", "open", OTHERS).change("phone", "81.9.9.9", "http", "silent")
    for address, scheme in ((V4, "http"), (V6, "https"), (V6, "http")):
        home.change("phone", address, scheme, "silent")
    return home.change("laptop", V4, "https", "silent")


def test_a_home_in_which_all_is_well() -> None:
    assert text(Home().picture()) == ALL_WELL


@pytest.mark.proves("B07")
def test_a_home_with_troubles() -> None:
    assert text(troubled().picture()) == TROUBLED


@pytest.mark.proves("R11")
def test_a_home_that_nobody_outside_looks_at() -> None:
    assert text(Home().only_ipv4().without("phone", "laptop").picture()) == ALONE


def test_names_are_not_said_to_lead_home_where_the_home_s_address_is_not_known() -> None:
    home = Home().only_ipv4().change("phone", V4, "https", "silent").change("phone", V4, "http", "silent")
    home.server["found"]["ipv4"] = found("ipv4", "", "cgnat", "The router has 100.72.4.9 outside")
    shown = text(home.picture())
    assert "IPv4          shared by your provider (CGNAT)" in shown
    assert "nobody can say where home.example.org and media.example.org lead" in shown


def test_no_line_is_wider_than_the_terminal_but_for_what_cannot_be_folded() -> None:
    for width in (80, 100):
        assert max(map(len, text(troubled().picture(), width).splitlines())) <= width


def test_a_long_list_is_cut_with_its_number() -> None:
    assert listed("abcdefg") == "a, b, c, d and 3 more"
    assert [listed(words) for words in ("", "a", "ab", "abc", "abcde")] == ["", "a", "a and b", "a, b and c", "a, b, c, d and e"]


def test_each_finding_is_explained_to_the_owner() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \|$", (ROOT / "docs/network.md").read_text(), flags=re.MULTILINE)
    assert sorted(row[0] for row in rows) == sorted(SEVERITIES)
