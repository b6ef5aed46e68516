"""What visitors see while an app is away, and what a proxy answers in an app's place, on both engines, from the phone outside."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.bed import INVENTORY, curl, eventually, host, inventory_with, playbook, with_sites

CHATTY: dict[str, Any] = {
    "title": "An app with wishes",
    "image": "docker.io/traefik/whoami",
    "version": "v1.11.0",
    "port": 8093,
    "service": {"environment": {"WHOAMI_PORT_NUMBER": "8093"}},
    "health": {"path": "/api", "status": 200},
    "proxy": {
        "only": ["/api", "/deep"],
        "answers": [
            {
                "path": "/.well-known/matrix/server",
                "exact": True,
                "json": {"m.server": "${EXPOSURE_HOST}:443", "nasty": "$host {env.HOME} ` ' {uri}"},
                "headers": {"Access-Control-Allow-Origin": "*"},
            },
            {"path": "/.well-known/carddav", "exact": True, "redirect": "/api"},
            {"path": "/deep/metrics", "status": 404},
        ],
    },
}
BUSY = """
import http.server
class Busy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status = int(self.path.strip('/') or 200)
        self.send_response(status)
        self.send_header('Content-Length', '9')
        self.end_headers()
        self.wfile.write(b'own words')
http.server.ThreadingHTTPServer(('', 9503), Busy).serve_forever()
"""
SITES: list[dict[str, Any]] = [
    {"name": "chatty", "hosts": ["chatty.bench.casa.example"], "app": "chatty", "hsts": "1d"},
    {"name": "busy", "hosts": ["busy.bench.casa.example"], "upstream": "http://192.168.77.20:9503"},
]
INVENTORIES: dict[str, Path] = {}
"""The inventory that each engine serves in these tests."""


def inventory(folder: Path, engine: str, maintenance: bool = False) -> Path:
    catalogue = folder / "catalogue"
    catalogue.mkdir(parents=True, exist_ok=True)
    (catalogue / "chatty.yml").write_text(yaml.safe_dump(CHATTY))

    def chosen(variables: dict[str, Any]) -> None:
        with_sites(*({**site, **({"maintenance": True} if maintenance and site["name"] == "busy" else {})} for site in SITES))(variables)
        variables.update(exposure_proxy=engine, exposure_http3=None, exposure_catalogue=str(catalogue))

    return inventory_with(folder, home=chosen)


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    subprocess.run(["docker", "exec", "-i", "laptop", "sh", "-c", "cat > /root/busy.py"], input=BUSY.encode(), check=True)
    host("laptop").run("systemctl stop busy; systemd-run -q --unit=busy --collect python3 /root/busy.py")
    INVENTORIES[request.param] = inventory(tmp_path_factory.mktemp(request.param), request.param)
    run = playbook("site", "--tags", "apps,proxy", inventory=INVENTORIES[request.param])
    assert run.code == 0, run.output
    yield request.param
    host("laptop").run("systemctl stop busy")


def seen(name: str, path: str = "/", *options: str) -> tuple[int, dict[str, str], str]:
    """Status, headers in lower case and body, as the phone sees them."""
    answer = curl("phone", f"https://{name}.bench.casa.example{path}", "-i", *options)
    assert answer.rc == 0, answer.stderr
    head, _, body = answer.stdout.replace("\r\n", "\n").partition("\n\n")
    first, *lines = head.split("\n")
    return int(first.split()[1]), {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in lines}, body


def is_away(name: str, *options: str) -> bool:
    status, headers, body = seen(name, "/any/where", *options)
    if status != 503 or ("-I" not in options and f"{name}.bench.casa.example is away for a moment" not in body):
        return False
    assert headers["retry-after"] == "30" and headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff" and headers["content-type"] == "text/html; charset=utf-8"
    return True


@pytest.mark.proves("R58")
def test_what_an_app_itself_says_of_an_error_reaches_its_clients_untouched(engine: str) -> None:
    for status in (500, 502, 503, 504):
        said, headers, body = seen("busy", f"/{status}")
        assert (said, body) == (status, "own words") and "retry-after" not in headers


@pytest.mark.proves("R58")
def test_an_app_that_is_stopped_is_away_for_a_moment_and_back_by_itself(engine: str) -> None:
    assert seen("chatty", "/api")[0] == 200
    host("home").run("docker stop -t 1 chatty-chatty-1")
    try:
        status, headers, body = seen("chatty", "/api")
        assert status == 503 and "chatty.bench.casa.example is away for a moment" in body
        assert headers["retry-after"] == "30" and headers["strict-transport-security"] == "max-age=86400"
        run = playbook("verify", "-e", "verify_wait=0", inventory=INVENTORIES[engine])
        assert run.code != 0 and "answers 503 instead of 200: the app does not answer the proxy" in run.output
    finally:
        host("home").run("docker start chatty-chatty-1")
    assert eventually(lambda: seen("chatty", "/api")[0] == 200, 30)


@pytest.mark.proves("R58")
def test_one_line_takes_a_site_into_maintenance_and_out_of_it(engine: str, tmp_path: Path) -> None:
    assert seen("busy")[2] == "own words"
    resting = inventory(tmp_path, engine, maintenance=True)
    run = playbook("site", "--tags", "proxy", inventory=resting)
    assert run.code == 0, run.output
    for options in ((), ("-I",), ("-X", "POST", "-d", "x=1"), ("-H", "Accept: application/json"), ("--http1.1",)):
        assert is_away("busy", *options), options
    challenge = curl("phone", "http://busy.bench.casa.example/.well-known/acme-challenge/none", "-o", "/dev/null", "-w", "%{http_code}").stdout
    assert challenge in ("404", "308"), "http is as it was"
    proof = playbook("verify", "-e", "verify_wait=0", inventory=resting)
    assert "busy.bench.casa.example: page" not in proof.output
    again = playbook("site", "--tags", "proxy", inventory=resting)
    assert again.changed.get("home") == 0, again.output
    back = playbook("site", "--tags", "proxy", inventory=INVENTORIES[engine])
    assert back.code == 0, back.output
    assert seen("busy")[2] == "own words"


@pytest.mark.proves("R45")
def test_what_the_catalogue_lets_the_proxy_answer_is_answered_and_nothing_else_reaches_the_app(engine: str) -> None:
    status, headers, body = seen("chatty", "/.well-known/matrix/server")
    assert (status, headers["content-type"], headers["access-control-allow-origin"]) == (200, "application/json", "*")
    assert json.loads(body) == {"m.server": "chatty.bench.casa.example:443", "nasty": "$host {env.HOME} ` ' {uri}"}
    status, headers, _ = seen("chatty", "/.well-known/carddav?x=1")
    assert (status, headers["location"]) == (301, "/api")
    assert [seen("chatty", path)[0] for path in ("/api", "/deep/er", "/", "/deeper", "/health", "/deep/metrics", "/deep/metrics/x")] == [200, 200, *[404] * 5]


@pytest.mark.proves("R43")
@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_an_app_is_told_no_port_that_is_none_of_ours(engine: str, version: str) -> None:
    for said, told in (("", ""), (":443", ":443"), (":1234", ""), (":evil", "")):
        status, _, body = seen("chatty", "/api", version, "-H", f"Host: chatty.bench.casa.example{said}")
        if status == 200:
            one = json.loads(body)
            assert one["host"] == f"chatty.bench.casa.example{told}" and one["headers"]["X-Forwarded-Host"] == [one["host"]]
        else:
            assert status in (400, 421) and said not in ("", ":443")


@pytest.mark.proves("R57")
def test_the_house_is_as_it_was(engine: str, tmp_path: Path) -> None:
    if engine != "caddy":
        return

    def gone(variables: dict[str, Any]) -> None:
        variables["exposure_apps"].append({"name": "chatty", "state": "absent"})
        variables.update(exposure_catalogue=str(INVENTORIES[engine].parent / "catalogue"), exposure_purge=["chatty"])

    for inventory_then in (inventory_with(tmp_path, home=gone), INVENTORY):
        back = playbook("site", inventory=inventory_then)
        assert back.code == 0, back.output
    assert "chatty" not in host("home").run("docker ps -a").stdout
