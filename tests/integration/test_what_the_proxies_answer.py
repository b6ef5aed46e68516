"""What a proxy answers by itself, and what it tells an app: real engines of this machine's release, as processes of these tests, on ports of their own."""

from __future__ import annotations

import http.client
import http.server
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from plugins.filter.away import away_files
from plugins.module_utils.plan.model import Plan, Proxy
from tests.tools import program
from tests.unit.plan.declarations import ROLES, host, nginx_files, plan, proxy_of, rendered
from tests.unit.plan.nginx import PORTS, Nginx

FOUND = {"nginx": {"release": "bookworm", "nginx": "1.22.1"}, "caddy": {"release": "bookworm", "caddy": "2.6.2"}}
if os.environ.get("EXPOSURE_TOOLS_ARE") == "trixie":
    FOUND = {"nginx": {"release": "trixie", "nginx": "1.26.3"}, "caddy": {"release": "trixie", "caddy": "2.11.2"}}
NASTY = "$host ${} {env.HOME} {$HOME} {http.request.uri} {uri} ` ' \" \\ \n é </script> {{ 7 }} \\{ {} # ; é\x7f"
BODY = {"m.server": "${EXPOSURE_HOST}:443", "nasty": NASTY, "empty": {}, "list": [{}, [], {"a": {"b": None}}], "http.request.uri": 1, "{env.HOME}": 2.5}
SAYS = {"Access-Control-Allow-Origin": "*", "X-Says": 'it\'s "fine"; a=b # c // d'}
CHAT = {
    "title": "Chat",
    "image": "docker.io/example/chat",
    "version": "1",
    "port": 8008,
    "proxy": {
        "only": ["/_matrix", "/_synapse/client"],
        "answers": [
            {"path": "/.well-known/matrix/server", "exact": True, "json": BODY, "headers": SAYS},
            {"path": "/_matrix/metrics", "status": 404},
            {"path": "/.well-known/carddav", "exact": True, "redirect": "/_matrix/dav/"},
            {"path": "/gone", "status": 410},
        ],
    },
}


def free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


class App(http.server.ThreadingHTTPServer):
    """An app that says what it was asked, and that answers /own/STATUS with that status and a body of its own."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Asked)
        self.asked: list[str] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class Asked(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: App

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        own = re.match(r".*/own/(\d{3})\Z", self.path)
        body = b"the app's own words" if own else json.dumps({"path": self.path, "headers": dict(self.headers.items())}).encode()
        self.send_response(int(own[1]) if own else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_POST = do_GET

    def log_message(self, *words: Any) -> None:
        pass


class Engine:
    """A proxy that serves the sites of `declared`."""

    def __init__(self, kind: str, folder: Path, app: App) -> None:
        self.kind, self.folder, self.app = kind, folder, app
        self.http, self.https, self.outside, closed, silent = free_ports(5)
        self.silent = socket.create_server(("127.0.0.1", silent), backlog=8)  # it takes connections and never answers
        self.process: subprocess.Popen[bytes] | None = None
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{folder}/privkey.pem", "-out", f"{folder}/fullchain.pem"]
        names = ["-subj", "/CN=test", "-addext", "subjectAltName=DNS:*.example.org"]
        subprocess.run(["openssl", "req", "-x509", *key, *names], check=True, capture_output=True)
        up = f"http://127.0.0.1:{app.port}"
        sites: list[dict[str, Any]] = [
            {"name": "chat", "app": "chat", "hsts": "1d", "paths": [{"path": "/own", "upstream": up}]},
            {"name": "part", "upstream": up, "paths": [{"path": "/_matrix", "app": "chat"}, {"path": "/deep", "app": "chat", "strip": True}]},
            {"name": "who", "upstream": up, "max_body": "1k"},
            {"name": "off", "upstream": up, "maintenance": True, "max_body": "1k"},
            {"name": "down", "upstream": f"http://127.0.0.1:{closed}"},
            {"name": "silent", "upstream": f"http://127.0.0.1:{silent}", "read_timeout": "1s"},
        ]
        lines: dict[str, Any] = {"domain": "example.org", "proxy": kind, "ports": {"https": self.outside}, "apps": [{"name": "chat", "port": app.port}]}
        self.plan = plan({"chat": CHAT}, home=host(sites=[{**site, "tls": "local"} for site in sites], found=FOUND[kind], **lines))
        (self.caddy if kind == "caddy" else self.nginx)(self.plan)
        self.wait()

    def files(self, proxy: Proxy) -> list[dict[str, str]]:
        return away_files([asdict(site) for site in proxy.sites], (ROLES / "caddy/files/away.html").read_text())

    def place(self, tree: Path, files: Mapping[str, str]) -> None:
        for path, content in files.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_text(content)

    def caddy(self, made: Plan) -> None:
        text = rendered(made, "home").replace("admin unix//run/caddy/admin.sock", f"admin off\n\thttp_port {self.http}\n\thttps_port {self.https}")
        text = text.replace(":443, ", f":{self.https}, ").replace("/run/exposure-caddy", f"{self.folder}/tree")
        text = re.sub(r"/etc/exposure/certificates/[^/]+/", f"{self.folder}/", text)
        self.place(self.folder / "tree", {"Caddyfile": text, **{one["path"]: one["content"] for one in self.files(proxy_of(made))}})
        known = {"HOME": str(self.folder), "XDG_DATA_HOME": f"{self.folder}/data", "XDG_CONFIG_HOME": f"{self.folder}/config"}
        command = [program("caddy", "/usr/bin/caddy"), "run", "--adapter", "caddyfile", "--config", f"{self.folder}/tree/Caddyfile"]
        self.start(command, known)

    def nginx(self, made: Plan) -> None:
        nginx = Nginx(self.folder / "n")
        proxy = proxy_of(made)
        files = nginx_files(asdict(proxy), [""], certificates=f"{nginx.folder}/store")
        tree = nginx.write(files)
        for name in ("http.conf",):
            text = (tree / name).read_text().replace("/run/exposure-nginx", str(tree))
            text = re.sub(r"(\blisten )(30080|30443)\b", lambda found: found[1] + str({PORTS["80"]: self.http, PORTS["443"]: self.https}[found[2]]), text)
            (tree / name).write_text(text)
        self.place(tree, {one["path"]: one["content"] for one in self.files(proxy)})
        for name in ("privkey.pem", "fullchain.pem"):
            (nginx.folder / "store/any" / name).write_bytes((self.folder / name).read_bytes())
        etc = nginx.folder / "etc/nginx"
        (etc / "exposure").rmdir()
        (etc / "exposure").symlink_to(tree)
        (nginx.folder / "run").mkdir()
        main = (etc / "nginx.conf").read_text()
        (etc / "nginx.conf").write_text(re.sub(r"^user .*;", "user root;" if os.geteuid() == 0 else "", main, flags=re.MULTILINE))
        self.start([f"{nginx.folder}/bin/nginx", "-c", f"{etc}/nginx.conf", "-g", "daemon off;"], {"PATH": "/usr/bin:/bin"})

    def start(self, command: list[str], known: Mapping[str, str]) -> None:
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(command, env=dict(known), stdout=log, stderr=log)

    def wait(self) -> None:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.outside), 1).close()
                return
            except OSError:
                assert self.process and self.process.poll() is None, (self.folder / "log").read_text()
                time.sleep(0.1)
        raise AssertionError((self.folder / "log").read_text())

    def stop(self) -> None:
        self.silent.close()
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)

    def ask(self, site: str, path: str = "/", method: str = "GET", *, port: int = 0, body: bytes | None = None, **headers: str) -> Any:
        """An answer, with its body as `text`."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        raw = socket.create_connection(("127.0.0.1", port or self.outside), 10)
        channel = context.wrap_socket(raw, server_hostname=f"{site}.example.org")
        connection = http.client.HTTPConnection(f"{site}.example.org", timeout=10)
        connection.sock = channel
        said = {"Host": f"{site}.example.org", **{name.replace("_", "-"): value for name, value in headers.items()}}
        connection.request(method, path, body=body, headers=said)
        answer: Any = connection.getresponse()
        answer.text = answer.read().decode()
        connection.close()
        return answer


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    one = App()
    yield one
    one.shutdown()


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def engine(request: pytest.FixtureRequest, app: App) -> Iterator[Engine]:
    with tempfile.TemporaryDirectory(prefix="proxy") as folder:
        one = Engine(request.param, Path(folder), app)
        yield one
        one.stop()


def is_away(answer: Any, site: str) -> None:
    """The page of a site that is away, with all that belongs to it and no word of the software."""
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "30"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers.get_all("X-Content-Type-Options") == ["nosniff"]
    assert answer.headers.get_all("Referrer-Policy") == ["strict-origin-when-cross-origin"]
    assert not {"etag", "last-modified", "accept-ranges"} & {name.lower() for name in answer.headers}
    assert not re.search("nginx|caddy|gateway", answer.text, re.IGNORECASE)
    assert f"<h1>{site}.example.org is away for a moment</h1>" in answer.text or not answer.text


@pytest.mark.proves("R58")
@pytest.mark.parametrize("site", ["off", "down", "silent"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "OPTIONS"])
def test_an_app_that_is_away_and_a_site_in_maintenance_show_the_same_page_whatever_is_asked(engine: Engine, site: str, method: str) -> None:
    before = len(engine.app.asked)
    answer = engine.ask(site, "/any/where?x=1", method, body=b"x" * 5000 if method in ("POST", "PUT") else None, Accept="application/json")
    is_away(answer, site)
    assert bool(answer.text) == (method != "HEAD")
    assert len(engine.app.asked) == before


@pytest.mark.proves("R58")
@pytest.mark.parametrize("site", ["off", "down"])
def test_no_part_and_no_old_copy_of_the_page_is_given(engine: Engine, site: str) -> None:
    for headers in ({"Range": "bytes=0-3"}, {"If-None-Match": "*"}, {"If-Modified-Since": "Fri, 01 Jan 2038 00:00:00 GMT"}, {"If_Match": '"x"'}):
        answer = engine.ask(site, **headers)
        is_away(answer, site)
        assert answer.text.endswith("</html>\n")


@pytest.mark.proves("R58")
def test_the_page_itself_cannot_be_asked_for_where_the_app_is_there(engine: Engine) -> None:
    answers = [engine.ask("who", path) for path in ("/.away", "/away/who.html")]
    assert [one.status for one in answers] in ([200, 200], [404, 200])
    assert "away for a moment" not in "".join(one.text for one in answers)


@pytest.mark.proves("R58")
@pytest.mark.parametrize("status", [500, 502, 503, 504, 404])
def test_what_the_app_itself_says_of_an_error_goes_through_untouched(engine: Engine, status: int) -> None:
    answer = engine.ask("who", f"/own/{status}")
    assert (answer.status, answer.text) == (status, "the app's own words")
    assert "Retry-After" not in answer.headers


def test_a_body_that_is_too_large_is_no_app_that_is_away(engine: Engine) -> None:
    try:
        answer = engine.ask("who", "/", "POST", body=b"x" * 5000)
    except OSError:
        return  # it ended the connection
    assert answer.status == 413


@pytest.mark.proves("R45")
def test_a_body_of_the_catalogue_arrives_as_it_is_meant(engine: Engine) -> None:
    answer = engine.ask("chat", "/.well-known/matrix/server")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert json.loads(answer.text) == {**BODY, "m.server": "chat.example.org:443"}
    assert {name: answer.headers.get_all(name) for name in SAYS} == {name: [value] for name, value in SAYS.items()}
    assert answer.headers.get_all("X-Content-Type-Options") == ["nosniff"] and answer.headers["Strict-Transport-Security"] == "max-age=86400"
    assert engine.ask("chat", "/.well-known/matrix/server", "HEAD").headers["Content-Type"] == "application/json"


def test_a_redirect_is_of_the_same_site_and_port_and_drops_what_was_asked(engine: Engine) -> None:
    answer = engine.ask("chat", "/.well-known/carddav?x=1", "PROPFIND")
    assert (answer.status, answer.headers["Location"]) == (301, "/_matrix/dav/")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 404),
        ("/_matrix", 200),
        ("/_matrix/client/v3", 200),
        ("/_matrixx", 404),
        ("/_synapse/client/x", 200),
        ("/_synapse/admin/v1", 404),
        ("/_matrix/../_synapse/admin", 404),
        ("/_matrix/%2e%2e/_synapse/admin", 404),
        ("/_matrix/..%2f_synapse/admin", 404),
        ("/_matrix/metrics", 404),
        ("/_matrix/metrics/x", 404),
        ("//_matrix//metrics", 404),
        ("/_matrix/%6detrics", 404),
        ("/_matrix/metricsx", 200),
        ("/gone", 410),
        ("/gone/x", 410),
        ("/.well-known/matrix/server/x", 404),
        ("/own/x", 200),
    ],
)
def test_only_what_the_catalogue_names_is_passed_to_the_app(engine: Engine, path: str, status: int) -> None:
    before = len(engine.app.asked)
    assert engine.ask("chat", path).status == status
    assert len(engine.app.asked) - before == (status == 200)


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/", "/"),
        ("/_matrix/x", "/_matrix/x"),
        ("/_synapse/admin", "/_synapse/admin"),
        ("/_matrix/metrics", None),
        ("/deep/_matrix/x?y=1", "/_matrix/x?y=1"),
        ("/deep/_matrix", "/_matrix"),
        ("/deep/_synapse/admin", "/deep/_synapse/admin"),
        ("/deep/gone", None),
        ("/gone", "/gone"),
    ],
)
def test_an_app_on_a_part_of_a_site_has_its_paths_there(engine: Engine, path: str, seen: str | None) -> None:
    answer = engine.ask("part", path)
    assert (json.loads(answer.text)["path"] if answer.status == 200 else None) == seen
    assert json.loads(engine.ask("part", "/.well-known/matrix/server").text)["m.server"].endswith(".example.org:443")


@pytest.mark.proves("R43")
@pytest.mark.parametrize("said", ["", ":443", ":outside", ":1234", ":evil", ":443:evil", ":", ":04430"])
def test_an_app_is_told_the_name_and_no_port_but_one_of_ours(engine: Engine, said: str) -> None:
    said = said.replace("outside", str(engine.outside))
    try:
        answer = engine.ask("who", "/", Host=f"who.example.org{said}")
    except (OSError, http.client.HTTPException):
        return
    if answer.status in (400, 421):
        assert said not in ("", ":443", f":{engine.outside}")
        return
    headers = json.loads(answer.text)["headers"]
    wanted = f"who.example.org{said}" if said in (":443", f":{engine.outside}") else "who.example.org"
    assert (headers["Host"], headers["X-Forwarded-Host"]) == (wanted, wanted)
