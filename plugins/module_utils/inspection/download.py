# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A document of an authority over http or https: within a bounded time and size, without following anybody anywhere."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ..acme.problem import printable
from ..probe.wire import Timed, trusting

AGENT = "homeserver.exposure"
MOST = 1 << 20


class Failed(Exception):
    """It was not had; the text says why."""


@dataclass(frozen=True)
class Page:
    """Names of headers are in small letters."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def get(url: str, seconds: float, roots: str = "", most: int = MOST) -> Page:
    """One GET within so many seconds. Redirects are given back as they came. Raises Failed."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    except ValueError:
        raise Failed("its address cannot be read") from None
    if parts.scheme not in ("http", "https") or not host or not url.isascii():
        raise Failed("its address is none of the web")
    try:
        return asked(host, port, target, parts.scheme == "https", seconds, roots, most)
    except ssl.SSLCertVerificationError as error:
        raise Failed(f"{host} shows a certificate that is not trusted ({printable(error.verify_message)})") from None
    except socket.gaierror:
        raise Failed(f"{host} was not found in the DNS") from None
    except TimeoutError:
        raise Failed(f"{host} gave no whole answer within {seconds:g} s") from None
    except http.client.HTTPException as error:
        raise Failed(f"{host} gave an answer that is not HTTP ({type(error).__name__})") from None
    except OSError as error:
        raise Failed(f"{host} was not reached ({printable(error.strerror or type(error).__name__)})") from None
    except ValueError:
        raise Failed("its address cannot be read") from None


def asked(host: str, port: int, target: str, secure: bool, seconds: float, roots: str, most: int) -> Page:
    end = time.monotonic() + seconds
    channel: socket.socket = socket.create_connection((host, port), seconds)
    try:
        channel.settimeout(max(0.01, end - time.monotonic()))
        if secure:
            channel = trusting(*([roots] if roots else [])).wrap_socket(channel, server_hostname=host)
        connection = http.client.HTTPConnection(host, port)
        connection.sock = Timed(channel, max(0.01, end - time.monotonic()))
        connection.request("GET", target, headers={"User-Agent": AGENT, "Connection": "close"})
        answer = connection.getresponse()
        body = answer.read(most + 1)
    finally:
        channel.close()
    if len(body) > most:
        raise Failed(f"what {host} gives is larger than {most >> 20} MiB")
    return Page(answer.status, body, {name.lower(): text for name, text in answer.getheaders()})
