"""From one engine to the other and back on a living host: the same names, no certificate ordered that is at hand, and a gap that is measured."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.bed import ROOT, Run, host, inventory_with, playbook, reachable

NAMES = ("home.casa.example", "classic.casa.example", "attic.casa.example", "who.casa.example", "extra.casa.example")
WATCH = """
import json, socket, ssl, sys, time
context = ssl.create_default_context()
end, last, longest, good = time.monotonic() + float(sys.argv[2]), time.monotonic(), 0.0, 0
while time.monotonic() < end:
    try:
        with context.wrap_socket(socket.create_connection((sys.argv[1], 443), 2), server_hostname=sys.argv[1]) as it:
            it.settimeout(2)
            it.sendall(f"GET /api HTTP/1.1\\r\\nHost: {sys.argv[1]}\\r\\nConnection: close\\r\\n\\r\\n".encode())
            if b" 200 " in it.recv(100):
                longest, last, good = max(longest, time.monotonic() - last), time.monotonic(), good + 1
    except OSError:
        pass
    time.sleep(0.02)
print(json.dumps({"longest": max(longest, time.monotonic() - last), "good": good}))
"""


def orders() -> int:
    return int(host("isp").run("journalctl -u pebble -o cat | grep -c 'Added order'").stdout)


def switch(engine: str, folder: Path) -> tuple[Run, dict[str, Any]]:
    """A run that changes the engine, and what a client outside saw of it."""

    def chosen(variables: dict[str, Any]) -> None:
        variables.update(exposure_proxy=engine, exposure_http3=None)

    watch = subprocess.Popen(["docker", "exec", "-i", "phone", "python3", "-c", WATCH, "who.casa.example", "45"], stdout=subprocess.PIPE, text=True)
    run = playbook("site", "--tags", "proxy", inventory=inventory_with(folder, home=chosen))
    seen = json.loads(watch.communicate(timeout=120)[0])
    return run, seen


@pytest.mark.proves("B10", "R12", "R41")
@pytest.mark.parametrize("engine", ["nginx", "caddy", "nginx"])
def test_the_other_engine_serves_the_same_names_with_the_same_certificates_after_a_moment(engine: str, tmp_path: Path) -> None:
    ordered = orders()
    run, seen = switch(engine, tmp_path)
    assert run.code == 0, run.output
    home = host("home")
    assert engine in home.run("ss -Hlntp 'sport = :443'").stdout
    other = "caddy" if engine == "nginx" else "nginx"
    assert home.run(f"systemctl is-active {other}; systemctl is-enabled {other}").stdout.split()[0] != "active"
    assert all(reachable(name) for name in NAMES)
    # Caddy has one certificate for each name: a site of two names is ordered once as one certificate when it comes to nginx for the first time.
    assert orders() - ordered <= 1
    assert seen["good"] > 50
    assert seen["longest"] < 10
    path = ROOT / ".cache" / "switch.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**kept, f"to {engine}": round(seen["longest"], 2)}))
