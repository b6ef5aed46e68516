"""The internet in a box tells the truth: its providers, address services and router speak as real ones do, and clients written by others understand them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.bed import BED, calls, eventually, host, lan_prefix, line, published, simulators

SETTINGS: dict[str, Any] = yaml.safe_load((BED / "vars" / "bed.yml").read_text())
ACCOUNTS: dict[str, Any] = SETTINGS["bed_accounts"]
WAN = SETTINGS["bed_public"]["ipv4"]
NEXT = WAN.rpartition(".")[0] + ".3"
AGENT = "Homeserver exposure/linux-0.3 owner@casa.example"


@pytest.fixture(autouse=True)
def first_day() -> Iterator[None]:
    simulators("reset")
    yield
    simulators("reset")


def ask(url: str, *options: str, agent: str = AGENT, client: str = "laptop") -> tuple[int, str]:
    """Status and body of a request. 0 where no answer came."""
    words = " ".join(f"'{option}'" for option in options)
    answer = host(client).run(f"curl -sS --max-time 10 -A '{agent}' -w '\\n%{{http_code}}' {words} '{url}'")
    body, _, status = answer.stdout.rpartition("\n")
    return int(status), body.replace("\r\n", "\n").rstrip("\n")


def user(provider: str, password: str = "") -> tuple[str, str]:
    return "-u", f"{ACCOUNTS[provider]['user']}:{password or ACCOUNTS[provider].get('password') or ACCOUNTS[provider]['token']}"


DUCK = f"https://www.duckdns.org/update?token={ACCOUNTS['duckdns']['token']}&domains="
DYN = "https://members.dyndns.org/nic/update?hostname="
NOIP = "https://dynupdate.no-ip.com/nic/update?hostname="
DYNU = "https://api.dynu.com/nic/update?hostname="
DESEC = "https://update.dedyn.io/?hostname="
CLOUDFLARE = "https://api.cloudflare.com/client/v4"
RECORDS = f"{CLOUDFLARE}/zones/{ACCOUNTS['cloudflare']['zone_id']}/dns_records"
TOKEN = ("-H", f"Authorization: Token {ACCOUNTS['desec']['token']}")
BEARER = ("-H", f"Authorization: Bearer {ACCOUNTS['cloudflare']['token']}")


# --- a client written by others -------------------------------------------------------------------------------------------------------------------

DDCLIENT = {
    "duckdns": ("duckdns", "protocol=duckdns, password={token}", "home-casa", "home-casa.duckdns.org"),
    "dyndns2": ("dyndns2", "protocol=dyndns2, login={user}, password={password}", "home-casa.dyndns.org", "home-casa.dyndns.org"),
    "noip": ("noip", "protocol=noip, login={user}, password={password}", "home-casa.ddns.net", "home-casa.ddns.net"),
    "dynu": ("dynu", "protocol=dyndns2, server=api.dynu.com, login={user}, password={password}", "home-casa.freeddns.org", "home-casa.freeddns.org"),
    "desec": ("desec", "protocol=dyndns2, server=update.dedyn.io, login={domain}, password={token}", "home-casa.dedyn.io", "home-casa.dedyn.io"),
    "cloudflare": ("cloudflare", "protocol=cloudflare, zone={zone}, login=token, password={token}", "home.casa-cf.example", "home.casa-cf.example"),
}


def ddclient(account: str, name: str, **wrong: str) -> str:
    """One run of Debian's ddclient on the laptop: what it said."""
    provider, words, _, _ = DDCLIENT[account]
    secret = {**ACCOUNTS[provider], **wrong}
    text = f"daemon=0\nssl=yes\nusev4=webv4, webv4=https://api.ipify.org/\n{words.format(**secret)} \\\n{name}\n"
    run = "ddclient -daemon=0 -noquiet -verbose -file /root/ddclient.conf -cache /root/ddclient.cache 2>&1"
    script = f"umask 077; cat > /root/ddclient.conf; rm -f /root/ddclient.cache; {run}"
    done = subprocess.run(["docker", "exec", "-i", "laptop", "sh", "-c", script], input=text, text=True, capture_output=True, timeout=60, check=False)
    return done.stdout


@pytest.mark.parametrize("account", DDCLIENT)
def test_ddclient_publishes_the_home_s_address_at_the_provider_and_the_name_resolves(account: str) -> None:
    _, _, name, record = DDCLIENT[account]
    if account == "cloudflare":
        assert ask(RECORDS, *BEARER, "-d", '{"type": "A", "name": "home", "content": "192.0.2.9", "ttl": 60}')[0] == 200
    said = ddclient(account, name)
    assert published(record) == [WAN], said
    assert "SUCCESS" in said
    assert host("phone").run(f"dig +short {record}").stdout.split() == [WAN]


@pytest.mark.parametrize(
    ("account", "wrong"), [("duckdns", {"token": "0"}), ("dyndns2", {"password": "0"}), ("noip", {"password": "0"}), ("desec", {"token": "0"})]
)
def test_ddclient_reports_a_refusal_and_nothing_is_published(account: str, wrong: dict[str, str]) -> None:
    _, _, name, record = DDCLIENT[account]
    said = ddclient(account, name, **wrong)
    assert "FAILED" in said, said
    assert published(record) == []


def test_sub_names_at_duckdns_follow_the_name_and_its_one_text_is_seen_under_all_of_them() -> None:
    assert ask(f"{DUCK}home-casa&ip={WAN}&ipv6=2001:db8:77::10&verbose=true") == (200, f"OK\n{WAN}\n2001:db8:77::10\nUPDATED")
    assert published("home-casa.duckdns.org") == published("media.home-casa.duckdns.org") == [WAN]
    assert published("media.home-casa.duckdns.org", "AAAA") == ["2001:db8:77::10"]
    assert ask(f"{DUCK}home-casa&txt=proof") == (200, "OK")
    assert published("_acme-challenge.home-casa.duckdns.org", "TXT") == ['"proof"']
    assert ask(f"{DUCK}home-casa&txt=proof&clear=true") == (200, "OK")
    assert published("_acme-challenge.home-casa.duckdns.org", "TXT") == []
    assert published("home-casa.duckdns.org") == [WAN]
    assert ask(f"{DUCK}home-casa&clear=true") == (200, "OK")
    assert published("home-casa.duckdns.org") == published("home-casa.duckdns.org", "AAAA") == []


# --- the rules that providers write down ----------------------------------------------------------------------------------------------------------

REFUSALS = {
    "duckdns without a token": ("https://www.duckdns.org/update?domains=home-casa", (), AGENT, 200, "KO"),
    "duckdns with another's name": (f"{DUCK}somebody", (), AGENT, 200, "KO"),
    "duckdns with a sub-name": (f"{DUCK}media.home-casa", (), AGENT, 200, "KO"),
    "duckdns with no address": (f"{DUCK}home-casa&ip=here", (), AGENT, 200, "KO"),
    "dyn with a wrong password": (f"{DYN}home-casa.dyndns.org", user("dyndns2", "0"), AGENT, 401, "badauth"),
    "dyn with the name of a library": (f"{DYN}home-casa.dyndns.org", user("dyndns2"), "Python-urllib/3.13", 200, "badagent"),
    "dyn with another's name": (f"{DYN}somebody.dyndns.org", user("dyndns2"), AGENT, 200, "nohost"),
    "dyn with half a name": (f"{DYN}home-casa", user("dyndns2"), AGENT, 200, "notfqdn"),
    "dyn without a name": (DYN, user("dyndns2"), AGENT, 200, "notfqdn"),
    "dyn with more than twenty names": (DYN + ",".join(f"n{n}.dyndns.org" for n in range(21)), user("dyndns2"), AGENT, 200, "numhost"),
    "no-ip with a wrong password": (f"{NOIP}home-casa.ddns.net", user("noip", "0"), AGENT, 401, "badauth"),
    "no-ip with what must be paid for": (f"{NOIP}home-casa.ddns.net&offline=YES", user("noip"), AGENT, 200, "!donator"),
    "no-ip with the name of a tool": (f"{NOIP}home-casa.ddns.net", user("noip"), "curl/8.14", 200, "badagent"),
    "dynu with a wrong password": (f"{DYNU}home-casa.freeddns.org", user("dynu", "0"), AGENT, 200, "badauth"),
    "dynu with another's name": (f"{DYNU}somebody.freeddns.org", user("dynu"), AGENT, 200, "nohost"),
    "desec with a wrong token": (f"{DESEC}home-casa.dedyn.io", user("desec", "0"), AGENT, 401, "badauth"),
    "desec with another's name": (f"{DESEC}somebody.dedyn.io", TOKEN, AGENT, 404, "nohost"),
    "cloudflare with a wrong token": (f"{CLOUDFLARE}/user/tokens/verify", ("-H", "Authorization: Bearer " + "x" * 40), AGENT, 401, '"code": 1000'),
    "cloudflare with a malformed token": (f"{CLOUDFLARE}/zones", ("-H", "Authorization: Bearer short"), AGENT, 400, '"code": 6111'),
    "cloudflare in another's zone": (f"{CLOUDFLARE}/zones/{'0' * 32}/dns_records", BEARER, AGENT, 403, '"code": 10000'),
    "cloudflare with no address": (RECORDS, (*BEARER, "-d", '{"type": "A", "name": "a", "content": "here"}'), AGENT, 400, '"code": 9005'),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_provider_refuses_in_the_words_of_the_real_one(case: str) -> None:
    url, options, agent, status, words = REFUSALS[case]
    answered, body = ask(url, *options, agent=agent)
    assert answered == status, body
    assert words in body if words.startswith('"') else body == words


def test_each_name_of_a_call_has_its_line_in_its_order() -> None:
    hosts = "home-casa.dyndns.org,somebody.dyndns.org,garage-casa.dyndns.org"
    assert ask(f"{DYN}{hosts}&myip={WAN},2001:db8:77::10", *user("dyndns2")) == (
        200, f"good {WAN},2001:db8:77::10\nnohost\ngood {WAN},2001:db8:77::10",
    )  # fmt: skip
    assert published("garage-casa.dyndns.org", "AAAA") == ["2001:db8:77::10"]


@pytest.mark.parametrize(("provider", "url"), [("dyndns2", f"{DYN}home-casa.dyndns.org"), ("noip", f"{NOIP}home-casa.ddns.net")])
def test_updates_that_change_nothing_end_in_a_block(provider: str, url: str) -> None:
    said = [ask(f"{url}&myip={WAN}", *user(provider))[1] for _ in range(6)]
    assert said == [f"good {WAN}", *[f"nochg {WAN}"] * 3, "abuse", "abuse"]
    assert ask(f"{url}&myip={NEXT}", *user(provider))[1] == "abuse", "a change does not help any more"


def test_dynu_sets_a_family_that_is_not_named_unless_it_is_told_no() -> None:
    assert ask(f"{DYNU}home-casa.freeddns.org&myipv6=2001:db8:77::10", *user("dynu"), "-4") == (200, f"good {WAN},2001:db8:77::10")
    assert published("home-casa.freeddns.org") == [WAN]
    assert ask(f"{DYNU}home-casa.freeddns.org&myip=no&myipv6=2001:db8:77::11", *user("dynu"), "-4") == (200, "good 2001:db8:77::11")
    assert published("home-casa.freeddns.org") == [WAN]


def test_desec_deletes_a_family_that_nobody_names_keeps_one_on_request_and_knows_prefixes() -> None:
    assert ask(f"{DESEC}home-casa.dedyn.io&myipv4={WAN}&myipv6=2001:db8:77::10", *TOKEN, "-4") == (200, "good")
    assert ask(f"{DESEC}home-casa.dedyn.io&myipv4=preserve&myipv6=2001:db8:78::/64", *TOKEN, "-4") == (200, "good")
    assert (published("home-casa.dedyn.io"), published("home-casa.dedyn.io", "AAAA")) == ([WAN], ["2001:db8:78::10"])
    status, said = ask(f"{DESEC}home-casa.dedyn.io&myipv4={WAN}", *TOKEN, "-4")
    assert (status, "throttled" in said) == (429, True), "two updates in two minutes are all"
    assert "retry-after:" in host("laptop").run(f"curl -sS -D - -o /dev/null -H '{TOKEN[1]}' '{DESEC}home-casa.dedyn.io'").stdout.lower()
    simulators("reset")
    assert ask(f"{DESEC}home-casa.dedyn.io&myipv6=2001:db8:77::10", *TOKEN, "-4") == (200, "good")
    assert published("home-casa.dedyn.io") == [WAN], "from the connection"
    assert ask(f"{DESEC}home-casa.dedyn.io&myipv4={WAN}", *TOKEN, "-4") == (200, "good")
    assert published("home-casa.dedyn.io", "AAAA") == [], "deleted: nobody named it, and the connection has none"


def test_cloudflare_keeps_the_rest_of_a_record_hides_proxied_ones_and_refuses_twins() -> None:
    made = json.loads(ask(RECORDS, *BEARER, "-d", json.dumps({"type": "A", "name": "home", "content": WAN, "ttl": 120, "comment": "mine"}))[1])["result"]
    assert json.loads(ask(RECORDS, *BEARER, "-d", json.dumps({"type": "A", "name": "home", "content": WAN}))[1])["errors"][0]["code"] == 81058
    one = f"{RECORDS}/{made['id']}"
    changed = json.loads(ask(one, *BEARER, "-X", "PATCH", "-d", json.dumps({"content": NEXT}))[1])["result"]
    assert (changed["content"], changed["ttl"], changed["comment"]) == (NEXT, 120, "mine")
    assert published("home.casa-cf.example") == [NEXT]
    assert ask(one, *BEARER, "-X", "PATCH", "-d", '{"proxied": true}')[0] == 200
    assert published("home.casa-cf.example") not in ([NEXT], [])
    listed = json.loads(ask(f"{RECORDS}?type=A&name=home.casa-cf.example", *BEARER)[1])["result"]
    assert [(record["content"], record["proxied"]) for record in listed] == [(NEXT, True)]
    assert ask(one, *BEARER, "-X", "DELETE")[0] == 200
    assert published("home.casa-cf.example") == []


def test_trouble_comes_when_a_test_orders_it_and_goes_again() -> None:
    simulators("noip", answers=[{"status": 500, "body": "911\r\n"}, {"status": 429, "headers": {"Retry-After": "77"}}])
    assert ask(f"{NOIP}home-casa.ddns.net", *user("noip")) == (500, "911")
    assert ask(f"{NOIP}home-casa.ddns.net", *user("noip"))[0] == 429
    assert ask(f"{NOIP}home-casa.ddns.net&myip={WAN}", *user("noip")) == (200, f"good {WAN}")
    simulators("noip", down=True)
    assert ask(f"{NOIP}home-casa.ddns.net", *user("noip"))[0] == 0
    simulators("noip", block=[ACCOUNTS["noip"]["user"]])
    assert ask(f"{NOIP}home-casa.ddns.net&myip={NEXT}", *user("noip")) == (200, "abuse")
    assert [call["status"] for call in calls("noip")] == [500, 429, 200, 0, 200]


def test_no_secret_is_noted_of_all_that_was_asked() -> None:
    ask(f"{DUCK}home-casa")
    ask(f"https://www.duckdns.org/update/home-casa/{ACCOUNTS['duckdns']['token']}/{WAN}")
    ask(f"https://api.dynu.com/nic/update?username={ACCOUNTS['dynu']['user']}&password={ACCOUNTS['dynu']['password']}", agent="dynu")
    ask(f"{CLOUDFLARE}/zones", *BEARER)
    noted = host("isp").file("/var/log/providers.jsonl").content_string
    assert len(noted.splitlines()) == 4
    for account in ACCOUNTS.values():
        assert not any(account[name] in noted for name in ("token", "password") if name in account)


# --- who asks -------------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["https://api.ipify.org", "https://ipv4.icanhazip.com", "https://checkipv4.dedyn.io", "https://checkip.amazonaws.com"])
def test_services_see_the_home_at_its_public_address(url: str) -> None:
    assert ask(url) == (200, WAN)


@pytest.mark.parametrize("url", ["https://api6.ipify.org", "https://ipv6.icanhazip.com", "https://checkipv6.dedyn.io"])
def test_services_see_a_machine_at_its_own_ipv6_address(url: str) -> None:
    assert ask(url) == (200, "2001:db8:77::20")


@pytest.mark.parametrize(("server", "question", "seen"), [
    ("1.1.1.1", "whoami.cloudflare CH TXT", f'"{WAN}"'), ("2606:4700:4700::1111", "whoami.cloudflare CH TXT", '"2001:db8:77::20"'),
    ("208.67.222.222", "myip.opendns.com A", WAN), ("2620:119:35::35", "myip.opendns.com AAAA", "2001:db8:77::20"),
])  # fmt: skip
def test_resolvers_with_known_addresses_tell_who_asks_over_tls(server: str, question: str, seen: str) -> None:
    name = "one.one.one.one" if "cloudflare" in question else "dns.opendns.com"
    assert host("laptop").run(f"dig +short +time=3 +tries=1 +tls +tls-ca +tls-hostname={name} @{server} {question}").stdout.strip() == seen


def test_a_service_can_be_made_to_lie() -> None:
    simulators("addresses", always={"body": "<html>Service moved</html>", "kind": "text/html"})
    assert ask("https://api.ipify.org") == (200, "<html>Service moved</html>")


# --- the router and its line ----------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def usual_line() -> Iterator[None]:
    line("usual")
    yield
    line("usual")


def upnpc(words: str) -> str:
    return str(host("laptop").run(f"upnpc -u http://192.168.77.1:5000/rootDesc.xml {words}").stdout)


def refused_mapping(client: str, outside: int, address: str) -> str:
    """The UPnP error code that a machine gets which asks for a port (WANIPConnection:1, AddPortMapping), '' where it is given to it."""
    fields = {"RemoteHost": "", "ExternalPort": outside, "Protocol": "TCP", "InternalPort": 80, "InternalClient": address, "Enabled": 1}
    fields |= {"PortMappingDescription": "thief", "LeaseDuration": 600}
    service = "urn:schemas-upnp-org:service:WANIPConnection:1"
    inner = "".join(f"<New{name}>{value}</New{name}>" for name, value in fields.items())
    envelope = (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">'
        f'<s:Body><u:AddPortMapping xmlns:u="{service}">{inner}</u:AddPortMapping></s:Body></s:Envelope>'
    )
    program = f"""
import re, urllib.error, urllib.request
headers = {{"SOAPAction": '"{service}#AddPortMapping"', "Content-Type": "text/xml"}}
try:
    urllib.request.urlopen(urllib.request.Request("http://192.168.77.1:5000/ctl/IPConn", {envelope.encode()!r}, headers), timeout=5)
except urllib.error.HTTPError as error:
    print(re.search("<errorCode>([0-9]+)", error.read().decode())[1])
"""
    done = subprocess.run(["docker", "exec", "-i", client, "python3", "-"], input=program, text=True, capture_output=True, timeout=30, check=True)
    return done.stdout.strip()


def natpmp_address() -> str:
    """What the router says over NAT-PMP (RFC 6886) is its public address."""
    program = "import socket; s = socket.socket(2, 2); s.settimeout(2); s.sendto(bytes(2), ('192.168.77.1', 5351)); print(socket.inet_ntoa(s.recv(12)[8:]))"
    return str(host("laptop").run(f'python3 -c "{program}"').stdout.strip())


def test_the_router_is_found_and_a_mapping_reaches_the_machine_that_asked_for_it(usual_line: None) -> None:
    laptop = host("laptop")
    assert "InternetGatewayDevice" in laptop.run("upnpc -s").stdout, "found by multicast"
    laptop.run("systemd-run -q --unit=box-web -p WorkingDirectory=/etc/apt python3 -m http.server -b 192.168.77.20 8080")
    try:
        assert "is redirected to internal 192.168.77.20:8080" in upnpc("-e box -a 192.168.77.20 8080 18080 TCP 600")
        assert eventually(lambda: ask(f"http://{WAN}:18080/", client="phone")[0] == 200, 10)
        assert "18080->192.168.77.20:8080  'box'" in upnpc("-l")
        assert refused_mapping("home", 18080, "192.168.77.10") == "718", "what one machine has, another does not get"
        assert refused_mapping("home", 18081, "192.168.77.20") == "606", "nobody maps for others"
        upnpc("-d 18080 TCP")
        assert ask(f"http://{WAN}:18080/", client="phone")[0] == 0
    finally:
        laptop.run("systemctl stop box-web")


@pytest.mark.parametrize(("words", "address", "seen"), [
    (("usual",), WAN, WAN), (("address", NEXT), NEXT, NEXT),
    (("behind", "192.168.88.2/24", "192.168.88.1"), "192.168.88.2", WAN), (("behind", "100.64.0.2/10", "100.64.0.1"), "100.64.0.2", WAN),
])  # fmt: skip
def test_the_router_tells_the_address_of_its_line_and_the_world_sees_the_public_one(usual_line: None, words: tuple[str, ...], address: str, seen: str) -> None:
    line(*words)
    assert eventually(natpmp_address, 10) == address
    assert f"ExternalIPAddress = {address}" in upnpc("-s")
    assert ask("https://api.ipify.org") == (200, seen)
    assert ask("https://api6.ipify.org") == (200, "2001:db8:77::20")


def test_another_ipv6_prefix_is_seen_outside_and_comes_back(usual_line: None) -> None:
    lan_prefix("2001:db8:78", "2001:db8:77")
    try:
        assert ask("https://api6.ipify.org") == (200, "2001:db8:78::20")
        assert host("phone").run("ping -6 -c1 -W2 2001:db8:78::10").rc == 0
    finally:
        lan_prefix("2001:db8:77", "2001:db8:78")
    assert ask("https://api6.ipify.org") == (200, "2001:db8:77::20")
