"""nginx when things go wrong: what serves, what a run says, and what the next run does."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.bed import ROOT, curl, eventually, host, inventory_with, playbook, reachable, with_sites

PROXY = ("--tags", "proxy")
OWN_SITE = "server { listen 8099; server_name mine; location / { return 200 mine; } }"


def state() -> str:
    return str(host("home").run("readlink /etc/exposure/nginx/current /run/exposure-nginx; sha256sum /etc/exposure/nginx/current/*").stdout)


@pytest.mark.proves("B04", "R22")
def test_a_configuration_that_nginx_refuses_changes_nothing_and_the_next_run_completes(tmp_path: Path) -> None:
    sealed = {"name": "sealed", "hosts": ["who2.bench.casa.example"], "upstream": "https://192.168.77.20:9443", "upstream_ca": "/etc/ssl/there-is-none.pem"}
    before = state()
    run = playbook("site", *PROXY, inventory=inventory_with(tmp_path, home=with_sites(sealed)))
    assert run.code != 0 and "there-is-none.pem" in run.output
    assert state() == before and reachable("who.casa.example")
    host("home").run("systemctl restart nginx")
    assert eventually(lambda: reachable("who.casa.example"))
    after = playbook("site", *PROXY)
    assert after.code == 0, after.output


@pytest.mark.proves("B04")
def test_a_broken_file_in_the_tree_does_not_stop_what_serves_and_is_put_right_by_the_next_run() -> None:
    home = host("home")
    home.run("echo 'this is no nginx {' >> /etc/exposure/nginx/current/http.conf")
    assert home.run("systemctl reload nginx").rc != 0
    assert reachable("who.casa.example")
    shown = playbook("site", *PROXY, "--check", "--diff")
    assert shown.code == 0 and "-this is no nginx {" in shown.output
    run = playbook("site", *PROXY)
    assert run.code == 0, run.output
    assert home.run("systemctl restart nginx").rc == 0
    assert eventually(lambda: reachable("who.casa.example"))


@pytest.mark.proves("B04")
def test_nginx_killed_while_it_reloads_comes_back_with_the_proven_release() -> None:
    home, current = host("home"), host("home").run("readlink -f /etc/exposure/nginx/current").stdout
    for pause in ("0", "0.02", "0.1"):
        home.run(f"systemctl reload nginx & sleep {pause}; systemctl kill -s KILL nginx; wait; sleep 3")
        assert eventually(lambda: reachable("who.casa.example"), 15)
    assert home.run("readlink -f /run/exposure-nginx").stdout == current
    again = playbook("site", *PROXY)
    assert again.code == 0 and set(again.changed.values()) == {0}, again.output


@pytest.mark.proves("B04", "R37")
def test_a_full_disk_leaves_what_serves_and_says_how_much_is_missing(tmp_path: Path) -> None:
    """The releases of nginx on a file system of their own, with no room left on it."""
    home = host("home")
    home.run("mkdir -p /root/kept && cp -a /etc/exposure/nginx/releases/. /root/kept/ && mount -t tmpfs -o size=300k tmpfs /etc/exposure/nginx/releases")
    home.run("cp -a /root/kept/. /etc/exposure/nginx/releases/; dd if=/dev/zero of=/etc/exposure/nginx/releases/.filler bs=1k count=400")
    try:
        more = with_sites({"name": "late", "hosts": ["late.bench.casa.example"], "redirect": "https://who.casa.example"})
        run = playbook("site", *PROXY, inventory=inventory_with(tmp_path, home=more))
        assert run.code != 0 and "disk is full" in run.output, run.output
        assert reachable("who.casa.example")
    finally:
        home.run("umount /etc/exposure/nginx/releases; rm -rf /root/kept")
    after = playbook("site", *PROXY)
    assert after.code == 0, after.output
    assert reachable("who.casa.example")


def test_a_person_s_own_site_stays_and_one_that_would_answer_for_every_name_is_reported_before_anything_is_touched(tmp_path: Path) -> None:
    home = host("home")
    home.run("printf %s > /etc/nginx/sites-enabled/mine && systemctl reload nginx", OWN_SITE)
    run = playbook("site", *PROXY)
    assert run.code == 0, run.output
    asked = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8099/').read().decode())"
    assert home.run("python3 -c %s", asked).stdout.strip() == "mine"
    home.run("printf %s > /etc/nginx/sites-enabled/mine", OWN_SITE.replace("8099", "80 default_server"))
    before = state()
    refused = playbook("site", *PROXY)
    assert refused.code != 0 and "/etc/nginx/sites-enabled/mine" in refused.output and "default_server" in refused.output
    assert state() == before
    home.run("rm /etc/nginx/sites-enabled/mine; systemctl reload nginx")
    assert reachable("who.casa.example")


@pytest.mark.proves("R22", "B04")
def test_twenty_reloads_lose_no_request_and_close_no_websocket() -> None:
    command = ["docker", "exec", "-i", "phone", "python3", "-", "who.casa.example", "8", "4", "14"]
    clients = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert clients.stdin and clients.stdout
    clients.stdin.write((ROOT / "benchmarks/clients.py").read_text())
    clients.stdin.close()
    assert clients.stdout.readline().strip() == "started"
    for _ in range(20):
        assert host("home").run("systemctl reload nginx && sleep 0.3").rc == 0
    seen: dict[str, Any] = json.loads(clients.stdout.read())
    clients.wait(60)
    (ROOT / ".cache/reloads-nginx.json").write_text(json.dumps(seen))
    assert seen["requests"] > 400
    assert seen["lost"] == 0, seen
    assert seen["websockets_open"] == seen["websockets"] == 4


def test_what_is_not_asked_of_a_vantage_stays_closed() -> None:
    """Nothing of nginx's own answers on another port, and its sockets are for its workers alone."""
    assert curl("laptop", "http://192.168.77.10:8099/", "-o", "/dev/null").rc != 0
    assert host("home").run("stat -c '%U %G %a' /run/nginx/sockets").stdout.strip() == "root www-data 710"
