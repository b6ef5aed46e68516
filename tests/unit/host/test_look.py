"""What the Plan learns of a host, from what its commands say."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Sequence
from hashlib import md5, sha256
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils.host import look as host

WATCHING = "\n".join(
    f"ActiveState={active}\nUnitFileState={enabled}\nNeedDaemonReload=no\n"
    for active, enabled in (("active", "enabled"), ("active", "enabled"), ("inactive", "static"))
)
ROLES = Path(__file__).resolve().parents[3] / "roles"
Answers = dict[str, tuple[int, str]]

TRIXIE = 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nVERSION_CODENAME=trixie\nID=debian\n'
UPDATE = (
    "'http://archive.example/debian/dists/trixie/InRelease' archive.example_debian_dists_trixie_InRelease 0 \n"
    "'http://archive.example/debian/dists/trixie-updates/InRelease' archive.example_debian_dists_trixie-updates_InRelease 0 \n"
    "'http://archive.example/debian-security/dists/trixie-security/InRelease' x 0 \n"
)
DOCKER_LIST = [
    {"Labels": {"com.docker.compose.project": "media", "com.docker.compose.service": "jellyfin"}, "Image": "jellyfin/jellyfin", "State": "running"},
    {"Labels": {"com.docker.compose.project": "old"}, "Image": "sha256:aa", "State": "exited"},
]


def scripted(answers: Answers) -> Callable[[Sequence[str]], tuple[int, str]]:
    """A `run` that knows some commands by their beginning; all others are not there."""

    def run(command: Sequence[str]) -> tuple[int, str]:
        line = " ".join(command)
        return next((answer for start, answer in answers.items() if line.startswith(start)), (127, f"there is no command {command[0]} on this host"))

    return run


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A root of a Debian 13 on which nothing is installed."""
    monkeypatch.setattr("shutil.which", lambda name: None)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text(TRIXIE)
    return tmp_path


def test_a_bare_host_is_seen_as_bare(bare: Path) -> None:
    seen = host.look(scripted({}), bare)
    assert seen["release"] == "trixie"
    assert [seen[name] for name in ("caddy", "docker", "compose", "nft", "firewall", "caddy_released", "caddyfile_edited", "package_lists")] == [
        "",
        *[False] * 7,
    ]
    assert (seen["archive"], seen["suites"], seen["addresses"], seen["containers"]) == ("", [], [], [])
    json.dumps(seen)


def test_what_is_installed_is_seen(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    for path in ("usr/libexec/docker/cli-plugins/docker-compose", "etc/exposure/caddy/current", "etc/exposure/firewall", "var/lib/apt/lists/x_Packages"):
        (bare / path).parent.mkdir(parents=True, exist_ok=True)
        (bare / path).touch()
    rows = "caddy installed 2.11.2-1~bpo13+1\nnginx installed 1.26.3-3+deb13u1\ncertbot config-files 4.0.0-2\nlibnginx-mod-stream not-installed \n"
    seen = host.look(scripted({"dpkg-query -W -f ${Package} ${db:Status-Status} ${Version}\\n caddy nginx": (1, rows)}), bare)
    assert (seen["caddy"], seen["nginx"], seen["certbot"]) == ("2.11.2-1~bpo13+1", "1.26.3-3+deb13u1", "")
    assert seen["packages"] == ["caddy", "nginx"]
    assert [seen[name] for name in ("docker", "compose", "nft", "firewall", "caddy_released", "package_lists")] == [True] * 6
    assert seen["containers"] == []


def test_the_archive_is_the_one_apt_takes_this_release_from() -> None:
    run = scripted({"apt-get --print-uris update": (0, UPDATE)})
    assert host.archives(run, "trixie") == {"uri": "http://archive.example/debian", "suites": ["trixie", "trixie-security", "trixie-updates"]}
    assert host.archives(run, "bookworm") == {}
    assert host.archives(scripted({"apt-get": (100, UPDATE)}), "trixie") == {}


@pytest.mark.parametrize(
    ("text", "name"), [(TRIXIE, "trixie"), ('VERSION_CODENAME="bookworm"\n', "bookworm"), ("VERSION_CODENAME='sid'", "sid"), ("ID=arch\n", ""), ("", "")]
)
def test_the_code_name_of_the_release_is_read_however_it_is_quoted(text: str, name: str) -> None:
    assert host.release_of(text) == name


@pytest.mark.parametrize(
    ("package", "binary", "version"),
    [
        ((0, "caddy installed 2.6.2-5"), (0, "v9"), "2.6.2-5"),
        ((0, "caddy config-files 2.6.2-5"), (0, "v2.10.0 h1:abc=\n"), "2.10.0"),
        ((1, "dpkg-query: no packages found matching caddy"), (0, "v2.10.0 h1:abc=\n"), "2.10.0"),
        ((1, ""), (0, ""), ""),
        ((1, ""), (1, "v2.10.0"), ""),
    ],
)
def test_caddys_version_is_the_packages_else_the_binarys(
    bare: Path, monkeypatch: pytest.MonkeyPatch, package: tuple[int, str], binary: tuple[int, str], version: str
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/local/bin/{name}")
    assert host.look(scripted({"dpkg-query": package, "caddy version": binary}), bare)["caddy"] == version


WELCOME = "server {\n\tlisten 80 default_server;\n\tlisten [::]:80 default_server;\n}\n"
BROUGHT = f" /etc/nginx/sites-available/default {md5(WELCOME.encode(), usedforsecurity=False).hexdigest()}\n"


def nginx(root: Path, files: dict[str, str]) -> dict[str, Any]:
    """What is seen of an nginx with these files below etc/nginx; `sites-enabled/default` is a link as in Debian."""
    for name in ("sites-available", "sites-enabled", "conf.d"):
        (root / name).mkdir(parents=True)
    for name, text in files.items():
        (root / name).write_text(text)
    if "sites-available/default" in files:
        (root / "sites-enabled/default").symlink_to(root / "sites-available/default")
    return host.nginx_sites(scripted({"dpkg-query -W -f ${Conffiles} nginx-common": (0, BROUGHT)}), root)


def test_the_welcome_page_as_its_package_brought_it_is_nobodys_site(tmp_path: Path) -> None:
    seen = nginx(tmp_path, {"sites-available/default": WELCOME, "conf.d/exposure.conf": "include exposure/http[.]conf;"})
    assert seen == {"nginx_welcome": True, "nginx_own_sites": False, "nginx_defaults": []}


def test_a_welcome_page_that_a_person_changed_is_that_persons(tmp_path: Path) -> None:
    seen = nginx(tmp_path, {"sites-available/default": WELCOME + "# mine\n"})
    assert seen == {"nginx_welcome": False, "nginx_own_sites": True, "nginx_defaults": [str(tmp_path / "sites-enabled/default")]}


def test_the_sites_of_a_person_are_seen_and_those_that_answer_for_every_name_are_named(tmp_path: Path) -> None:
    seen = nginx(tmp_path, {"conf.d/wiki.conf": "listen 443 ssl;\nserver_name wiki.example.org;\n", "sites-enabled/all": "listen *:443 ssl default_server;\n"})
    assert seen == {"nginx_welcome": False, "nginx_own_sites": True, "nginx_defaults": [str(tmp_path / "sites-enabled/all")]}


def test_an_nginx_without_sites_is_seen_as_that(tmp_path: Path) -> None:
    assert nginx(tmp_path, {}) == {"nginx_welcome": False, "nginx_own_sites": False, "nginx_defaults": []}
    assert host.nginx_sites(scripted({}), tmp_path / "nowhere") == {"nginx_welcome": False, "nginx_own_sites": False, "nginx_defaults": []}


@pytest.mark.parametrize(
    ("line", "answers"),
    [
        ("listen 80 default_server;", True),
        ("\tlisten 443 ssl http2 default_server;", True),
        ("listen [::]:443 ssl default_server;", True),
        ("listen 192.168.1.10:80 default_server;", True),
        ("server { listen 80 default_server; }", True),
        ("listen 80\n\tdefault_server;", True),
        ("listen 80 default;", True),
        ("listen 192.168.1.10 default_server;", True),
        ("listen [::] default_server;", True),
        ("listen unix:/run/x.sock default_server;", False),
        ("listen 8080 default_server;", False),
        ("listen 443 ssl;", False),
        ("# listen 80 default_server;", False),
        ("listen 127.0.0.1:4430 default_server;", False),
        ("listen 80; listen 8080 default_server;", False),
    ],
)
def test_what_answers_for_every_name_on_80_or_443_is_told_from_what_does_not(line: str, answers: bool) -> None:
    assert bool(host.DEFAULT_SERVER.search(f"server {{\n{line}\n}}\n")) == answers


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("# by hand\nsearch lan\nnameserver 192.168.1.1\nnameserver fd00::1\n", ["192.168.1.1", "[fd00::1]"]),
        ("nameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\nnameserver 10.0.0.4\n", ["10.0.0.1", "10.0.0.2", "10.0.0.3"]),
        ("#nameserver 10.0.0.1\n", []),
    ],
)
def test_the_resolvers_of_the_host_are_as_nginx_takes_them(tmp_path: Path, text: str, servers: list[str]) -> None:
    (tmp_path / "resolv.conf").write_text(text)
    assert host.resolvers(tmp_path / "resolv.conf") == servers
    assert host.resolvers(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    ("shown", "runs"),
    [
        ((0, WATCHING), True),
        ((0, WATCHING.replace("=active", "=inactive", 1)), False),
        ((0, WATCHING.replace("=enabled", "=disabled", 1)), False),
        ((0, WATCHING.replace("=no", "=yes", 1)), False),
        ((1, ""), False),
    ],
)
def test_a_watch_that_somebody_stopped_or_disabled_is_seen_so_that_a_run_starts_it_again(bare: Path, shown: tuple[int, str], runs: bool) -> None:
    run = scripted({"systemctl show": shown})
    assert host.watch(run, bare) == {"runs": False, "textfile": ""}
    units = bare / "etc/systemd/system"
    (units / "exposure-watch.service.d").mkdir(parents=True)
    for unit in ("exposure-watch.timer", "exposure-watch.path", "exposure-watch.service"):
        (units / unit).touch()
    drop_in = (ROLES / "watch/templates/textfile.conf.j2").read_text().replace("{{ watch_textfile }}", "/var/lib/node")
    (units / "exposure-watch.service.d/textfile.conf").write_text(drop_in)
    assert host.watch(run, bare) == {"runs": runs, "textfile": "/var/lib/node"}


def test_the_digest_of_a_unit_is_that_of_all_its_files_and_none_where_one_is_missing(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"a")
    assert host.digest([one, other]) == ""
    other.write_bytes(b"b")
    assert host.digest([one, other]) == sha256(b"ab").hexdigest()


def test_a_configuration_is_a_persons_unless_it_is_as_its_package_brought_it(tmp_path: Path) -> None:
    path = tmp_path / "Caddyfile"
    run = scripted({"dpkg-query": (0, f"\n /etc/caddy/Caddyfile {md5(b'as brought', usedforsecurity=False).hexdigest()}\n")})
    assert not host.edited(run, "caddy", path)
    path.write_bytes(b"as brought")
    assert not host.edited(run, "caddy", path)
    assert host.edited(scripted({}), "caddy", path)
    path.write_bytes(b"mine")
    assert host.edited(run, "caddy", path)


ROUTE = '[{"dst":"default","gateway":"192.168.2.1","dev":"eth0","protocol":"dhcp"}]'
ADDRESSES = json.dumps(
    [
        {
            "ifname": "eth0",
            "addr_info": [
                {"family": "inet6", "local": "2001:db8::aaaa", "scope": "global", "temporary": True},
                {"family": "inet6", "local": "2001:db8::bbbb", "scope": "global", "deprecated": True},
                {"family": "inet6", "local": "2001:db8::10", "scope": "global"},
                {},
            ],
        }
    ]
)


@pytest.mark.parametrize(
    ("answers", "addresses"),
    [
        (
            {
                "ip -j -4 route": (0, ROUTE),
                "ip -j -4 address show dev eth0": (0, '[{"addr_info":[{"local":"192.168.2.10"}]}]'),
                "ip -j -6 route": (0, ROUTE),
                "ip -j -6 address show dev eth0": (0, ADDRESSES),
            },
            ["192.168.2.10", "2001:db8::10"],
        ),
        ({"ip -j -4 route": (0, "[ ]"), "ip -j -6 route": (0, "")}, []),
        ({"ip -j -4 route": (0, '[{"dst":"default","nexthops":[{"dev":"eth0"}]}]'), "ip -j -6 route": (2, "no IPv6 here")}, []),
        ({"ip -j -4 route": (0, ROUTE), "ip -j -4 address": (1, "gone")}, []),
    ],
)
def test_the_lasting_addresses_of_the_default_route_are_the_hosts(answers: Answers, addresses: list[str]) -> None:
    assert host.lan_addresses(scripted(answers)) == addresses


def engine(path: Path, answer: bytes) -> threading.Thread:
    """Something on a socket that gives one answer, whatever it is asked."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    server.settimeout(5)

    def serve() -> None:
        with server, server.accept()[0] as connection:
            connection.recv(4096)
            connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


def http(body: Any, status: str = "200 OK") -> bytes:
    text = json.dumps(body).encode()
    return f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text


def test_containers_of_compose_projects_are_listed(tmp_path: Path) -> None:
    thread = engine(tmp_path / "docker.sock", http(DOCKER_LIST))
    assert host.containers(tmp_path / "docker.sock") == [
        {"project": "media", "service": "jellyfin", "image": "jellyfin/jellyfin", "state": "running"},
        {"project": "old", "service": "", "image": "sha256:aa", "state": "exited"},
    ]
    thread.join(5)


@pytest.mark.parametrize(
    "answer", [b"", b"\0\xff garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n<html>", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[", http([], "500 Oops")]
)
def test_what_is_no_engine_has_no_containers(tmp_path: Path, answer: bytes) -> None:
    thread = engine(tmp_path / "docker.sock", answer)
    assert host.containers(tmp_path / "docker.sock") == []
    thread.join(5)


def test_no_engine_has_no_containers(tmp_path: Path) -> None:
    assert host.containers(tmp_path / "docker.sock") == []


def test_what_apps_were_first_started_with_is_seen_and_what_is_no_record_is_not(bare: Path) -> None:
    folder = bare / "etc/exposure/apps"
    folder.mkdir(parents=True)
    (folder / "tao.json").write_text('{"app": "tao", "fixed": {"EXPOSURE_HOST": "tao.example.org"}}')
    (folder / "broken.json").write_text("{")
    (folder / "list.json").write_text("[]")
    (folder / ".tao.json.new").write_text('{"fixed": {}}')
    assert host.look(scripted({}), bare)["fixed"] == {"tao": {"EXPOSURE_HOST": "tao.example.org"}}
