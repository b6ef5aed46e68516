"""A real Home Assistant of each kind, told of its proxy: 2026.2.3 through its YAML, 2026.11.0 through its store."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from tests.bed import PHONE, ROOT, STARTS, curl, eventually, host, plan, starts

STACKS = {"home.casa.example": "home_assistant", "classic.casa.example": "classic"}
VERSIONS = {"home.casa.example": "2026.11.0", "classic.casa.example": "2026.2.3"}


def answers(name: str) -> bool:
    return str(curl("phone", f"https://{name}/manifest.json", "-o", "/dev/null", "-w", "%{http_code}").stdout) == "200"


@pytest.fixture(scope="module")
def restarted() -> Iterator[None]:
    """Both were restarted twice, and when they last were is kept for who looks later. Most tests look after that."""
    for _ in range(2):
        assert host("home").run("docker restart home_assistant-home_assistant-1 classic-home_assistant-1").rc == 0
        for name in STACKS:
            assert eventually(lambda name=name: answers(name), 90), f"{name} did not come back"  # type: ignore[misc]
    STARTS.write_text(json.dumps(starts(STACKS.values())))
    yield


@pytest.mark.proves("R42", "R43", "R53")
@pytest.mark.parametrize("name", STACKS)
def test_it_answers_through_the_proxy_also_after_two_restarts(name: str, restarted: None) -> None:
    assert answers(name)


@pytest.mark.proves("R42")
@pytest.mark.parametrize("name", STACKS)
def test_it_is_the_release_that_was_declared(name: str, restarted: None) -> None:
    script = (
        "import asyncio, json, websockets\n"
        "async def main():\n"
        f"    async with websockets.connect('wss://{name}/api/websocket') as ws:\n"
        "        print(json.loads(await asyncio.wait_for(ws.recv(), 10))['ha_version'])\n"
        "asyncio.run(main())\n"
    )
    assert host("phone").run("python3 -c %s", script).stdout.strip() == VERSIONS[name]


@pytest.mark.proves("R42", "B03")
@pytest.mark.parametrize("family", ["4", "6"])
@pytest.mark.parametrize("name", STACKS)
def test_its_log_shows_the_client_outside_and_not_what_the_client_claims(name: str, family: str, restarted: None) -> None:
    log = f"/srv/exposure/{STACKS[name]}/config/home-assistant.log"
    before = host("home").file(log).size
    assert curl("phone", f"https://{name}/api/", f"-{family}", "-H", "X-Forwarded-For: 1.2.3.4", "-o", "/dev/null", "-w", "%{http_code}").stdout == "401"

    def logged() -> list[str]:
        return re.findall(r"invalid authentication from \S+ \(([^)]+)\)", host("home").run(f"tail -c +{before + 1} {log}").stdout)

    assert eventually(logged, 10) == [PHONE[family]]


@pytest.mark.proves("R43")
@pytest.mark.parametrize("name", STACKS)
def test_it_trusts_its_proxy_and_no_other_address(name: str) -> None:
    stack = next(s for s in plan()["hosts"]["home"]["stacks"] if s["name"] == STACKS[name])
    seen = json.loads(host("home").run(f"docker network inspect {stack['name']}_default").stdout)[0]["IPAM"]["Config"][0]
    assert seen["Subnet"] == stack["network"]
    assert [seen.get("Gateway", stack["peers"][0])] == stack["peers"]
    folder = f"/srv/exposure/{stack['name']}/config"
    if name == "classic.casa.example":
        assert re.findall(r"^ +- (\S+)$", host("home").file(f"{folder}/configuration.yaml").content_string, re.MULTILINE) == stack["peers"]
    else:
        store = json.loads(host("home").file(f"{folder}/.storage/http").content_string)
        assert [p.removesuffix("/32") for p in store["data"]["stable"]["trusted_proxies"]] == stack["peers"]
        assert store["data"]["pending"] is None


@pytest.mark.proves("R42", "R51", "R60")
def test_a_person_s_configuration_keeps_its_comments_includes_and_order() -> None:
    before = (ROOT / "molecule/internet/files/configuration.yaml").read_text()
    folder = "/srv/exposure/classic/config"
    after = host("home").file(f"{folder}/configuration.yaml").content_string
    lines = [line for line in before.splitlines() if "172.16.0.0/12" not in line and "127.0.0.1" not in line]
    assert [line for line in after.splitlines() if "172.30." not in line] == lines
    backups = host("home").run(f"ls {folder}/configuration.yaml.*.bak").stdout.split()
    assert len(backups) == 1
    assert host("home").file(backups[0]).content_string == before


@pytest.mark.proves("R42")
def test_it_refuses_a_neighbour_that_is_not_its_proxy_but_says_so() -> None:
    """Another container on its network is a peer that the Plan does not name: with X-Forwarded-For it gets 400."""
    stack = next(s for s in plan()["hosts"]["home"]["stacks"] if s["name"] == "home_assistant")
    script = (
        "import http.client\n"
        "c = http.client.HTTPConnection('home_assistant', 8123, timeout=5)\n"
        "c.request('GET', '/manifest.json', headers={'X-Forwarded-For': '1.2.3.4'})\n"
        "print(c.getresponse().status)\n"
    )
    image = stack["compose"]["services"]["home_assistant"]["image"]
    run = host("home").run("docker run --rm --network home_assistant_default --entrypoint python3 " + image + " -c %s", script)
    assert run.stdout.strip() == "400", run.stderr
