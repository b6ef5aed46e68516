"""Stacks on a real Docker Engine with Compose, in a container of this test: updated, put back, killed, brought back. There is no registry to pull from."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils.plan.make import Inventory, make

ROOT = Path(__file__).resolve().parents[2]
BED = ROOT / "molecule" / "internet"
BIN = Path(sys.executable).parent
NAME = "stacks-test"
RECIPE = """\
ARG BASE
FROM ${BASE}
RUN apt-get update -q && apt-get install -qy --no-install-recommends docker.io docker-cli docker-compose iptables busybox-static caddy curl \\
  && systemctl disable caddy.service docker.service docker.socket containerd.service && rm -rf /var/lib/apt/lists/*
"""
# It brings its data to its own version and falls over on that of a newer one. v3 never answers. v4 trusts no proxy.
APP = """\
#!/bin/sh
trap 'exit 0' TERM
mine=$(cat /version); its=$(cat /data/version 2>/dev/null || echo v1)
case $its in v2|v3|v4) [ $mine != v1 ] || { echo "the data is of $its, and $TINY_PASSWORD is my password"; exit 1; } ;; esac
echo $mine > /data/version
echo $mine > /state/last
mkdir -p /www/cgi-bin; echo "app $mine" > /www/index.html
if [ $mine = v4 ]; then
  rm /www/index.html; cp /by_whom /www/cgi-bin/index.cgi; chmod 755 /www/cgi-bin/index.cgi
fi
if [ $mine = v3 ]; then echo "cannot open the database with $TINY_PASSWORD"; sleep 100000 & else httpd -f -p 8080 -h /www & fi
wait
"""
BY_WHOM = """\
#!/bin/sh
if [ -n "$HTTP_X_FORWARDED_FOR" ]; then printf 'Status: 400 Bad Request\\r\\n\\r\\nI trust no proxy\\n'; else printf '\\r\\napp v4\\n'; fi
"""
CADDYFILE = "{\n\tadmin off\n\tskip_install_trust\n}\ncloud.example.duckdns.org {\n\ttls internal\n\treverse_proxy 127.0.0.1:8080\n}\n"
CATALOGUE: dict[str, Any] = {
    "tiny": {
        "title": "Tiny",
        "image": "tiny",
        "version": "v1",
        "port": 8080,
        "service": {
            "environment": {"TINY_PASSWORD": "${TINY_PASSWORD}"},
            "volumes": ["${EXPOSURE_DATA}/data:/data", "state:/state"],
            "stop_grace_period": "5s",
        },
        "folders": {"data": {"mode": "0700"}},
        "secrets": ["TINY_PASSWORD"],
        "health": {"path": "/", "status": 200, "contains": "app v", "wait": 8},
        "backup": {
            "leave_out": ["data/media"],
            "dumps": [{"service": "tiny", "command": ["cat", "/data/version"], "restore": ["sh", "-c", "cat > /data/loaded"], "file": "tiny.sql"}],
        },
    }
}


def docker(*words: str, check: bool = True) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=600, check=False)
    assert not check or done.returncode == 0, f"docker {' '.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout.strip()


def image() -> str:
    """The image of a server of this test, built where its recipe is new."""
    if subprocess.run(["docker", "image", "inspect", "exposure-bed/trixie:current"], capture_output=True, check=False).returncode:
        subprocess.run([BED / "engine.sh"], check=True)
        subprocess.run([sys.executable, BED / "images.py", "trixie"], check=True)
    base = docker("image", "inspect", "--format", "{{.Id}}", "exposure-bed/trixie:current")
    tag = f"stacks-trixie:{hashlib.sha256((base + RECIPE).encode()).hexdigest()[:12]}"
    if subprocess.run(["docker", "image", "inspect", tag], capture_output=True, check=False).returncode:
        build = ["docker", "build", "-q", "--force-rm", "--network", "host", "-t", tag, "--build-arg", "BASE=exposure-bed/trixie:current", "-"]
        done = subprocess.run(build, input=RECIPE, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return tag


def stack(version: str = "v1", name: str = "cloud", **more: Any) -> dict[str, Any]:
    """The stack as the Plan makes it."""
    port = {"cloud": 8080, "media": 8081}[name]
    app = {"name": name, "app": "tiny", "version": version, "port": port, **more}
    sites = [{"name": "cloud", "app": "cloud"}] if name == "cloud" and more.get("state") != "absent" else []
    given = {"exposure_domain": "example.duckdns.org", "exposure_apps": [app], "exposure_sites": sites}
    made = dataclasses.asdict(make({"server": Inventory(given, ("proxy",), {"release": "trixie"})}, CATALOGUE).hosts["server"].stacks[0])
    if made["compose"]:
        made["compose"]["volumes"] = {"state": {}}
    return made


class Server:
    """A home server with Docker and no way out."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def sh(self, script: str, check: bool = True) -> str:
        return docker("exec", NAME, "sh", "-c", script, check=check)

    def write(self, path: str, text: str) -> None:
        subprocess.run(["docker", "exec", "-i", NAME, "sh", "-c", f"cat > {path}"], input=text, text=True, check=True)

    def command(self, play: str, *options: str, **variables: Any) -> tuple[list[str], dict[str, str]]:
        environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_HOME": str(ROOT / ".cache/ansible")}
        words = [str(BIN / "ansible-playbook"), "-i", f"{NAME},", "-c", "community.docker.docker", play, "-e", json.dumps(variables), *options]
        return words, environment

    def role(self) -> str:
        play = self.folder / "play.yml"
        play.write_text("- hosts: all\n  gather_facts: false\n  roles: [homeserver.exposure.apps]\n")
        return str(play)

    def play(self, *stacks: dict[str, Any], options: tuple[str, ...] = (), playbook: str = "", **variables: Any) -> str:
        words, environment = self.command(playbook or self.role(), *options, **({"apps_stacks": list(stacks)} if stacks else {}), **variables)
        done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500, check=False)
        return done.stdout + done.stderr

    def page(self, name: str = "cloud") -> str:
        return self.sh(f"busybox wget -q -T 3 -O - http://127.0.0.1:{stack(name=name)['listen'][0]['port']}/", check=False)

    def visit(self) -> str:
        """What a visitor of the public name gets."""
        return self.sh("curl -sk -m 3 --resolve cloud.example.duckdns.org:443:127.0.0.1 https://cloud.example.duckdns.org/", check=False)

    def started(self, name: str = "cloud") -> str:
        return self.sh(f"docker inspect -f '{{{{.Id}}}} {{{{.State.StartedAt}}}}' {name}-tiny-1", check=False)

    def backups(self, name: str = "cloud") -> list[str]:
        return self.sh(f"ls -A /var/backups/exposure/{name} 2>/dev/null", check=False).split()


def eventually(check: Callable[[], Any], seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (answer := check()) and time.monotonic() < deadline:
        time.sleep(0.5)
    return answer


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server, before its engine runs."""
    docker("rm", "-f", "-v", NAME, check=False)
    version = docker("info", "--format", "{{.CgroupVersion}}")
    flags = ["--cgroupns", "host" if version == "1" else "private", "-v", "/sys/fs/cgroup:/sys/fs/cgroup:rw", "-v", "/var/lib/docker"]
    flags += [f"--cap-add={right}" for right in ("SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE")]
    flags += ["--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined", "--security-opt", "systempaths=unconfined"]
    flags += ["--network", "none", "--tmpfs", "/run", "--tmpfs", "/run/lock", "--stop-signal", "SIGRTMIN+3"]
    docker("run", "-d", "--name", NAME, *flags, image())
    try:
        here = Server(tmp_path_factory.mktemp(NAME))
        eventually(lambda: here.sh("systemctl is-system-running || true") in ("running", "degraded"))
        yield here
    finally:
        docker("rm", "-f", "-v", NAME)


@pytest.fixture(scope="module")
def server(bare: Server) -> Server:
    """The server with two stacks that run, and the images of three versions."""
    bare.sh("mount -o remount,rw /proc/sys; systemctl start docker")
    bare.write("/root/app", APP)
    bare.write("/root/by_whom", BY_WHOM)
    for number in (1, 2, 3, 4):
        bare.sh(
            f"mkdir -p /root/v{number}/bin /root/v{number}/data /root/v{number}/state /root/v{number}/tmp; cd /root/v{number}; echo v{number} > version; "
            "cp /usr/bin/busybox bin/; cp ../app bin/app; cp ../by_whom by_whom; chmod 755 bin/app; "
            "for one in sh cat mkdir echo httpd sleep cp rm chmod printf; do ln -sf busybox bin/$one; done; "
            f"tar -c . | docker import -c 'CMD [\"/bin/app\"]' -c 'ENV PATH=/bin' - tiny:v{number}"
        )
    done = bare.play(stack(), stack(name="media"))
    assert "failed=0" in done and "changed=1" in done, done
    bare.sh("echo 'dear all' > /srv/exposure/cloud/data/letters; chown 1234:4321 /srv/exposure/cloud/data/letters; mkdir /srv/exposure/cloud/data/media")
    return bare


def test_a_bare_host_is_told_what_a_run_will_do(bare: Server) -> None:
    foretold = bare.play(stack(), options=("--check", "--diff"))
    assert "failed=0" in foretold and "changed=1" in foretold and "tiny: tiny:v1 running" in foretold, foretold
    assert bare.sh("ls -d /etc/exposure/stacks /srv/exposure /etc/exposure/apps", check=False) == ""


@pytest.mark.proves("R52", "R53")
def test_a_second_run_starts_nothing(server: Server) -> None:
    before = server.started() + server.started("media")
    assert "changed=0" in server.play(stack(), stack(name="media"), options=("--diff",))
    assert "changed=0" in server.play(stack(), stack(name="media"), options=("--check",))
    assert server.started() + server.started("media") == before and server.page() == "app v1"


@pytest.mark.proves("R57")
def test_an_image_that_cannot_be_pulled_stops_nothing(server: Server) -> None:
    before = server.started()
    said = server.play(stack("v9"), stack(name="media"))
    assert "the image tiny:v9 cannot be pulled" in said and "tiny:v1 goes on serving" in said and "failed=1" in said, said
    assert server.started() == before and server.page() == "app v1" and server.backups() == []
    assert "changed=0" in server.play(stack())


@pytest.mark.proves("R57", "R60")
def test_an_update_that_does_not_get_well_ends_with_the_old_version_and_its_data(server: Server) -> None:
    media = server.started("media")
    said = server.play(stack("v3"), stack(name="media"), options=("--diff",))
    password = server.sh("cut -d= -f2 /etc/exposure/secrets/cloud.env")
    assert "tiny:v3 is not well after 8 s" in said and "tiny:v1 serves again, with its data as it was" in said, said
    assert "cannot open the database with (secret)" in said and password not in said
    assert server.page() == "app v1" and server.started("media") == media
    data = server.sh(
        "cd /srv/exposure/cloud/data; cat version letters; stat -c '%u:%g' letters; cat $(docker volume inspect -f '{{.Mountpoint}}' cloud_state)/last"
    )
    assert data.splitlines() == ["v1", "dear all", "1234:4321", "v1"]
    assert "changed=0" in server.play(stack(), stack(name="media"))


@pytest.fixture
def proxy(server: Server) -> Iterator[None]:
    """A real Caddy before it, that serves its public name."""
    server.write("/root/Caddyfile", CADDYFILE)
    server.sh("systemd-run --unit proxy --setenv=HOME=/root caddy run --config /root/Caddyfile --adapter caddyfile")
    try:
        assert eventually(lambda: server.visit() == "app v1"), server.sh("journalctl -u proxy")
        yield
    finally:
        server.sh("systemctl stop proxy")


@pytest.mark.proves("R57")
def test_an_update_that_refuses_its_proxy_ends_with_the_old_version(server: Server, proxy: None) -> None:
    said = server.play(stack("v4"), stack(name="media"))
    assert "tiny:v4 does not answer through its proxy as it did before: cloud.example.duckdns.org" in said and "answers 400" in said, said
    assert "tiny:v1 serves again, with its data as it was" in said and server.visit() == "app v1" == server.page()
    assert "changed=0" in server.play(stack(), stack(name="media"))


@pytest.mark.proves("R60")
def test_a_disk_without_room_for_the_backup_leaves_the_old_version_serving(server: Server) -> None:
    server.sh("mount -t tmpfs -o size=100k tmpfs /var/backups/exposure; head -c 300000 /dev/urandom > /srv/exposure/cloud/data/big")
    before = server.started()
    try:
        said = server.play(stack("v2"))
        assert "A backup of its data needs" in said and "100 KiB free" in said and "tiny:v1 goes on serving" in said, said
        assert server.started() == before and server.page() == "app v1" and server.backups() == []
    finally:
        server.sh("umount /var/backups/exposure; rm /srv/exposure/cloud/data/big")


@pytest.mark.proves("R51", "R57")
def test_a_run_that_is_killed_while_it_tries_is_completed_by_the_next(server: Server) -> None:
    words, environment = server.command(server.role(), apps_stacks=[stack("v3")])
    with subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        record = "/etc/exposure/apps/unfinished/cloud.json"
        assert eventually(lambda: '"started": true' in server.sh(f"cat {record}", check=False) and "v3" in server.sh("docker ps --format '{{.Image}}'"))
        server.sh("for pid in $(pgrep python3); do kill -9 $pid; done", check=False)
        run.kill()
    assert '"started": true' in server.sh(f"cat {record}")
    said = server.play(stack())
    assert "failed=0" in said and server.page() == "app v1", said
    assert server.sh("cat /srv/exposure/cloud/data/letters") == "dear all" and server.sh(f"ls {record}", check=False) == ""
    assert "changed=0" in server.play(stack())


@pytest.mark.proves("R57", "R60")
def test_an_update_is_backed_up_and_can_be_taken_back(server: Server) -> None:
    media = server.started("media")
    done = server.play(stack("v2"), stack(name="media"))
    assert "failed=0" in done and server.page() == "app v2" and server.started("media") == media, done
    newest = server.backups()[-1]
    folder = f"/var/backups/exposure/cloud/{newest}"
    assert newest.endswith("-v1") and server.sh(f"stat -c '%U %a' {folder} {folder}/secrets.env") == "root 700\nroot 600"
    assert server.sh(f"cat {folder}/dumps/tiny.sql") == "v1" and "volumes/cloud_state.tar.gz" in server.sh(f"cd {folder}; find . -name '*.tar.gz'")
    assert "changed=0" in server.play(stack("v2"), stack(name="media"))

    server.sh("echo 'written with v2' > /srv/exposure/cloud/data/letters; echo film > /srv/exposure/cloud/data/media/film")
    restore = str(ROOT / "playbooks/restore.yml")
    unnamed = server.play(playbook=restore)
    assert "Say which app" in unnamed and newest in unnamed and "failed=1" in unnamed and server.page() == "app v2", unnamed
    assert "There is no backup of attic" in server.play(playbook=restore, restore_app="attic")
    assert "changed=1" in server.play(playbook=restore, restore_app="cloud", options=("--check",)) and server.page() == "app v2"
    back = server.play(playbook=restore, restore_app="cloud", restore_dumps=True)
    assert "failed=0" in back and 'version: "v1"' in back and server.page() == "app v1", back
    data = server.sh("cd /srv/exposure/cloud/data; cat version letters loaded media/film; stat -c '%u:%g %a' letters .")
    assert data.splitlines() == ["v1", "dear all", "v1", "film", "1234:4321 644", "0:0 700"]
    assert "changed=0" in server.play(stack("v1"), stack(name="media"))

    undone = server.play(playbook=restore, restore_app="cloud", restore_from=server.backups()[-1])
    assert "failed=0" in undone and server.page() == "app v2" and server.sh("cat /srv/exposure/cloud/data/letters") == "written with v2", undone


@pytest.mark.proves("R59")
def test_what_goes_keeps_its_data_and_its_backups_unless_it_is_named(server: Server) -> None:
    gone = stack("v2", state="absent")
    assert "failed=0" in server.play(gone) and server.sh("docker ps -aq --filter label=com.docker.compose.project=cloud") == ""
    assert server.sh("cat /srv/exposure/cloud/data/letters") == "written with v2" and "cloud_state" in server.sh("docker volume ls -q")
    assert "changed=0" in server.play(gone)
    kept = server.backups()
    back = server.play(playbook=str(ROOT / "playbooks/restore.yml"), restore_app="cloud")
    assert "failed=0" in back and server.page().startswith("app v"), back
    done = server.play({**gone, "purge": True})
    assert "failed=0" in done and server.sh("ls /srv/exposure") == "media" and "cloud_state" not in server.sh("docker volume ls -q"), done
    assert kept and server.backups()
