"""Files as apps write them, before and after they are set: only the lines that have to change do."""

from __future__ import annotations

import ast
import configparser
import difflib
import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
import yaml

from plugins.module_utils.apps.lines import FORMATS

GOLDEN = Path(__file__).parent / "golden"
PROXIES = ["172.30.4.17", "fd00::17"]


def changed(name: str, kind: str, wanted: dict[str, Any], root: str = "") -> tuple[str, list[str], list[str]]:
    """The text of a golden file after it is set, with the lines that went and those that came. It is set once, and then it stays."""
    before = (GOLDEN / f"{name}.before").read_bytes().decode()
    after = FORMATS[kind](before, wanted, name, root)
    assert FORMATS[kind](after, wanted, name, root) == after
    rows = [row for row in difflib.ndiff(before.splitlines(), after.splitlines()) if row[:1] in "+-"]
    return after, [row[2:] for row in rows if row.startswith("-")], [row[2:] for row in rows if row.startswith("+")]


@pytest.mark.proves("R44")
def test_jellyfin_is_told_its_proxies_and_that_it_speaks_ipv6_in_the_file_that_it_reads() -> None:
    """Element names, the array of `string` and the words true and false are those of .NET's XmlSerializer for NetworkConfiguration.cs (10.11)."""
    wanted = {"KnownProxies": {"string": PROXIES}, "EnableIPv6": True, "PublicHttpsPort": 443}
    after, gone, come = changed("network.xml", "xml", wanted, "NetworkConfiguration")
    assert gone == ["  <PublicHttpsPort>8920</PublicHttpsPort>", "  <EnableIPv6>false</EnableIPv6>", "  <KnownProxies />"]
    assert come == [
        "  <PublicHttpsPort>443</PublicHttpsPort>",
        "  <EnableIPv6>true</EnableIPv6>",
        "  <KnownProxies>",
        "    <string>172.30.4.17</string>",
        "    <string>fd00::17</string>",
        "  </KnownProxies>",
    ]
    root = ElementTree.fromstring(after)
    assert root.tag == "NetworkConfiguration" and [one.text for one in root.findall("KnownProxies/string")] == PROXIES
    assert not after.endswith("\n")


def test_jellyfin_forgets_a_proxy_that_is_one_no_more() -> None:
    told = FORMATS["xml"]((GOLDEN / "network.xml.before").read_text(), {"KnownProxies": {"string": PROXIES}}, "network.xml", "NetworkConfiguration")
    after = FORMATS["xml"](told, {"KnownProxies": {"string": ["172.30.4.33"]}}, "network.xml", "NetworkConfiguration")
    assert [one.text for one in ElementTree.fromstring(after).findall("KnownProxies/string")] == ["172.30.4.33"]
    none = FORMATS["xml"](after, {"KnownProxies": {"string": []}}, "network.xml", "NetworkConfiguration")
    assert [*ElementTree.fromstring(none).findall("KnownProxies/string")] == []
    assert FORMATS["xml"](none, {"KnownProxies": {"string": []}}, "network.xml", "NetworkConfiguration") == none


def test_plex_is_told_its_public_address_in_an_attribute() -> None:
    wanted = {"@customConnections": "https://plex.example.org:443", "@secureConnections": "1"}
    after, gone, come = changed("Preferences.xml", "xml", wanted, "Preferences")
    assert len(gone) == len(come) == 1 and 'PlexOnlineToken="precious"' in after
    assert ElementTree.fromstring(after).attrib["customConnections"] == "https://plex.example.org:443"


def test_adguard_home_is_told_its_proxies_and_keeps_all_else() -> None:
    after, gone, come = changed("AdGuardHome.yaml", "yaml", {"dns": {"trusted_proxies": PROXIES}, "tls": {"allow_unencrypted_doh": True}})
    assert gone == ["    - 127.0.0.0/8", "    - ::1/128", "  allow_unencrypted_doh: false"]
    assert come == ["    - 172.30.4.17", '    - "fd00::17"', "  allow_unencrypted_doh: true"]
    assert yaml.safe_load(after)["dns"]["trusted_proxies"] == PROXIES


def test_adguard_home_whose_proxies_are_no_more_has_a_list_and_not_nothing() -> None:
    after, _, come = changed("AdGuardHome.yaml", "yaml", {"dns": {"trusted_proxies": []}})
    assert come == ["    []"] and yaml.safe_load(after)["dns"]["trusted_proxies"] == []


def test_synapse_keeps_its_owner_s_comments_secrets_and_includes() -> None:
    listeners = [{"port": 8008, "tls": False, "type": "http", "x_forwarded": True, "resources": [{"names": ["client", "federation"], "compress": False}]}]
    wanted = {"public_baseurl": "https://matrix.example.org/", "listeners": listeners, "database": {"args": {"cp_max": 10}}, "report_stats": False}
    after, gone, come = changed("homeserver.yaml", "yaml", wanted)
    assert gone == [] and come == ["    cp_max: 10", 'public_baseurl: "https://matrix.example.org/"']
    assert "macaroon_secret_key: !secret macaroon\n# who may be asked for keys\n" in after and "others: !include others.yaml\n" in after


def test_a_list_of_blocks_is_replaced_as_a_whole() -> None:
    after, _, come = changed("homeserver.yaml", "yaml", {"listeners": [{"port": 8008, "x_forwarded": True}]})
    assert come == ['  - {"port": 8008, "x_forwarded": true}'] and "\ndatabase:\n  name: sqlite3\n" in after


def test_zigbee2mqtt_gets_a_token_and_keeps_its_devices() -> None:
    after, gone, come = changed("configuration.yaml", "yaml", {"frontend": {"auth_token": "12345", "enabled": True}, "groups": {"1": {"friendly_name": "all"}}})
    assert gone == ["groups: {}"] and come == ['  auth_token: "12345"', "groups:", '  "1":', '    friendly_name: "all"']
    assert yaml.safe_load(after)["frontend"] == {"auth_token": "12345", "enabled": True, "port": 8080}


def test_emoncms_is_told_its_domain_above_all_sections() -> None:
    wanted = {"": {"domain": "energy.example.org"}, "mqtt": {"enabled": True, "user": "emon", "host": "mosquitto"}, "sql": {"password": "x-_Y9"}}
    after, gone, come = changed("settings.ini", "ini", wanted)
    assert gone == ["domain = false", 'password = "a;b#c"   ; quoted, so no comment begins in it', "enabled = false", "user = 'username'"]
    assert come == [
        "domain = energy.example.org",
        'password = "x-_Y9"   ; quoted, so no comment begins in it',
        "enabled = true",
        "user = 'emon'",
        'host = "mosquitto"',
    ]
    assert after.index('host = "mosquitto"') < after.index("[feed]")
    read = configparser.ConfigParser(inline_comment_prefixes=(";",), strict=False)
    read.read_string(f"[top]\n{after}")
    assert read["top"]["domain"] == "energy.example.org" and read["mqtt"]["host"] == '"mosquitto"'


def test_the_registry_knows_that_its_visitors_come_over_https() -> None:
    wanted = {"SECURE_PROXY_SSL_HEADER": {"tuple": ["HTTP_X_FORWARDED_PROTO", "https"]}, "CSRF_TRUSTED_ORIGINS": ["https://hub.example.org"]}
    after, gone, come = changed("secrets.py", "python", wanted)
    assert gone == []
    assert come == [
        "# BEGIN homeserver.exposure",
        "SECURE_PROXY_SSL_HEADER = ('HTTP_X_FORWARDED_PROTO', 'https')",
        "CSRF_TRUSTED_ORIGINS = ['https://hub.example.org']",
        "# END homeserver.exposure",
    ]
    assert ast.literal_eval(ast.parse(after).body[-2].value) == ("HTTP_X_FORWARDED_PROTO", "https")  # type: ignore[attr-defined]
    less = FORMATS["python"](after, {"SESSION_COOKIE_SECURE": True}, "secrets.py", "")
    assert less == (GOLDEN / "secrets.py.before").read_text() + "# BEGIN homeserver.exposure\nSESSION_COOKIE_SECURE = True\n# END homeserver.exposure\n"


def test_json_keeps_its_order_its_numbers_and_its_letters() -> None:
    wanted = {"proxy": {"known": PROXIES, "depth": {"most": 1}}, "empty": {"a": None}, "new": [True]}
    after, gone, come = changed("appsettings.json", "json", wanted)
    assert gone == ['        "known": ["127.0.0.1"],', '        "enabled": false', '    "empty": {}']
    assert '"ratio": 1.10,\n    "huge": 123456789012345678901234567890,\n    "name": "caf\\u00e9 ☕",\n' in after
    assert json.loads(after)["proxy"] == {"known": PROXIES, "enabled": False, "depth": {"most": 1}}
    assert come[:4] == ['        "known": [', '            "172.30.4.17",', '            "fd00::17"', "        ],"]
