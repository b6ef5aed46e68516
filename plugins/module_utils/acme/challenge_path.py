# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a file below /.well-known/acme-challenge/ can be fetched through a public name, as a CA does it for http-01 (RFC 8555, section 8.3)."""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import secrets
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from ..probe import wire
from .problem import printable

FOLDER = ".well-known/acme-challenge"
MOST_REDIRECTS = 10
"""As Let's Encrypt follows them: https://letsencrypt.org/docs/challenge-types/."""

PROVEN = "proven"
UNREACHED = "unreached"
WRONG = "wrong"


@dataclass(frozen=True)
class Fetched:
    """How a fetch ended; `seen` says what was met, as the end of a sentence that begins with the address."""

    outcome: str
    seen: str = ""


@dataclass(frozen=True)
class Ports:
    """Where HTTP and HTTPS are asked; other than 80 and 443 only in tests."""

    http: int = 80
    https: int = 443


class NotFollowed(Exception):
    """A redirect that a CA does not follow; the message is the end of a sentence."""


@contextlib.contextmanager
def token(webroot: Path) -> Iterator[tuple[str, str]]:
    """A file with a random name and content in the webroot while it is needed: (path in an address, content). Raises OSError."""
    name, content = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    folder = webroot / FOLDER
    made = [place for place in (folder, folder.parent) if not place.exists()]
    for place in reversed(made):
        place.mkdir()
        place.chmod(0o755)
    path = folder / name
    try:
        path.write_text(content, encoding="ascii")
        path.chmod(0o644)
        yield f"/{FOLDER}/{name}", content
    finally:
        path.unlink(missing_ok=True)
        for place in made:
            with contextlib.suppress(OSError):  # something else is in it by now
                place.rmdir()


def fetch(name: str, address: str, path: str, content: str, ports: Ports, timeout: float, resolve: Callable[[str], list[str]]) -> Fetched:
    """Fetch a path of a name from one address. `timeout` in seconds is for each connection; `resolve` gives the addresses of a redirect's host."""
    channel: socket.socket | None
    try:
        channel = wire.connect(address, ports.http, timeout)
    except OSError as error:
        return Fetched(UNREACHED, "does not answer" if isinstance(error, TimeoutError) else f"is not reached ({error.strerror or error})")
    place = f"http://{name}{path}"
    try:
        for _ in range(MOST_REDIRECTS + 1):
            parts = urlsplit(place)
            host = parts.hostname or ""
            if channel is None:
                channel = onwards(host, parts.scheme, [address] if host == name else resolve(host), ports, timeout)
            target = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
            page, channel = wire.fetch(channel, host, target, timeout), None
            if page.status not in (301, 302, 303, 307, 308) or not page.headers.get("location"):
                return judged(page, content, place if host != name else "")
            place = followed(place, page.headers["location"], ports)
    except NotFollowed as error:
        return Fetched(WRONG, str(error))
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Fetched(WRONG, f"accepts the connection, but then gives no whole answer in HTTP ({printable(str(error) or type(error).__name__)})")
    return Fetched(WRONG, f"redirects more than {MOST_REDIRECTS} times, at last to {printable(place)}")


def followed(place: str, location: str, ports: Ports) -> str:
    """The address that a redirect leads to. Raises NotFollowed."""
    try:
        target = urljoin(place, location)
        parts = urlsplit(target)
        port = parts.port
    except ValueError:
        raise NotFollowed(f"redirects to {printable(location)}, which is no web address") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or any(c.isspace() or ord(c) < 32 or ord(c) > 126 for c in target):
        raise NotFollowed(f"redirects to {printable(location)}, which a CA does not follow")
    if port not in (None, ports.http, ports.https):
        raise NotFollowed(f"redirects to port {port}, and a CA follows to the ports 80 and 443 only")
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(parts.hostname)
        raise NotFollowed(f"redirects to the bare address {parts.hostname}, which a CA does not follow")
    return target


def onwards(host: str, scheme: str, addresses: list[str], ports: Ports, timeout: float) -> socket.socket:
    """A connection to where a redirect leads. Raises NotFollowed."""
    port = ports.https if scheme == "https" else ports.http
    why = "its name has no address"
    for address in addresses:
        try:
            raw = wire.connect(address, port, timeout)
            return encrypted(raw, host) if scheme == "https" else raw
        except OSError as error:
            why = str(error)
    raise NotFollowed(f"redirects to {scheme}://{host}, which cannot be reached ({printable(why)})")


def encrypted(raw: socket.socket, host: str) -> ssl.SSLSocket:
    """TLS without a look at the certificate, as a CA does it behind a redirect. Raises OSError; closes `raw` then."""
    try:
        return unverified().wrap_socket(raw, server_hostname=host)
    except BaseException:
        raw.close()
        raise


def judged(page: wire.Page, content: str, elsewhere: str) -> Fetched:
    """Whether an answer is the file's content, and else whose answer it may be."""
    if page.status == 200 and page.body.rstrip() == content:
        return Fetched(PROVEN)
    server = page.headers.get("server", "")
    by = f' by a server that calls itself "{printable(server, 40)}"' if server else ""
    after = f" after a redirect to {printable(elsewhere)}" if elsewhere else ""
    what = "other content" if page.status == 200 else f"HTTP status {page.status}"
    return Fetched(WRONG, f"answers the challenge's path with {what}{by}{after}")


@cache
def unverified() -> ssl.SSLContext:
    """A client that takes any certificate and speaks HTTP/1.1 alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context
