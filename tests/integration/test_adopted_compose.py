"""Compose files of a person's own on a real engine: what a look finds, whom the apps really see, and what becomes of file and app.

The host is a container with systemd, Docker 26 and Compose 2 in it. The proxy is Debian's Caddy in a container; the apps are stand-ins on the ports of
the real ones, which answer with the address that they see their client come from.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import yaml

from plugins.filter.compose_files import compose_files
from plugins.module_utils.plan.model import AdoptedApp, Plan
from plugins.module_utils.plan.networks import gateway
from tests.unit.plan.declarations import catalogue, host, mistakes, plan

ROOT = Path(__file__).resolve().parents[2]
BED = ROOT / "molecule" / "internet"
BIN = Path(sys.executable).parent
NAME, VOLUME = "adopt-home", "adopt-docker"
RECIPE = """\
ARG BASE
FROM ${BASE}
RUN apt-get update -q && apt-get install -qy --no-install-recommends docker.io docker-cli docker-compose caddy iptables python3-yaml curl \
  && systemctl disable caddy docker && rm -rf /var/lib/apt/lists/*
"""
APP = """
import http.server, json, os, sys


class App(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"Home Assistant" if self.path == "/manifest.json" else json.dumps({"peer": self.client_address[0], "host": self.headers.get("Host")}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)


if os.path.exists("/config/.storage/http") and os.environ.get("HATES_SETTINGS"):
    sys.exit("I cannot live with these settings")
http.server.ThreadingHTTPServer(("", int(os.environ.get("PORT") or os.environ.get("WHOAMI_PORT_NUMBER") or "8123")), App).serve_forever()
"""
MAPIO = """\
# the home, as MAPIO brings it
services:
  homeassistant:
    container_name: homeassistant
    image: "ghcr.io/home-assistant/home-assistant:2026.11.0"
    depends_on:
      - zigbee2mqtt
      - caddy
    volumes:
      - /usr/local/homeassistant:/config
      - /etc/localtime:/etc/localtime:ro
    restart: unless-stopped
    network_mode: host

  zigbee2mqtt:
    image: app:1
    environment: [PORT=8080]
    network_mode: host

  caddy:
    image: caddy:2
    restart: unless-stopped
    ports:
      - 443:443
      - 8081:80
    environment:
      - CADDY_INGRESS_NETWORKS=caddy
    networks:
      - caddy
    extra_hosts:
      - host.docker.internal:host-gateway
    volumes:
      - /usr/local/caddy/Caddyfile:/etc/caddy/Caddyfile
      - /usr/local/caddy/caddy_data:/data

networks:
  caddy:
"""
CADDYFILE = "# mondomaine.ddnsfree.com\nhttp:// {\n\treverse_proxy host.docker.internal:8123\n}\n"
MEDIA = """\
services:
  homeassistant:   # the only one that anybody sees
    image: app:1
    environment: {SECRET_TOKEN: hunter2hunter2, PORT: "8123"}
    volumes: ["./config:/config"]
    ports:
      - "8123:8123"   # the page
      - 5353:5353/udp
    networks: [front, back]
  db:
    image: app:1
    networks: [back]
networks:
  front:
  back:
"""


def docker(*words: str, check: bool = True, given: bytes | None = None) -> str:
    done = subprocess.run(["docker", *words], input=given, capture_output=True, timeout=600, check=False)
    output = (done.stdout + (done.stderr if done.returncode or not check else b"")).decode(errors="replace")
    assert not check or done.returncode == 0, f"docker {' '.join(words)}\n{output}"
    return output.strip()


def image() -> str:
    """The image of the host, built where its recipe is new."""
    if subprocess.run(["docker", "image", "inspect", "exposure-bed/trixie:current"], capture_output=True, check=False).returncode:
        subprocess.run([BED / "engine.sh"], check=True)
        subprocess.run([sys.executable, BED / "images.py", "trixie"], check=True)
    base = docker("image", "inspect", "--format", "{{.Id}}", "exposure-bed/trixie:current")
    tag = f"adopt-home:{hashlib.sha256((base + RECIPE).encode()).hexdigest()[:12]}"
    if subprocess.run(["docker", "image", "inspect", tag], capture_output=True, check=False).returncode:
        build = ["build", "-q", "--force-rm", "--network", "host", "-t", tag, "--build-arg", "BASE=exposure-bed/trixie:current", "-"]
        docker(*build, given=RECIPE.encode())
    return tag


class Home:
    """A host whose owner has compose files."""

    def sh(self, script: str, check: bool = True) -> str:
        return docker("exec", NAME, "sh", "-c", script, check=check)

    def write(self, path: str, text: str) -> None:
        docker("exec", "-i", NAME, "sh", "-c", f"mkdir -p {Path(path).parent}; cat > {path}", given=text.encode())

    def python(self, script: str, given: object) -> Any:
        """What a script of the product's own code says on the host, as JSON."""
        done = docker("exec", "-i", "-e", "PYTHONPATH=/opt", NAME, "python3", "-c", f"import json, sys\n{script}", given=json.dumps(given).encode())
        return json.loads(done.splitlines()[-1])

    def look(self, apps: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        script = (
            "from pathlib import Path\nfrom exposure.host import compose_files as c\n"
            "print(json.dumps(c.look(json.load(sys.stdin), c.run, c.ask(Path('/run/docker.sock')))))"
        )
        found = self.python(script, compose_files([*apps]))
        assert isinstance(found, dict)
        return found

    def inventory(self, app: Mapping[str, Any], **lines: Any) -> Any:
        found = {"release": "trixie", "addresses": [self.address()], "adopted": self.look([app])}
        return host(found=found, domain="casa.example", apps=[app], sites=[{"name": "home", "app": app["name"]}], **lines)

    def plan(self, app: Mapping[str, Any]) -> Plan:
        return plan(catalogue(), home=self.inventory(app))

    def adopted(self, app: Mapping[str, Any]) -> AdoptedApp:
        (its,) = self.plan(app).hosts["home"].adopted
        return its

    def settle(self, app: AdoptedApp, check: bool = False) -> dict[str, Any]:
        script = (
            "from exposure.apps.adopted import settle_adopted\nfrom exposure.apps.files import Unknown\nfrom exposure.release.machine import Machine\n"
            "given = json.load(sys.stdin)\n"
            "try:\n"
            "    done = settle_adopted([given['app']], Machine().run, given['check'])\n"
            "    print(json.dumps({'changed': done.changed, 'backups': done.backups, 'diff': len(done.diff)}))\n"
            "except Unknown as refused:\n"
            "    print(json.dumps({'refused': str(refused)}))\n"
        )
        its = asdict(app)
        its["health"]["wait"] = 20 if its["health"] else 0
        done = self.python(script, {"app": its, "check": check})
        assert isinstance(done, dict)
        return done

    def address(self) -> str:
        return self.sh("hostname -i").split()[0]

    def up(self, folder: str, *services: str) -> None:
        self.sh(f"cd {folder} && docker compose up -d {' '.join(services)} 2>&1")

    def started(self, container: str) -> str:
        return self.sh(f"docker inspect --format '{{{{.Id}}}} {{{{.State.StartedAt}}}}' {container}")

    def peer(self, url: str) -> str:
        """Whom the app behind a URL sees."""
        for _ in range(60):
            answer = self.sh(f"curl -s -m 5 {url} || true")
            if answer.startswith("{"):
                return str(json.loads(answer)["peer"])
            time.sleep(0.5)
        raise AssertionError(self.sh("docker ps -a; docker logs --tail 20 $(docker ps -lq)", check=False))

    def digest(self, path: str) -> str:
        return self.sh(f"sha256sum {path}").split()[0]


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    if subprocess.run(["docker", "version"], capture_output=True, check=False).returncode:
        pytest.skip("no Docker engine answers here")
    rights = [
        "--cap-add",
        "SYS_ADMIN",
        "--cap-add",
        "NET_ADMIN",
        "--cap-add",
        "SYS_PTRACE",
        "--security-opt",
        "seccomp=unconfined",
        "--security-opt",
        "apparmor=unconfined",
    ]
    groups = "host" if docker("info", "--format", "{{.CgroupVersion}}") == "1" else "private"
    mounts = ["-v", "/sys/fs/cgroup:/sys/fs/cgroup:rw", "--tmpfs", "/run", "--tmpfs", "/run/lock", "-v", f"{VOLUME}:/var/lib/docker"]
    tag = image()
    remove()
    docker("run", "-d", "--name", NAME, "--hostname", NAME, *rights, f"--cgroupns={groups}", *mounts, tag, "/lib/systemd/systemd")
    machine = Home()
    try:
        prepare(machine)
        yield machine
    finally:
        remove()


def remove() -> None:
    docker("rm", "-f", NAME, check=False)
    docker("volume", "rm", VOLUME, check=False)


def prepare(machine: Home) -> None:
    """The engine runs, with an app and a Caddy made of the host's own files, and the product's code is there."""
    machine.sh("mount -o remount,rw /proc/sys; for i in $(seq 60); do systemctl start docker && break; sleep 1; done; mkdir -p /opt/image /opt/exposure")
    machine.sh("printf '' > /opt/exposure/__init__.py")
    archive = BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(ROOT / "plugins/module_utils", "exposure", filter=lambda one: None if "__pycache__" in one.name else one)
    docker("exec", "-i", NAME, "tar", "-x", "-C", "/opt", given=archive.getvalue())
    machine.write("/opt/image/app.py", APP)
    machine.sh(
        "tar -c -C / --exclude=usr/share/doc --exclude=usr/share/locale --exclude=usr/lib/systemd --exclude=usr/sbin/dockerd --exclude=usr/libexec/docker "
        "--exclude=usr/bin/docker* --exclude=usr/bin/containerd* --exclude=usr/sbin/runc bin lib lib64 usr etc/ssl etc/passwd etc/group -C /opt/image app.py "
        """| docker import -c 'CMD ["/usr/bin/python3","-u","/app.py"]' -c 'STOPSIGNAL SIGKILL' - app:1"""
    )
    machine.sh(
        """printf 'FROM app:1\\nCMD ["/usr/bin/caddy","run","--config","/etc/caddy/Caddyfile","--adapter","caddyfile"]\\n' """
        "| DOCKER_BUILDKIT=0 docker build -q -t caddy:2 -; docker tag app:1 ghcr.io/home-assistant/home-assistant:2026.11.0"
    )


@pytest.fixture
def mapio(home: Home) -> Iterator[str]:
    home.write("/usr/local/mapio/docker-compose.yml", MAPIO)
    home.write("/usr/local/caddy/Caddyfile", CADDYFILE)
    home.write(
        "/usr/local/homeassistant/configuration.yaml",
        "http:\n  use_x_forwarded_for: true\n  trusted_proxies:\n    - 127.0.0.1\n    - 172.16.0.0/12\n    - ::1\n",
    )
    home.write("/usr/local/homeassistant/.HA_VERSION", "2026.11.0")
    home.up("/usr/local/mapio", "homeassistant")
    yield "/usr/local/mapio/docker-compose.yml"
    home.sh("cd /usr/local/mapio && docker compose down -t 0 2>&1; rm -rf /usr/local/mapio /usr/local/caddy /usr/local/homeassistant")


@pytest.fixture
def media(home: Home) -> Iterator[str]:
    home.write("/srv/media/docker-compose.yml", MEDIA)
    home.up("/srv/media")
    home.peer("http://127.0.0.1:8123/")
    yield "/srv/media/docker-compose.yml"
    home.sh("cd /srv/media && docker compose down -t 0 2>&1; rm -rf /srv/media")


BEHIND_CADDY = {"name": "home", "app": "home_assistant", "compose": "/usr/local/mapio/docker-compose.yml", "proxied_by": "caddy"}
OF_MEDIA = {"name": "home", "app": "home_assistant", "compose": "/srv/media"}


@pytest.mark.proves("R17", "R43", "R52")
def test_the_home_of_mapio_is_told_exactly_the_address_that_it_sees_its_caddy_come_from(home: Home, mapio: str) -> None:
    app = home.adopted(BEHIND_CADDY)
    assert app.service == "homeassistant" and app.peers == [home.peer("http://127.0.0.1:8081/")]
    before = [home.started("mapio-caddy-1"), home.started("mapio-zigbee2mqtt-1"), home.digest(mapio)]
    its = home.started("homeassistant")
    assert home.settle(app, check=True)["changed"] == ["home"] and home.started("homeassistant") == its
    assert home.settle(app)["changed"] == ["home"]
    store = json.loads(home.sh("cat /usr/local/homeassistant/.storage/http"))
    assert store["data"]["trusted_proxies"] == [home.peer("http://127.0.0.1:8081/")]
    assert "172.16.0.0/12" not in home.sh("cat /usr/local/homeassistant/configuration.yaml")
    assert [home.started("mapio-caddy-1"), home.started("mapio-zigbee2mqtt-1"), home.digest(mapio)] == before
    assert home.started("homeassistant") != its and home.started("homeassistant").split()[0] == its.split()[0]
    again = home.started("homeassistant")
    assert home.settle(home.adopted(BEHIND_CADDY)) == {"changed": [], "backups": [], "diff": 0} and home.started("homeassistant") == again


@pytest.mark.proves("R43")
def test_a_proxy_that_was_made_anew_with_another_address_is_trusted_with_that_after_the_next_run(home: Home, mapio: str) -> None:
    (first,) = home.adopted(BEHIND_CADDY).peers
    fixed = MAPIO.replace("    networks:\n      - caddy\n", "    networks: {caddy: {ipv4_address: 10.78.9.77}}\n")
    home.write(mapio, fixed.replace("networks:\n  caddy:\n", "networks:\n  caddy: {ipam: {config: [{subnet: 10.78.9.0/24}]}}\n"))
    home.sh("cd /usr/local/mapio && docker compose down -t 0 2>&1")
    assert home.adopted(BEHIND_CADDY).peers == ["10.78.9.77"]
    home.up("/usr/local/mapio", "homeassistant")
    app = home.adopted(BEHIND_CADDY)
    assert app.peers == ["10.78.9.77"] == [home.peer("http://127.0.0.1:8081/")] != [first]
    assert not [note for note in app.notes if "chose" in note]


@pytest.mark.proves("R17")
def test_a_firewall_between_the_proxy_and_its_host_is_found_by_trying(home: Home, mapio: str) -> None:
    assert not [note for note in home.adopted(BEHIND_CADDY).notes if "firewall" in note]
    home.sh("iptables -I INPUT -i br-+ -p tcp --dport 8123 -j DROP")
    try:
        (note,) = [note for note in home.adopted(BEHIND_CADDY).notes if "firewall" in note]
        assert "host.docker.internal:8123" in note and "ufw allow from 172." in note
    finally:
        home.sh("iptables -D INPUT -i br-+ -p tcp --dport 8123 -j DROP")


@pytest.mark.proves("R17", "R23")
def test_a_proxy_that_cannot_find_its_host_and_a_caddyfile_that_is_not_there_are_found(home: Home, mapio: str) -> None:
    home.write(mapio, MAPIO.replace("    extra_hosts:\n      - host.docker.internal:host-gateway\n", ""))
    assert any('extra_hosts: ["host.docker.internal:host-gateway"]' in note for note in home.adopted(BEHIND_CADDY).notes)
    home.sh("rm /usr/local/caddy/Caddyfile")
    (mistake,) = mistakes(catalogue(), home=home.inventory(BEHIND_CADDY))
    assert mistake.field == "/usr/local/caddy/Caddyfile"
    home.sh("mkdir /usr/local/caddy/Caddyfile")
    (mistake,) = mistakes(catalogue(), home=home.inventory(BEHIND_CADDY))
    assert "rmdir" in mistake.write
    home.sh("rmdir /usr/local/caddy/Caddyfile")


@pytest.mark.proves("R43")
def test_an_app_with_two_networks_sees_the_gateway_that_the_look_found(home: Home, media: str) -> None:
    app = home.adopted(OF_MEDIA)
    assert app.peers == [home.peer("http://127.0.0.1:8123/")] and app.files == [media]
    assert any('"127.0.0.1:8123:8123"' in note for note in app.notes)


def test_no_value_of_an_environment_leaves_the_host(home: Home, media: str) -> None:
    assert "hunter2" not in json.dumps(home.look([OF_MEDIA]))


@pytest.mark.proves("R51", "R52", "R60")
def test_the_port_of_an_app_is_put_on_loopback_with_a_copy_beside_the_file_and_nothing_else_is_touched(home: Home, media: str) -> None:
    declared = {**OF_MEDIA, "publish": "loopback"}
    database, its = home.started("media-db-1"), home.started("media-homeassistant-1")
    outside = f"http://{home.address()}:8123/"
    assert home.settle(home.adopted(declared), check=True)["changed"] == ["home"]
    assert home.digest(media) == hashlib.sha256(MEDIA.encode()).hexdigest() and home.started("media-homeassistant-1") == its
    done = home.settle(home.adopted(declared))
    assert done["changed"] == ["home"], done
    assert home.sh(f"cat {media}") == MEDIA.replace('"8123:8123"', '"127.0.0.1:8123:8123"').strip()
    copies = [one for one in done["backups"] if "docker-compose" in one]
    assert [home.digest(one) for one in copies] == [hashlib.sha256(MEDIA.encode()).hexdigest()]
    assert home.sh(f"curl -s -m 3 {outside} || echo closed") == "closed"
    app = home.adopted(declared)
    assert app.peers == [home.peer("http://127.0.0.1:8123/")]
    assert home.started("media-db-1") == database
    assert "5353/udp" in home.sh("docker ps --format '{{.Ports}}' --filter name=media-homeassistant")
    running = home.started("media-homeassistant-1")
    assert home.settle(app)["changed"] == [] and home.started("media-homeassistant-1") == running
    assert home.sh("ls -A /srv/media").split() == sorted([Path(one).name for one in copies] + ["config", "docker-compose.yml"])


@pytest.mark.proves("R57", "R60")
def test_where_an_app_cannot_be_started_on_loopback_its_file_comes_back_and_it_runs_as_before(home: Home, media: str) -> None:
    address = home.address()
    home.write(media, MEDIA.replace('"8123:8123"', f'"{address}:8123:8123"'))
    home.up("/srv/media")
    home.peer(f"http://{address}:8123/")
    before = home.digest(media)
    home.sh("systemd-run -q --unit=rival python3 -m http.server 8123 --bind 127.0.0.1")
    home.sh("for i in $(seq 50); do curl -s 127.0.0.1:8123 > /dev/null && break; sleep 0.2; done")
    try:
        done = home.settle(home.adopted({**OF_MEDIA, "publish": "loopback"}))
        assert "is as it was" in done["refused"]
        assert home.digest(media) == before
        home.peer(f"http://{address}:8123/")
    finally:
        home.sh("systemctl stop rival")


def test_what_its_owner_wrote_and_did_not_start_yet_is_not_started_for_them(home: Home, media: str) -> None:
    app = home.adopted({**OF_MEDIA, "publish": "loopback"})
    edited = MEDIA.replace('PORT: "8123"', 'PORT: "8124"')
    home.write(media, edited)
    its = home.started("media-homeassistant-1")
    assert "changed since" in home.settle(app)["refused"]
    assert home.digest(media) == hashlib.sha256(edited.encode()).hexdigest() and home.started("media-homeassistant-1") == its


@pytest.mark.proves("R57", "R60")
def test_an_app_that_does_not_live_with_its_new_settings_gets_its_files_back_and_runs(home: Home, media: str) -> None:
    home.write(media, MEDIA.replace('PORT: "8123"', 'PORT: "8123", HATES_SETTINGS: "1"'))
    home.write("/srv/media/config/.HA_VERSION", "2026.11.0")
    home.up("/srv/media")
    home.peer("http://127.0.0.1:8123/")
    files = home.sh("ls -AR /srv/media/config")
    done = home.settle(home.adopted(OF_MEDIA))
    assert "did not answer" in done["refused"]
    home.peer("http://127.0.0.1:8123/")
    assert home.sh("ls -A /srv/media/config/.storage") == "" and ".HA_VERSION" in files


def test_an_app_that_its_owner_stopped_is_told_and_stays_stopped(home: Home, media: str) -> None:
    home.write("/srv/media/config/.HA_VERSION", "2026.11.0")
    peers = home.adopted(OF_MEDIA).peers
    home.sh("docker stop -t 0 media-homeassistant-1")
    app = home.adopted(OF_MEDIA)
    assert app.peers == peers and home.settle(app)["changed"] == ["home"]
    assert home.sh("docker ps --format '{{.Names}}' --filter name=media-homeassistant") == ""
    assert home.sh("test -e /srv/media/config/.storage/http && echo there") == "there"


def test_a_proxy_in_the_same_network_is_seen_with_its_own_address_and_by_the_host_with_the_gateway(home: Home, media: str) -> None:
    caddy = {
        "image": "caddy:2",
        "networks": ["front"],
        "ports": ["8081:80"],
        "volumes": ["./Caddyfile:/etc/caddy/Caddyfile"],
        "extra_hosts": ["host.docker.internal:host-gateway"],
    }
    declared = {**OF_MEDIA, "proxied_by": "caddy"}
    whole = yaml.safe_load(MEDIA)
    home.write(media, json.dumps({**whole, "services": {**whole["services"], "caddy": caddy}}))
    seen = []
    for upstream in ("homeassistant:8123", "host.docker.internal:8123"):
        home.write("/srv/media/Caddyfile", f"http:// {{\n\treverse_proxy {upstream}\n}}\n")
        home.sh("cd /srv/media && docker compose up -d --force-recreate caddy 2>&1")
        peer = home.peer("http://127.0.0.1:8081/")
        assert home.adopted(declared).peers == [peer]
        seen.append(peer)
    assert seen[0] != seen[1]


@pytest.mark.proves("R51")
def test_the_order_of_a_person_s_file_is_kept(home: Home, mapio: str) -> None:
    home.settle(home.adopted(BEHIND_CADDY))
    home.sh("cd /usr/local/mapio && docker compose down -t 0 2>&1")
    home.up("/usr/local/mapio", "homeassistant")
    times = {name: home.started(name).split()[1] for name in ("mapio-zigbee2mqtt-1", "mapio-caddy-1", "homeassistant")}
    assert max(times, key=lambda name: times[name]) == "homeassistant" and len(times) == 3


def play(folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_HOME": str(folder)}
    command = [str(BIN / "ansible-playbook"), *map(str, words)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.proves("R17")
def test_the_playbook_tells_the_home_of_mapio_and_changes_nothing_in_a_second_run(home: Home, mapio: str, tmp_path: Path) -> None:
    lines = {
        "ansible_connection": "community.docker.docker",
        "ansible_python_interpreter": "/usr/bin/python3",
        "exposure_domain": "mapio.example",
        "exposure_directory": "/usr/local/exposure",
        "exposure_apps": [BEHIND_CADDY],
        "exposure_sites": [{"name": "home", "app": "home"}],
    }
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(yaml.safe_dump({"all": {"hosts": {NAME: lines}}}))
    told = []
    for _ in range(2):
        done = play(tmp_path, "-i", inventory, ROOT / "playbooks/site.yml", "--skip-tags", "verify")
        assert done.returncode == 0, done.stdout + done.stderr
        told.append(done.stdout)
    assert "changed=1 " in told[0] and "changed=0 " in told[1] and "which Docker chose" in told[1]
    store = json.loads(home.sh("cat /usr/local/homeassistant/.storage/http"))
    assert store["data"]["trusted_proxies"] == [home.peer("http://127.0.0.1:8081/")]
    assert home.sh("ls /etc/exposure /etc/caddy/conf.d 2>/dev/null | wc -l") == "0"


def test_a_stack_of_ours_runs_where_etc_cannot_be_written_and_there_is_no_package_manager(home: Home, tmp_path: Path) -> None:
    """As on MAPIO: room below /usr/local alone, no apt, and a docker-compose that stands by itself."""
    plugin, alone = "/usr/libexec/docker/cli-plugins/docker-compose", "/usr/local/bin/docker-compose"
    made = plan(catalogue(), home=host(groups=("proxy",), directory="/usr/local/exposure", apps=[{"name": "whoami"}])).hosts["home"]
    stacks = [asdict(stack) for stack in made.stacks]
    book = tmp_path / "play.yml"
    book.write_text("- hosts: all\n  gather_facts: false\n  roles: [homeserver.exposure.docker, homeserver.exposure.apps]\n")
    variables = {
        "apps_stacks": stacks,
        **{f"apps_{kind}": made.places[place] for kind, place in (("projects", "stacks"), ("secrets", "secrets"), ("records", "records"))},
    }
    words = ["-i", f"{NAME},", "-c", "community.docker.docker", book, "-e", json.dumps({**variables, "ansible_python_interpreter": "/usr/bin/python3"})]
    home.sh("docker tag app:1 traefik/whoami:v1.11.0")
    home.sh(f"cp -L {plugin} {alone}; mv {plugin} /opt/plugin; mv /usr/bin/apt-get /opt/; mount --bind /etc /etc; mount -o remount,bind,ro /etc")
    try:
        assert home.sh("docker compose version 2>&1 || echo none").endswith("none")
        first, second = play(tmp_path, *words), play(tmp_path, *words)
        assert first.returncode == 0, first.stdout + first.stderr
        assert "changed=0 " in second.stdout, second.stdout
        assert home.peer("http://127.0.0.1:8080/") == gateway(made.stacks[0].network)
        assert home.sh("ls /usr/local/exposure/stacks") == "whoami"
        home.sh(f"docker compose -p whoami down -t 0 2>&1; rm -rf {alone} /usr/local/lib/docker/cli-plugins")
        bare = play(tmp_path, *words)
        assert bare.returncode and "lacks Docker Compose 2, and has no apt" in bare.stdout.replace("\n", " ").replace("    ", "")
    finally:
        home.sh(f"umount /etc; mv /opt/plugin {plugin}; mv /opt/apt-get /usr/bin/; rm -f {alone}")
