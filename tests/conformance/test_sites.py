"""What exposure means, for every site of the Plan, from the phone outside and the laptop inside. It knows no engine."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from tests.bed import LAPTOP, PHONE, curl, host, plan, sites, whoami

SITES = sites()
NAMES = [site["host"] for site in SITES]
CLIENTS = ["phone", "laptop"]
WHOAMI = [site["host"] for site in SITES if site["site"] in ("who", "attic")]
FORGED = {
    "X-Forwarded-For": "1.2.3.4",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Port": "1234",
    "X-Real-IP": "1.2.3.4",
    "Forwarded": "for=1.2.3.4",
    "True-Client-IP": "1.2.3.4",
    "CF-Connecting-IP": "1.2.3.4",
}


@pytest.mark.proves("R13", "R12", "R02", "R53", "R11")
@pytest.mark.parametrize("family", ["4", "6"])
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("site", SITES, ids=NAMES)
def test_a_site_answers_over_https_with_a_certificate_that_its_clients_trust(site: dict[str, Any], client: str, family: str) -> None:
    answer = curl(client, f"https://{site['host']}{site['path']}", f"-{family}", "-o", "/dev/stdout", "-w", "\n%{http_code}")
    assert answer.rc == 0, answer.stderr
    body, _, status = answer.stdout.rpartition("\n")
    assert int(status) in site["status"]
    assert site["contains"] in body


@pytest.mark.proves("R30", "R31")
@pytest.mark.parametrize("name", NAMES)
def test_the_certificate_is_for_its_name_and_from_the_acme_authority(name: str) -> None:
    seen = host("phone").run(
        f"openssl s_client -connect {name}:443 -servername {name} </dev/null 2>/dev/null | openssl x509 -noout -issuer -ext subjectAltName -checkend 3600"
    )
    assert seen.rc == 0
    assert "Pebble" in seen.stdout
    assert f"DNS:{name}" in seen.stdout


@pytest.mark.proves("R16")
@pytest.mark.parametrize("name", NAMES)
def test_http_is_sent_to_https_with_its_path(name: str) -> None:
    answer = curl("phone", f"http://{name}/some/path?x=1", "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}")
    assert answer.stdout in (f"301 https://{name}/some/path?x=1", f"308 https://{name}/some/path?x=1")


@pytest.mark.proves("R15")
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("site", [s for s in SITES if s["websocket"]], ids=[s["host"] for s in SITES if s["websocket"]])
def test_a_websocket_is_upgraded_and_carries_messages(site: dict[str, Any], client: str) -> None:
    talk = (
        "import asyncio, websockets\n"
        "async def main():\n"
        f"    async with websockets.connect('wss://{site['host']}{site['websocket']['path']}') as ws:\n"
        + ("        await ws.send('hello')\n" if not site["websocket"]["expects"] else "")
        + "        print(await asyncio.wait_for(ws.recv(), 10))\n"
        "asyncio.run(main())\n"
    )
    answer = host(client).run("python3 -c %s", talk)
    assert answer.rc == 0, answer.stderr
    assert (site["websocket"]["expects"] or "hello") in answer.stdout


@pytest.mark.proves("R13")
@pytest.mark.parametrize("name", NAMES)
def test_http_2_and_http_3_are_spoken(name: str) -> None:
    assert curl("phone", f"https://{name}/", "--http2", "-o", "/dev/null", "-w", "%{http_version}").stdout == "2"
    assert curl("phone", f"https://{name}/", "--http3-only", "-6", "-o", "/dev/null", "-w", "%{http_version}").stdout == "3"
    assert curl("phone", f"https://{name}/", "--http3-only", "-4", "-o", "/dev/null", "-w", "%{http_version}").stdout == "3"


@pytest.mark.proves("R21")
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("servername", ["-servername nobody.casa.example", "-servername evil.example", "-noservername"])
def test_a_name_that_nobody_declared_is_refused_without_a_certificate(servername: str, client: str) -> None:
    seen = host(client).run(f"openssl s_client -connect {NAMES[0]}:443 {servername} </dev/null 2>&1")
    assert "BEGIN CERTIFICATE" not in seen.stdout
    assert "no peer certificate available" in seen.stdout


@pytest.mark.proves("R21")
def test_an_unknown_name_over_http_gets_no_answer_and_no_redirect() -> None:
    answer = curl("phone", f"http://{NAMES[0]}/", "-H", "Host: nobody.casa.example", "-o", "/dev/null", "-w", "%{http_code}")
    assert answer.stdout == "000"


@pytest.mark.proves("R21")
def test_a_host_header_that_is_not_the_name_of_the_handshake_reaches_no_app() -> None:
    answer = curl("phone", f"https://{WHOAMI[0]}/api", "-H", f"Host: {secrets.token_hex(4)}.casa.example", "-o", "/dev/stdout", "-w", "\n%{http_code}")
    assert answer.stdout.rpartition("\n")[2] in ("000", "421", "404")
    assert "remoteAddr" not in answer.stdout


@pytest.mark.proves("R20")
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_old_tls_is_refused(version: str) -> None:
    answer = curl("phone", f"https://{NAMES[0]}/", "--tls-max", version, "--tlsv1.0", "--ciphers", "DEFAULT@SECLEVEL=0", "-o", "/dev/null")
    assert answer.rc == 35


@pytest.mark.proves("B03", "R43")
@pytest.mark.parametrize("family", ["4", "6"])
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("name", WHOAMI)
def test_the_app_is_told_the_real_client_whatever_the_client_claims(name: str, client: str, family: str) -> None:
    seen = whoami(client, name, f"-{family}", *[part for header in FORGED.items() for part in ("-H", ": ".join(header))])
    headers = seen["headers"]
    assert headers["X-Forwarded-For"] == [{"phone": PHONE, "laptop": LAPTOP}[client][family]]
    assert headers["X-Forwarded-Proto"] == ["https"]
    assert headers["X-Forwarded-Host"] == [name]
    assert "1.2.3.4" not in str(headers)
    assert "evil.example" not in str(headers)
    assert "1234" not in str(headers)


@pytest.mark.proves("R43")
@pytest.mark.parametrize("name", WHOAMI)
def test_the_app_sees_its_proxy_at_exactly_the_address_that_the_plan_tells_it_to_trust(name: str) -> None:
    stack = next(s for s in plan()["hosts"]["attic" if name.startswith("attic") else "home"]["stacks"] if s["app"] == "whoami")
    for client in CLIENTS:
        assert whoami(client, name)["remoteAddr"].rpartition(":")[0] in stack["peers"]
    assert len(stack["peers"]) == 1


@pytest.mark.proves("R56")
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("address", ["192.168.77.10", "2001:db8:77::10", "192.168.77.11", "2001:db8:77::11", "198.51.100.2"])
def test_no_app_port_can_be_reached_past_the_proxy(address: str, client: str) -> None:
    ports = sorted({entry["port"] for its in plan()["hosts"].values() for stack in its["stacks"] for entry in stack["listen"]} | {2019, 2375, 2376})
    script = "; ".join(
        (
            "import socket, sys",
            "family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET",
            "tried = [(port, socket.socket(family)) for port in map(int, sys.argv[2:])]",
            "[one.settimeout(1.5) for _, one in tried]",
            "print(*[port for port, one in tried if one.connect_ex((sys.argv[1], port)) == 0])",
        )
    )
    answer = host(client).run(f"python3 -c %s {address} {' '.join(map(str, ports))}", script)
    assert answer.rc == 0, answer.stderr
    assert answer.stdout.strip() == ""


@pytest.mark.proves("B11", "R56")
def test_an_app_on_another_host_is_reached_by_its_proxy_and_refused_to_a_neighbour() -> None:
    connect = "python3 -c \"import socket; socket.create_connection(('192.168.77.11', 8080), 2)\""
    assert host("home").run(connect).rc == 0
    assert host("laptop").run(connect).rc != 0
    assert "drop" in host("attic").run("nft list table inet exposure").stdout
