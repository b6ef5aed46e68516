# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The single values of a declaration: each function returns the value as configurations use it, or raises `Refused`.

Everything that may reach a configuration file passes here, and every pattern is an allow-list: no white space, quote, brace,
dollar sign, backtick or control character is in any of them.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import SplitResult, urlsplit

from .mistakes import Refused

LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)\Z")
SLUG = re.compile(r"[a-z][a-z0-9_-]{0,39}\Z")
PATH = re.compile(r"/[A-Za-z0-9._~/=&?%+,@:-]{0,1000}\Z")
FILE = re.compile(r"(?=.{1,1000}\Z)(/[A-Za-z0-9._+-]+)+\Z")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\Z")
IMAGE = re.compile(r"(?=.{1,255}\Z)([a-z0-9]+([.-][a-z0-9]+)*:[0-9]{1,5}/)?[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*\Z")
E_MAIL = re.compile(r"[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9.-]{3,253}\Z")
SIZE = re.compile(r"([0-9]{1,15})(|[kKMGT]|[KMGT]i)B?\Z")
DURATION = re.compile(r"([0-9]{1,10})(s|m|h|d|)\Z")
ZONE = re.compile(r"(?=.{1,64}\Z)[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}\Z")
USER = re.compile(r"([a-z_][a-z0-9_-]{0,31}|[0-9]{1,9})\Z")
MODE = re.compile(r"0[0-7]{3}\Z")
WORD = re.compile(r"[A-Za-z0-9._~/=&?%+,@:-]{1,200}\Z")
LOCATION = re.compile(r"/[A-Za-z0-9._~/-]{0,200}\Z")
BASE64URL = re.compile(r"[A-Za-z0-9_-]{16,400}={0,2}\Z")
CREDENTIAL_NAME = re.compile(r"[a-z][a-z0-9_]{0,79}\Z")
SERVICE = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}\Z")
ENVIRONMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}\Z")
DECIMAL = {"": 1, "k": 1000, "K": 1000, "M": 1000**2, "G": 1000**3, "T": 1000**4}
FACTOR = {**DECIMAL, "Ki": 1024, "Mi": 1024**2, "Gi": 1024**3, "Ti": 1024**4}
LARGEST = 1 << 60
LONGEST = 36500 * 86400
"""Bytes and seconds (a hundred years) that a proxy can still count: Caddy keeps durations in nanoseconds of 64 bits."""
PRIVATE = [ipaddress.IPv4Network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]
SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def text(value: object) -> str:
    """A non-empty string; a number that YAML made of a version or a name is refused with the quotes it needs."""
    if isinstance(value, str) and value:
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise Refused("it is a number, and a text is needed", f'"{value}" in quotes')
    raise Refused("a text is needed", "a text that is not empty")


def matching(pattern: re.Pattern[str], problem: str, write: str) -> Callable[[object], str]:
    """A check that a text matches a pattern as a whole."""

    def check(value: object) -> str:
        if not pattern.match(text(value)):
            raise Refused(problem, write)
        return str(value)

    return check


slug = matching(SLUG, "it is not a simple name", "up to 40 of a-z, 0-9, _ and -, a letter first, such as home_assistant")
path = matching(PATH, "it is not a path of a URL", "a path that begins with /, such as /health")
image_tag = matching(TAG, "it is not an image tag", 'a fixed version in quotes, such as "2026.11.0"')
image = matching(IMAGE, "it is not the name of an image", "the image without its tag, such as docker.io/traefik/whoami")
time_zone = matching(ZONE, "it is not a time zone", "a name from the tz database, such as Europe/Paris")
user_name = matching(USER, "it is not the name of a user or group", "a name such as www-data")
mode = matching(MODE, "a mode is not four digits in quotes", '"0640"')
word = matching(WORD, "it is not a plain word of a command", "a command as a list of plain words, such as [docker, restart, registry]")
base64url = matching(BASE64URL, "it is not a key in base64url", "the HMAC key as the authority gives it")
credential_name = matching(CREDENTIAL_NAME, "it is not a line of a plugin's credentials file", "a name such as dns_cloudflare_api_token")
service = matching(SERVICE, "it is not the name of a service", "the name that stands under services: in the compose file, such as jellyfin")
environment_name = matching(ENVIRONMENT_NAME, "it is not the name of an environment variable", "letters, digits and _, such as LOG_LEVEL")


def file_path(value: object) -> str:
    """An absolute path on a host, without . or .. in it."""
    name = text(value).rstrip("/") or "/"
    if not FILE.match(name) or {".", ".."} & set(name.split("/")):
        raise Refused("it is not a plain absolute path", "a path such as /etc/ssl/home-ca.pem: letters, digits and . _ + - only")
    return name


def location(value: object) -> str:
    """A path that requests are sorted by. Proxies take `.`, `..` and empty parts out of a request before they look."""
    example = "a path such as /someservice: letters, digits and . _ ~ - / only"
    if not LOCATION.match(text(value)):
        raise Refused("it is not a path that requests can be sorted by", example)
    if {".", ".."} & set(str(value).split("/")) or "//" in str(value):
        raise Refused("no request has such a path: proxies take . and .. and // out", example)
    return str(value)


def boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise Refused("it is neither true nor false", "true or false, without quotes")


def port(value: object) -> int:
    """A TCP port. A number in quotes is taken too."""
    number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 6 else value
    if isinstance(number, bool) or not isinstance(number, int) or not 0 < number < 65536:
        raise Refused("it is not a port", "a number from 1 to 65535")
    return number


def port_or_none(value: object) -> int:
    """A TCP port, or 0 for none at all."""
    if value == 0 and not isinstance(value, bool):
        return 0
    try:
        return port(value)
    except Refused:
        raise Refused("it is not a port", "a number from 1 to 65535, or 0 where no port leads here") from None


def status(value: object) -> int:
    """An HTTP status code."""
    if isinstance(value, bool) or not isinstance(value, int) or not 100 <= value < 600:
        raise Refused("it is not a status of HTTP", "a number such as 200")
    return value


def one_of(*choices: str) -> Callable[[object], str]:
    def check(value: object) -> str:
        if value not in choices:
            raise Refused("it is not one of the choices", " or ".join(choices))
        return str(value)

    return check


def e_mail(value: object) -> str:
    if not E_MAIL.match(text(value)):
        raise Refused("it is not an e-mail address", "an address such as me@example.org")
    local, _, domain = str(value).rpartition("@")
    return f"{local}@{host_name(domain)}"


def host_name(value: object) -> str:
    """A DNS name as configurations need it: lower case, A-labels (RFC 5891), no dot at the end.

    Unicode names are mapped as browsers do (UTS 46, non-transitional), with the `idna` library.
    """
    name = text(value).removesuffix(".").lower()
    if not name.isascii() and len(name) <= 253:
        name = a_labels(name)
    labels = name.split(".")
    if name.startswith("*."):
        raise Refused("a wildcard is not a name that can be served here", "each name by itself, such as cloud.example.org")
    if len(name) > 253 or not all(LABEL.match(label) for label in labels):
        raise Refused("it is not a host name", "a name such as home.example.org: letters, digits and -, in parts of at most 63")
    if labels[-1].isdigit() or len(labels) < 2:
        raise Refused("it is not a full domain name", "the whole name with its domain, such as home.example.org")
    if any(label.startswith("xn--") for label in labels):
        check_a_labels(name)
    return name


def certificate_name(value: object) -> str:
    """A name that can stand in a certificate: a host name, a wildcard such as *.example.org, an address, or localhost."""
    name = text(value)
    if name.startswith("*."):
        return f"*.{host_name(name[2:])}"
    if name == "localhost":
        return name
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return host_name(name)


def host(value: object) -> str:
    """A name or an address as an upstream's certificate may carry it."""
    return endpoint(text(value).strip("[]"), 1).rpartition(":")[0].strip("[]")


def trust(value: object) -> str:
    """Whom to trust for an upstream's certificate: a file on the proxy, or `any`."""
    return "any" if value == "any" else file_path(value)


def redirect(value: object) -> str:
    """The https address of another site; the path of the request is added."""
    example = "the address of another site without a path, such as https://home.example.org"
    try:
        parts = url(text(value))
        number = parts.port
    except ValueError:
        raise Refused("it is not a web address", example) from None
    if parts.scheme not in ("https", "http") or not parts.hostname or set("@?#") & set(str(value)) or parts.path not in ("", "/"):
        raise Refused("it is not the address of a site", example)
    default = {"https": 443, "http": 80}[parts.scheme]
    return f"{parts.scheme}://{endpoint(parts.hostname, default if number is None else number).removesuffix(f':{default}')}"


def a_labels(name: str) -> str:
    try:
        import idna
    except ImportError:
        raise Refused("a name with special letters needs the Python package idna here", "its ASCII form (xn--...), or install python3-idna") from None
    try:
        return idna.encode(name, uts46=True).decode()
    except idna.IDNAError as error:
        raise Refused(f"it is not a valid international name ({error})", "the name as its registry shows it") from None


def check_a_labels(name: str) -> None:
    try:
        import idna
    except ImportError:
        return
    try:
        idna.decode(name)
    except (idna.IDNAError, UnicodeError) as error:
        raise Refused(f"its xn-- part is not valid ({error})", "the name in its own letters, or its correct ASCII form") from None


def address(value: object) -> str:
    """One IPv4 or IPv6 address of a machine in its canonical form, without the zone that may follow a `%` (and may be any text)."""
    try:
        found = ipaddress.ip_address(text(value))
    except ValueError:
        raise Refused("it is not an IP address", "an address such as 192.168.1.10") from None
    if found.is_unspecified or found.is_multicast or getattr(found, "scope_id", None):
        raise Refused("it is not the address of one machine", "an address such as 192.168.1.10 or fd00::10")
    return str(found)


def network(value: object) -> str:
    """A private IPv4 network whose host bits are zero, with room for a gateway and a container.

    IPv4 alone: an app is published on 127.0.0.1 too, and Docker carries that to a container's IPv4 address only.
    """
    example = "a network such as 172.30.4.16/28, with all host bits zero"
    try:
        found = ipaddress.ip_network(text(value))
    except ValueError:
        raise Refused("it is not a network", example) from None
    if not isinstance(found, ipaddress.IPv4Network):
        raise Refused("containers are reached over IPv4 on their host", example)
    if not any(found.subnet_of(private) for private in PRIVATE):
        raise Refused("it is not a private network", "a network in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16")
    if found.prefixlen > 30:
        raise Refused("it has no room for a gateway and a container", example)
    return str(found)


def upstream(value: object) -> str:
    """Where a site's requests go: `scheme://host:port`, always with its port. A path, query or user name is refused."""
    example = "http://192.168.1.20:8080, https://nas.lan:5001 or http://[fd00::20]:8080"
    shown = text(value)
    try:
        parts = url(shown if "://" in shown else f"http://{shown}")
        number = parts.port
    except ValueError:
        raise Refused("it is not an address to pass requests to", example) from None
    if parts.scheme not in ("http", "https"):
        raise Refused(f"{parts.scheme} is not a scheme that can be passed to", example)
    if set("@?#") & set(shown) or parts.path not in ("", "/") or not parts.hostname:
        raise Refused("only a scheme, a host and a port can stand in an upstream", example)
    if parts.scheme == "https" and number == 80:
        raise Refused("port 80 is that of http, and https is not spoken to it", "http:// and the address, or the port on which https is spoken")
    default = 443 if parts.scheme == "https" else 80
    return f"{parts.scheme}://{endpoint(parts.hostname, default if number is None else number)}"


def url(shown: str) -> SplitResult:
    """The parts of a URL. `urlsplit` takes line breaks and tabs out before it looks (WHATWG does): here they are a ValueError."""
    if not shown.isprintable() or " " in shown:
        raise ValueError(shown)
    return urlsplit(shown)


def endpoint(host: str, number: int) -> str:
    """`host:port` of an address or a name that may be a LAN name without a domain."""
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        name = host.lower()
        if not all(LABEL.match(label) for label in name.split(".")) or name.split(".")[-1].isdigit() or len(name) > 253:
            raise Refused("its host is neither a name nor an address", "an address such as http://192.168.1.20:8080") from None
        return f"{name}:{port(number)}"
    if found.is_unspecified or found.is_multicast or getattr(found, "scope_id", None):
        raise Refused("its address is not one that a request can be sent to", "the address of the machine, such as http://192.168.1.20:8080")
    return f"[{found}]:{port(number)}" if found.version == 6 else f"{found}:{port(number)}"


def web_address(value: object) -> str:
    """An https URL without user name, query or fragment: an ACME directory."""
    example = "an address such as https://acme-v02.api.letsencrypt.org/directory"
    try:
        shown = text(value)
        parts = url(shown)
        number = parts.port
    except ValueError:
        raise Refused("it is not a web address", example) from None
    if parts.scheme != "https" or not parts.hostname or set("@?#") & set(shown):
        raise Refused("it is not a plain https address", example)
    if parts.path and not PATH.match(parts.path):
        raise Refused("its path has letters that an ACME directory never has", example)
    host = endpoint(parts.hostname, 443 if number is None else number)
    return f"https://{host.removesuffix(':443')}{parts.path}"


def size(value: object) -> int:
    """A size in bytes: 500M, 10G, or 0 for no limit."""
    found = SIZE.match(str(value)) if isinstance(value, (str, int)) and not isinstance(value, bool) else None
    if not found or int(found[1]) * FACTOR[found[2]] > LARGEST:
        raise Refused("it is not a size", "a size such as 500M or 10G, or 0 for no limit")
    return int(found[1]) * FACTOR[found[2]]


def duration(value: object) -> int:
    """A duration in seconds: 30s, 10m, 1h, 365d, or a number of seconds."""
    found = DURATION.match(str(value)) if isinstance(value, (str, int)) and not isinstance(value, bool) else None
    if not found or int(found[1]) * SECONDS[found[2]] > LONGEST:
        raise Refused("it is not a duration", "a duration such as 30s, 10m, 1h or 365d")
    return int(found[1]) * SECONDS[found[2]]


def many(each: Callable[[Any], Any]) -> Callable[[object], list[Any]]:
    """A list of values; one value alone stands for a list of one. Every wrong one is in the problem."""

    def check(value: object) -> list[Any]:
        if isinstance(value, (dict, bool)) or not isinstance(value, (str, int, list, tuple)):
            raise Refused("a list is needed", "a list, such as [one, two]")
        entries = [value] if isinstance(value, (str, int)) else value
        if not entries:
            raise Refused("the list is empty", "at least one entry, or leave the whole line out")
        taken, wrong = [], []
        for entry in entries:
            try:
                taken.append(each(entry))
            except Refused as refusal:
                wrong.append((entry, refusal))
        if wrong:
            raise Refused("; ".join(f"{entry!r}: {refusal.problem}" for entry, refusal in wrong), wrong[0][1].write)
        return taken

    return check


def mapping_of(name: Callable[[Any], str]) -> Callable[[object], dict[str, str]]:
    """A mapping of checked names to one-line texts."""

    def check(value: object) -> dict[str, str]:
        if not isinstance(value, dict):
            raise Refused("a mapping is needed", "a mapping, such as {LOG_LEVEL: info}")
        taken = {}
        for key, entry in value.items():
            if isinstance(entry, bool) or not isinstance(entry, (str, int, float)):
                raise Refused(f"the value of {key!r} is not a text", "a text in quotes")
            shown = str(entry)
            if any(not letter.isprintable() for letter in shown):
                raise Refused(f"the value of {key!r} has a line break or a control character", "a text on one line")
            taken[name(key)] = shown
        return taken

    return check
