"""Whether an app is well: what runs, what its containers say, what its page answers."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from plugins.module_utils.apps.engine import Container
from plugins.module_utils.apps.health import STEADY, ask, missing, wait

from .docker import Clock


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(int(self.path.strip("/").split("?")[0]))
        self.end_headers()
        self.wfile.write(b"here is the app")

    def log_message(self, *words: Any) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.mark.parametrize(
    ("health", "wrong"),
    [
        ({"url": "/200", "status": [200]}, ""),
        ({"url": "/200?a=b", "status": [], "contains": "the app"}, ""),
        ({"url": "/302", "status": []}, ""),
        ({"url": "/401", "status": [200, 401]}, ""),
        ({"url": "/302", "status": [200]}, "answers 302 instead of 200"),
        ({"url": "/500", "status": []}, "answers 500 instead of a page"),
        ({"url": "/200", "contains": "another"}, "answers without the text 'another'"),
    ],
)
def test_a_page_answers_as_its_health_says(server: str, health: dict[str, Any], wrong: str) -> None:
    said = ask({**health, "url": server + health["url"]}, "")
    assert wrong in said and bool(said) is bool(wrong)


def test_nobody_there_is_said_as_such() -> None:
    assert "does not answer" in ask({"url": "http://127.0.0.1:9/"}, "")


STACK: dict[str, Any] = {
    "name": "pair",
    "env": {},
    "health": {"wait": 20},
    "compose": {"services": {"app": {"image": "app:1", "restart": "unless-stopped"}, "setup": {"image": "app:1", "restart": False}}},
}


def box(service: str, state: str = "running", status: str = "Up 3 minutes", image: str = "app:1") -> Container:
    return Container(service, "pair", service, image, state, status)


@pytest.mark.parametrize(
    ("containers", "said"),
    [
        ([box("app"), box("setup", "exited", "Exited (0) 3 seconds ago")], []),
        ([box("app"), box("setup")], []),
        ([box("app"), box("setup", "exited", "Exited (1) 3 seconds ago")], ["setup is exited (Exited (1) 3 seconds ago)"]),
        ([box("app", "exited", "Exited (0) 3 seconds ago"), box("setup")], ["app is exited (Exited (0) 3 seconds ago)"]),
        ([box("app", image="app:0"), box("setup")], ["app runs app:0 instead of app:1"]),
        ([box("setup")], ["app has no container"]),
    ],
)
def test_a_service_runs_or_has_done_its_work(containers: list[Container], said: list[str]) -> None:
    assert missing(STACK, containers) == said


def test_a_container_s_own_check_is_waited_for() -> None:
    clock, rows = Clock(), [box("setup")]

    def look() -> list[Container]:
        status = "Up 1 second (health: starting)" if clock.now < 7 else "Up 9 seconds (healthy)"
        return [*rows, box("app", status=status)]

    assert wait(STACK, look, ask, clock) == "" and 7 <= clock.now < 10
    clock.now = 0
    assert wait(STACK, lambda: [*rows, box("app", status="Up 2 minutes (unhealthy)")], ask, clock) == "app is unhealthy" and clock.now >= 20


def test_containers_without_any_check_have_to_stay_up_for_a_while() -> None:
    clock = Clock()

    def look() -> list[Container]:
        return [box("setup"), box("app", "restarting" if int(clock.now) % 4 == 3 else "running", "Restarting (1)")]

    assert "app is restarting" in wait(STACK, look, ask, clock)
    clock.now = 0
    assert wait(STACK, lambda: [box("setup"), box("app")], ask, clock) == "" and clock.now >= STEADY
