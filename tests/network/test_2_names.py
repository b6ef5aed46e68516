"""The home's address changes, providers fail or refuse, state is lost: what becomes of the names, measured at the provider, in the DNS, and from the phone."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.bed import BED, Run, calls, curl, eventually, host, inventory_with, lan_prefix, line, playbook, published, serial, simulators

SETTINGS: dict[str, Any] = yaml.safe_load((BED / "vars" / "bed.yml").read_text())
ACCOUNTS: dict[str, Any] = SETTINGS["bed_accounts"]
WAN, HOME6 = SETTINGS["bed_public"]["ipv4"], SETTINGS["bed_public"]["ipv6"]
NEXT = WAN.rpartition(".")[0] + ".3"
NAME = "home-casa.duckdns.org"
SITE = "media.home-casa.duckdns.org"
ADDRESSES = {"public": ["198.51.100.0/24", "2001:db8:77::/64", "2001:db8:78::/64"]}
"""Ranges that registries reserve and that are public in this internet."""
RUN = ("--tags", "address,proxy,verify")
STATE = "/var/lib/private/exposure-ddns"
SECRETS = [account[name] for account in ACCOUNTS.values() for name in ("token", "password") if name in account]


def duckdns(variables: dict[str, Any]) -> None:
    variables["exposure_public_address"] = ADDRESSES
    variables["exposure_ddns"] = [{"provider": "duckdns", "token": ACCOUNTS["duckdns"]["token"], "hosts": [NAME]}]
    variables["exposure_sites"].append({"name": "media", "hosts": [SITE], "upstream": "http://127.0.0.1:9090"})


class House:
    """The house with a name at DuckDNS. `told`: all that the runs of the product printed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.told, self.number = folder, "", 0
        self.inventory = self.with_changes()

    def with_changes(self, *changes: Any) -> Path:
        def all_of(variables: dict[str, Any]) -> None:
            for change in (duckdns, *changes):
                change(variables)

        self.number += 1
        folder = self.folder / str(self.number)
        folder.mkdir()
        return inventory_with(folder, home=all_of)

    def run(self, inventory: Path | None = None, *options: str) -> Run:
        run = playbook("site", *RUN, *options, inventory=inventory or self.inventory)
        self.told += run.output
        return run

    def command(self, words: str) -> Any:
        done = host("home").run(f"exposure {words}")
        self.told += done.stdout + done.stderr
        return done

    def look(self) -> int:
        """What the timer starts, now. Its exit code."""
        host("home").run("systemctl start exposure-ddns.service")

        def ended() -> list[str]:
            """Nothing while a run goes on that something else started: its code is 0 so far."""
            found = host("home").run("systemctl show -P ActiveState -P ExecMainStatus exposure-ddns.service").stdout.split()
            return [] if "activating" in found else found

        return int(next(word for word in eventually(ended, 60, 0.2) if word.isdigit()))

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.command("status --json").stdout))

    def account(self, name: str = "duckdns") -> dict[str, Any]:
        return next(account for account in self.status()["accounts"] if account["account"] == name)


def follows(seconds: float = 60) -> float:
    """Seconds until the phone opens the site at the address that the router has now."""
    began = time.monotonic()
    assert eventually(lambda: curl("phone", f"https://{SITE}/", "-4", "-o", "/dev/null").rc == 0, seconds, 0.3), published(NAME)
    return time.monotonic() - began


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The first run with a name. Afterwards the house is as it was."""
    home = host("home")
    line("usual")
    simulators("reset")
    home.run(f"rm -rf {STATE}")
    home.run("mkdir -p /srv/media && echo films > /srv/media/index.html")
    home.run("systemd-run -q --unit=box-media -p WorkingDirectory=/srv/media python3 -m http.server -b 127.0.0.1 9090")
    found = House(tmp_path_factory.mktemp("names"))
    run = found.run()
    assert run.code == 0, run.output
    yield found
    line("usual")
    simulators("reset")
    home.run("systemctl stop box-media")
    back = playbook("site")
    assert back.code == 0, back.output
    assert not home.file("/etc/systemd/system/exposure-ddns.timer").exists, "what is not declared is not kept"


@pytest.fixture(autouse=True)
def usual(house: House) -> Iterator[None]:
    """Every test begins with both addresses published, seen by what watches them, and no trouble ordered."""
    line("usual")
    simulators("duckdns")

    def settled() -> bool:
        return house.look() in (0, 13) and published(NAME) == [WAN] and published(NAME, "AAAA") == [HOME6]

    assert eventually(settled, 150, 2), house.command("status").stdout
    host("home").run("systemctl restart exposure-address-watch.service && sleep 3")
    yield


def asked(provider: str, since: int = 0) -> list[dict[str, Any]]:
    return calls(provider)[since:]


@pytest.mark.proves("R01", "R02", "R04")
def test_the_first_run_publishes_both_families_and_a_second_asks_nobody(house: House) -> None:
    assert published(SITE) == [WAN]
    assert published(SITE, "AAAA") == [HOME6]
    assert curl("phone", f"https://{SITE}/").stdout == "films\n"
    before = len(calls("duckdns"))
    again = house.run()
    assert again.code == 0
    assert again.changed.get("home") == 0, again.output
    assert house.look() == 0
    assert len(calls("duckdns")) == before


@pytest.mark.proves("R03")
def test_a_new_address_is_followed_within_a_minute_and_the_certificate_stays(house: House, record_property: Any) -> None:
    before, count = serial(SITE), len(calls("duckdns"))
    began = time.monotonic()
    line("address", NEXT)
    assert eventually(lambda: published(NAME) == [NEXT], 60), house.command("status").stdout
    follows()
    record_property("seconds", round(time.monotonic() - began, 1))
    assert time.monotonic() - began < 60
    assert serial(SITE) == before
    assert published(NAME, "AAAA") == [HOME6]
    assert len(asked("duckdns", count)) == 1, "one call for both families"


@pytest.mark.proves("R03")
def test_another_ipv6_prefix_is_followed(house: House) -> None:
    lan_prefix("2001:db8:78", "2001:db8:77")
    try:
        assert eventually(lambda: published(NAME, "AAAA") == ["2001:db8:78::10"], 60), house.command("status").stdout
        assert eventually(lambda: curl("phone", f"https://{SITE}/", "-6").stdout == "films\n", 20)
    finally:
        lan_prefix("2001:db8:77", "2001:db8:78")
    assert eventually(lambda: published(NAME, "AAAA") == [HOME6], 60)


@pytest.mark.proves("B08")
def test_addresses_that_will_not_last_are_never_published(house: House) -> None:
    home = host("home")
    device = home.run(f"ip -o -6 addr show to {HOME6} | awk '{{print $2}}'").stdout.strip()
    home.run(f"sysctl -q -w net.ipv6.conf.{device}.use_tempaddr=2; ip addr add 2001:db8:77::cafe/64 dev {device} mngtmpaddr nodad")
    home.run(f"ip addr add 2001:db8:77::dead/64 dev {device} nodad preferred_lft 0")
    try:
        assert eventually(lambda: "temporary" in home.run(f"ip -6 addr show dev {device} temporary").stdout, 10)
        count = len(calls("duckdns"))
        assert house.look() == 0
        assert house.command("ddns --force").rc in (0, 13)
        assert published(NAME, "AAAA") == [HOME6]
        assert len(asked("duckdns", count)) <= 1
    finally:
        home.run(f"sysctl -q -w net.ipv6.conf.{device}.use_tempaddr=0")
        for last in ("cafe", "dead"):
            home.run(f"ip addr del 2001:db8:77::{last}/64 dev {device}")


@pytest.mark.proves("B08")
def test_a_service_that_lies_changes_no_record(house: House) -> None:
    count = len(calls("duckdns"))
    simulators("addresses", always={"body": "198.18.0.77\n"})
    simulators("resolver", always={"status": 0, "body": '"198.18.0.77"'})
    try:
        line("address", NEXT)
        house.look()
        assert published(NAME) in ([WAN], [NEXT])
        assert all("198.18.0.77" not in call["params"].values() for call in asked("duckdns", count))
    finally:
        simulators("addresses")
        simulators("resolver")


@pytest.mark.proves("R03")
def test_a_provider_that_is_down_is_tried_again_later_and_not_all_the_time(house: House) -> None:
    simulators("duckdns", down=True)
    count = len(calls("duckdns"))
    line("address", NEXT)
    assert eventually(lambda: house.account()["error"], 60)
    assert house.look() == 12
    house.look()
    assert len(asked("duckdns", count)) <= 2, "looks during the wait send nothing"
    status = house.account()
    assert status["next_try"] > time.time() and not status["stopped"]
    simulators("duckdns")
    time.sleep(max(0.0, status["next_try"] - time.time()) + 1)
    assert house.look() == 0
    assert published(NAME) == [NEXT]
    assert not house.account()["next_try"]


@pytest.mark.proves("B08")
def test_a_wrong_token_costs_one_call_and_is_told_with_the_way_out(house: House) -> None:
    garage = "garage-casa.duckdns.org"

    def second(token: str) -> Any:
        entry = {"provider": "duckdns", "name": "garage", "token": token, "hosts": [garage]}
        return lambda variables: variables["exposure_ddns"].append(entry)

    count = len(calls("duckdns"))
    run = house.run(house.with_changes(second("00000000-1f1c-4c7e-9d3a-b0c5e1d2f3a4")))
    assert run.code != 0, "the proof fails, as nothing keeps the name"
    assert garage in run.output and "token" in run.output
    assert [house.look(), house.look()] == [11, 11]
    assert [call["body"] for call in asked("duckdns", count)] == ["KO"]
    assert "exposure ddns --reset garage" in house.command("status").stdout
    assert published(NAME) == [WAN], "the other account goes on"
    right = house.run(house.with_changes(second(ACCOUNTS["duckdns"]["token"])))
    assert right.code == 0, right.output
    assert published(garage) == [WAN], "another token needs no release by hand"
    assert house.run().code == 0


@pytest.mark.proves("B08")
def test_an_account_blocked_for_abuse_is_left_in_peace_until_a_person_says_so(house: House) -> None:
    def second(variables: dict[str, Any]) -> None:
        account = ACCOUNTS["noip"]
        variables["exposure_ddns"].append({"provider": "noip", "username": account["user"], "password": account["password"], "hosts": ["home-casa.ddns.net"]})

    simulators("noip", block=[ACCOUNTS["noip"]["user"]])
    count = len(calls("noip"))
    house.run(house.with_changes(second))
    for _ in range(3):
        assert house.look() == 11
    assert [call["body"].strip() for call in asked("noip", count)] == ["abuse"]
    assert published(NAME) == [WAN], "the other account goes on"
    simulators("noip/reset")
    assert house.look() == 11, "it is not tried again by itself"
    assert house.command("ddns --reset noip").rc in (0, 13, 1, 3) and eventually(lambda: house.look() == 0, 10)
    assert published("home-casa.ddns.net") == [WAN]
    assert all(call["agent"] for call in calls("noip"))
    assert house.run().code == 0


@pytest.mark.proves("B08")
@pytest.mark.parametrize(
    "harm",
    [
        f"rm -rf {STATE}/*",
        f"echo '{{\"accounts\": [[' > {STATE}/state.json",
        f"truncate -s 0 {STATE}/state.json",
        # Every moment ten years ahead, as a wrong clock writes it.
        f"python3 -c \"import re; p='{STATE}/state.json'; s=open(p).read(); open(p,'w').write(re.sub(r'\\b1[6-9][0-9]{{8}}(\\.[0-9]+)?', '2100000000.0', s))\"",
    ],
    ids=["lost", "damaged", "empty", "from the future"],
)
def test_a_state_that_is_no_good_costs_no_burst_of_calls_and_the_next_change_is_followed(house: House, harm: str) -> None:
    count = len(calls("duckdns"))
    assert host("home").run(harm).rc == 0
    assert house.look() == 0, house.command("status").stdout
    assert house.look() == 0
    assert len(asked("duckdns", count)) <= 1
    assert published(NAME) == [WAN]
    line("address", NEXT)
    assert eventually(lambda: house.look() in (0, 13) and published(NAME) == [NEXT], 30, 2), house.command("status").stdout
    assert len(asked("duckdns", count)) <= 2


@pytest.mark.proves("R05")
@pytest.mark.parametrize(("behind", "verdict"), [(("192.168.88.2/24", "192.168.88.1"), "double_nat"), (("100.64.0.2/10", "100.64.0.1"), "cgnat")])
def test_a_home_that_cannot_be_reached_is_told_so_and_its_records_are_left_alone(house: House, behind: tuple[str, str], verdict: str) -> None:
    count = len(calls("duckdns"))
    line("behind", *behind)
    house.look()
    assert published(NAME) == [WAN]
    assert asked("duckdns", count) == []
    report = house.folder / f"{verdict}.json"
    told = playbook("diagnose", "-e", f"diagnosis_report={report}", inventory=house.inventory)
    house.told += told.output
    assert verdict in json.dumps(json.loads(report.read_text())), told.output
    assert behind[0].partition("/")[0] in told.output, "the evidence"


@pytest.mark.proves("R32")
def test_no_secret_is_seen_anywhere_but_in_its_file(house: House) -> None:
    """Last: what all runs printed, with differences and at full length, what the journal keeps, and what any user of the server can read."""
    wide = house.run(house.with_changes(lambda variables: variables["exposure_ddns"][0].update(families=["ipv4"])), "-vvv", "--diff")
    back = house.run(None, "-vvv", "--diff")
    assert (wide.code, back.code) == (0, 0)
    home = host("home")
    units = home.run("cat /etc/systemd/system/exposure-* ; systemctl show exposure-ddns.service exposure-address-watch.service").stdout
    journal = home.run("journalctl -o cat --no-pager -u 'exposure-*'").stdout
    world = home.run("find /etc/exposure /run /var/lib/private /var/lib/exposure* -xdev -type f -perm -o=r -exec cat {} + 2>/dev/null | strings").stdout
    look = "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' ' '"
    seen = home.run(f"systemctl start --no-block exposure-ddns.service; for i in $(seq 20); do {look}; sleep 0.1; done").stdout
    state = home.run(f"cat {STATE}/*").stdout
    for secret in SECRETS:
        for place, text in {"runs": house.told, "units": units, "journal": journal, "files": world, "processes": seen, "state": state}.items():
            assert secret not in text, place
    assert home.run("stat -L -c '%U %a' /etc/exposure/ddns/current/secrets.json").stdout.strip() == "root 600"
