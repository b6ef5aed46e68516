"""Apps of the catalogue behind the engine: each sees the client outside, over https and by its own name, and gets what it needs of its proxy."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.bed import PHONE, Run, curl, eventually, host, playbook, serial

FORGED = ("-H", "X-Forwarded-For: 1.2.3.4", "-H", "X-Real-IP: 1.2.3.4", "-H", "Forwarded: for=1.2.3.4", "-H", "X-Forwarded-Proto: http")
pytestmark = pytest.mark.usefixtures("deployed")


def name(app: str) -> str:
    return f"{app}.bench.casa.example"


def fetched(app: str, path: str, *options: str) -> tuple[int, dict[str, str], str]:
    """Status, headers and body of a page, asked for by the phone."""
    answer = curl("phone", f"https://{name(app)}{path}", "-i", *options)
    assert answer.rc == 0, answer.stderr
    head, _, body = answer.stdout.replace("\r\n", "\n").partition("\n\n")
    lines = head.splitlines()
    return int(lines[0].split()[1]), {key.lower(): value for key, _, value in (line.partition(": ") for line in lines[1:])}, body


def upgraded(app: str, path: str) -> bool:
    wished = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
    headers = " ".join(f"-H '{line}'" for line in wished)
    answer = host("phone").run(f"curl -sS --http1.1 -i -N --max-time 3 {headers} https://{name(app)}{path}")
    return "101 Switching" in answer.stdout


def log_of(stack: str, pattern: str) -> list[str]:
    """What a container's log says, by a pattern with one group."""
    shown = host("home").run(f"docker compose -p {stack} logs --no-log-prefix --tail 200")
    return re.findall(pattern, shown.stdout + shown.stderr)


@pytest.mark.proves("B13", "B12")
def test_a_second_run_changes_nothing(inventory: Path) -> None:
    run = playbook("site", inventory=inventory)
    assert run.code == 0, run.output
    assert set(run.changed.values()) == {0}, run.output


@pytest.mark.proves("R44", "R43", "B03")
@pytest.mark.parametrize("family", ["4", "6"])
def test_jellyfin_logs_the_client_outside_and_not_what_it_claims(family: str) -> None:
    assert fetched("media", "/Users/AuthenticateByName", f"-{family}", "-X", "POST", "-d", "{}", *FORGED)[0] == 401
    log = host("home").run("cat /srv/exposure/media/config/log/log_*.log").stdout
    assert re.findall(r'denied \(IP: "([^"]+)"\)', log)[-1] == PHONE[family]


@pytest.mark.proves("R44")
def test_jellyfin_knows_the_address_by_which_it_is_reached_and_keeps_its_metrics_to_itself() -> None:
    assert json.loads(fetched("media", "/System/Info/Public")[2])["LocalAddress"] == f"https://{name('media')}"
    assert fetched("media", "/metrics")[0] == 404
    assert upgraded("media", "/socket")


@pytest.mark.proves("R44", "R52")
def test_a_jellyfin_that_forgot_its_proxy_is_told_again_and_keeps_what_its_owner_set(inventory: Path) -> None:
    home, file = host("home"), "/srv/exposure/media/config/config/network.xml"
    forget, own = "s|<string>[^<]*</string>|<string>10.9.8.7</string>|", "s|</NetworkConfiguration>|  <BaseUrl>/films</BaseUrl>\\n&|"
    home.run(f"docker stop media-jellyfin-1; sed -i '{forget}; {own}' {file}")
    home.run("docker start media-jellyfin-1")
    assert eventually(lambda: fetched("media", "/health")[0] == 200)
    fetched("media", "/Users/AuthenticateByName", "-X", "POST", "-d", "{}")
    log = "cat /srv/exposure/media/config/log/log_*.log"
    assert re.findall(r'denied \(IP: "([^"]+)"\)', home.run(log).stdout)[-1].startswith("172.30.")
    run = playbook("site", inventory=inventory)
    assert run.code == 0, run.output
    fetched("media", "/Users/AuthenticateByName", "-X", "POST", "-d", "{}")
    assert re.findall(r'denied \(IP: "([^"]+)"\)', home.run(log).stdout)[-1] in PHONE.values()
    assert "<BaseUrl>/films</BaseUrl>" in home.file(file).content_string
    assert home.run(f"ls {file}*.bak").rc == 0


@pytest.mark.proves("R45", "R43", "B03")
@pytest.mark.parametrize("family", ["4", "6"])
def test_nextcloud_believes_its_proxy_alone(family: str) -> None:
    status, headers, _ = fetched("cloud", "/login", f"-{family}", *FORGED)
    assert status == 200 and "Secure" in headers["set-cookie"], "the log-in goes in a circle"
    status, headers, _ = fetched("cloud", "/login", f"-{family}", "-X", "POST", *FORGED)
    assert (status, headers["location"]) == (303, f"https://{name('cloud')}/login")
    log = host("home").file("/srv/exposure/cloud/html/data/nextcloud.log").content_string
    assert json.loads(log.splitlines()[-1])["remoteAddr"] == PHONE[family]


@pytest.mark.proves("R45")
def test_calendars_and_contacts_find_nextcloud_by_its_well_known_addresses() -> None:
    for service in ("carddav", "caldav"):
        status, headers, _ = fetched("cloud", f"/.well-known/{service}")
        assert (status, headers["location"].removeprefix(f"https://{name('cloud')}")) == (301, "/remote.php/dav")
    assert fetched("cloud", "/remote.php/dav", "-X", "PROPFIND")[0] == 401


@pytest.mark.proves("R45")
def test_a_further_name_of_nextcloud_is_told_to_it_although_it_is_installed(inventory: Path) -> None:
    run = changed_sites(inventory, "cloud", ["cloud.bench.casa.example", "wolke.bench.casa.example"])
    try:
        assert run.code == 0, run.output
        answer = curl("phone", "https://wolke.bench.casa.example/login", "-o", "/dev/null", "-w", "%{http_code}")
        assert answer.stdout == "200", answer.stderr
    finally:
        run = changed_sites(inventory, "cloud", ["cloud.bench.casa.example"])
    assert run.code == 0, run.output


@pytest.mark.proves("R19")
def test_a_body_as_large_as_the_app_takes_goes_through() -> None:
    host("phone").run("truncate -s 70M /tmp/large")
    answer = host("phone").run(f"curl -sS --max-time 60 -o /dev/null -w '%{{http_code}}' -T /tmp/large https://{name('cloud')}/remote.php/dav/large")
    assert answer.stdout == "401", answer.stderr


@pytest.mark.proves("R47", "R26")
def test_tao_ends_tls_itself_and_is_reached_by_its_own_name_in_its_own_language() -> None:
    its_own = f"openssl x509 -noout -serial -in /srv/exposure/exam/caddy/certificates/*/{name('exam')}/{name('exam')}.crt"
    assert serial(name("exam")) == host("home").run(its_own).stdout != ""
    status, headers, _ = fetched("exam", "/")
    assert (status, headers["location"]) == (302, "/portal/")
    assert "defaultLocale: fr-FR" in host("home").run("docker exec exam-tao-1 cat /etc/tao-ce/config/tao.yaml").stdout


@pytest.mark.proves("R47", "R59")
def test_another_domain_for_tao_is_refused_before_anything_is_touched(inventory: Path) -> None:
    try:
        run = changed_sites(inventory, "exam", ["test.bench.casa.example"])
        assert run.code != 0 and "exposure_confirm: [exam]" in run.output, run.output
        assert "exam.bench.casa.example" in run.output
    finally:
        run = changed_sites(inventory, "exam", ["exam.bench.casa.example"])
    assert run.code == 0 and set(run.changed.values()) == {0}, run.output
    assert host("home").file("/srv/exposure/exam/lib/domain").content_string == name("exam")


@pytest.mark.proves("B03", "R43")
def test_synapse_serves_its_clients_and_servers_and_shows_nobody_its_administration() -> None:
    assert "versions" in json.loads(fetched("matrix", "/_matrix/client/versions")[2])
    assert fetched("matrix", "/_synapse/admin/v1/server_version")[0] == 404
    status, headers, body = fetched("matrix", "/.well-known/matrix/server")
    assert status == 200 and json.loads(body) == {"m.server": f"{name('matrix')}:443"}
    assert headers["content-type"].startswith("application/json")
    assert json.loads(fetched("matrix", "/.well-known/matrix/client")[2])["m.homeserver"]["base_url"].rstrip("/") == f"https://{name('matrix')}"


@pytest.mark.proves("B03", "R43")
@pytest.mark.parametrize("family", ["4", "6"])
def test_synapse_logs_the_client_outside(family: str) -> None:
    marker = f"/_matrix/client/v3/publicRooms?server=nobody{family}.example"
    fetched("matrix", marker, f"-{family}", *FORGED)
    found = eventually(lambda: log_of("matrix", rf"- (\S+) - 8008 - .*nobody{family}\.example"), 10)
    assert found and found[-1] == PHONE[family]


@pytest.mark.proves("R15", "B13")
def test_node_red_serves_its_editor_and_keeps_a_websocket() -> None:
    status, _, body = fetched("flows", "/")
    assert status == 200 and "Node-RED" in body
    assert upgraded("flows", "/comms")


@pytest.mark.proves("B03", "B13")
def test_radicale_logs_the_client_outside() -> None:
    assert fetched("dav", "/.web/", *FORGED)[0] in (200, 302)
    found = eventually(lambda: log_of("dav", r"forwarded for '([^']+)'"), 10)
    assert found and found[-1] in PHONE.values()


@pytest.mark.proves("R56")
@pytest.mark.parametrize("client", ["phone", "laptop"])
def test_no_port_of_an_app_is_reachable_past_the_proxy(client: str) -> None:
    published = host("home").run("docker ps --format '{{.Ports}}'").stdout
    ports = sorted(set(re.findall(r":(\d+)->", published)))
    assert len(ports) >= 6 and "0.0.0.0" not in published and "[::]" not in published
    for port in ports:
        for address in ("192.168.77.10", "198.51.100.2"):
            answer = host(client).run(f"curl -sk --max-time 2 -o /dev/null https://{address}:{port}/")
            assert answer.rc in (7, 28), f"{client} came to {address}:{port}"


def changed_sites(inventory: Path, site: str, hosts: list[str]) -> Run:
    """A run with other names for a site."""
    path = inventory / "host_vars" / "home.yml"
    variables: dict[str, Any] = yaml.safe_load(path.read_text())
    for one in variables["exposure_sites"]:
        if one["name"] == site:
            one["hosts"] = hosts
    path.write_text(yaml.safe_dump(variables))
    return playbook("site", inventory=inventory)
