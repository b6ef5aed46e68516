# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines of nginx's own that a person gave to NPM ("advanced"): which of them say something that this collection can say, which are so here anyway, which can be
left out without opening anything, and which cannot.

What is not known may protect the site, and is taken to: `auth_request` of a single sign-on does, and so does a header that is emptied before the app sees it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from .left import verbatim

TOKEN = re.compile(r"""\s+|\#[^\n]*|(?P<end>[;{}])|(?P<word>(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\$\{[^{};]*\}|\\.|[^\s;{}"'\\#]|(?<=\S)\#)+)""", re.DOTALL)

SIZE = re.compile(r"(\d{1,12})([kKmMgG]?)\Z")
TIME = re.compile(r"(\d{1,9})(ms|s|m|h|d|w|)\Z")
SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}

SET_HERE = {
    "host": {"$host", "$http_host"},
    "x-real-ip": {"$remote_addr"},
    "x-forwarded-for": {"$remote_addr", "$proxy_add_x_forwarded_for"},
    "x-forwarded-proto": {"$scheme", "https"},
    "x-forwarded-host": {"$host", "$http_host"},
    "upgrade": {"$http_upgrade"},
    "connection": {"$http_connection", "$connection_upgrade", "upgrade", "Upgrade", "keep-alive", ""},
}
"""Headers that the proxies of this collection give to an app too."""

FREE_HEADERS = {
    *SET_HERE,
    "x-forwarded-port",
    "x-forwarded-scheme",
    "x-forwarded-ssl",
    "x-forwarded-server",
    "x-scheme",
    "accept-encoding",
    "range",
    "if-range",
}
"""Headers that tell an app nothing of who asks: any other may be one by which it knows its users, and emptied so that nobody can forge it."""

FREE = {
    *("proxy_read_timeout", "client_max_body_size", "proxy_buffering", "proxy_request_buffering"),
    *("proxy_connect_timeout", "proxy_send_timeout", "send_timeout", "client_body_timeout", "client_header_timeout", "keepalive_timeout"),
    *("client_body_buffer_size", "client_header_buffer_size", "large_client_header_buffers", "proxy_buffers", "proxy_buffer_size", "proxy_busy_buffers_size"),
    *("proxy_max_temp_file_size", "proxy_temp_file_write_size", "proxy_headers_hash_max_size", "proxy_headers_hash_bucket_size", "proxy_ignore_client_abort"),
    *("gzip", "gzip_types", "gzip_vary", "gzip_proxied", "gzip_comp_level", "gzip_min_length", "gzip_buffers", "gzip_disable", "gzip_http_version"),
    *("add_header", "proxy_hide_header", "proxy_pass_header", "proxy_ignore_headers", "proxy_redirect", "proxy_cookie_path", "proxy_cookie_domain"),
    *("proxy_cache", "proxy_cache_bypass", "proxy_no_cache", "proxy_cache_valid", "proxy_cache_key", "proxy_cache_use_stale", "expires", "etag"),
    *("access_log", "error_log", "log_not_found", "charset", "sub_filter", "sub_filter_once", "sub_filter_types", "chunked_transfer_encoding"),
    *("tcp_nodelay", "tcp_nopush", "sendfile", "proxy_http_version", "proxy_socket_keepalive", "proxy_ssl_server_name", "proxy_ssl_name", "proxy_ssl_verify"),
    *("proxy_ssl_protocols", "proxy_ssl_session_reuse", "proxy_ssl_certificate", "proxy_ssl_certificate_key", "ssl_session_timeout", "ssl_session_cache"),
}
"""Directives that never decide who is answered, or what of the app is."""

FREE_HTTP = {
    *FREE,
    *("log_format", "resolver", "resolver_timeout", "server_names_hash_bucket_size", "server_names_hash_max_size", "proxy_cache_path", "map_hash_bucket_size"),
    *("set_real_ip_from", "real_ip_header", "real_ip_recursive", "server_tokens", "map_hash_max_size", "types_hash_max_size", "variables_hash_max_size"),
    *("map", "geo", "upstream", "server", "split_clients", "types", "limit_req_zone", "limit_conn_zone"),
}
"""Besides them those of the level above all hosts, which define something that a host would use, or a host more."""

ALREADY = {("proxy_http_version", "1.1"), ("proxy_ssl_verify", "off"), ("proxy_buffering", "on"), ("proxy_request_buffering", "on"), ("gzip", "on")}


@dataclass
class Directive:
    """`words` as they are meant, without quotes; `block` where it holds others; `source` as it was written."""

    words: list[str]
    block: bool
    source: str


@dataclass
class Snippet:
    """What becomes of lines: `says`: lines of a site; `free`: those left out, which open nothing; `guards`: those that may protect. Both printable."""

    says: dict[str, Any] = field(default_factory=dict)
    free: list[str] = field(default_factory=list)
    guards: list[str] = field(default_factory=list)


def parse(source: str) -> list[Directive] | None:
    """The outermost directives; None for what is not nginx's language."""
    found: list[Directive] = []
    words: list[str] = []
    place, start, depth = 0, 0, 0
    while place < len(source):
        hit = TOKEN.match(source, place)
        if hit is None:
            return None
        if hit["word"] and depth == 0:
            start = start if words else place
            words.append(plain(hit["word"]))
        place = hit.end()
        if hit["end"] == "}":
            depth -= 1
            if depth == 0:
                found.append(Directive(words, True, source[start:place]))
                words = []
        elif hit["end"] == "{":
            depth += 1
        elif hit["end"] == ";" and depth == 0:
            if not words:
                return None
            found.append(Directive(words, False, source[start:place]))
            words = []
        if depth < 0:
            return None
    return None if depth or words else found


def plain(word: str) -> str:
    return word[1:-1] if len(word) > 1 and word[0] == word[-1] and word[0] in "\"'" else word


def judge(source: str, http: bool = False) -> Snippet:
    """What becomes of the lines of a host, or with `http` of those above all hosts."""
    made = Snippet()
    directives = parse(source) if len(source) <= 65536 else None
    if directives is None:
        made.guards = [verbatim(line) for line in source[:65536].splitlines() if line.strip()]
        return made
    for one in directives:
        name = one.words[0].lower() if one.words else ""
        value = one.words[1] if len(one.words) == 2 else ""
        lines = [verbatim(line) for line in one.source.splitlines() if line.strip()]
        if not http and not one.block and (said := says(name, value)) is not None:
            made.says.update(said)
        elif name == "proxy_set_header" and len(one.words) == 3 and not one.block:
            header = one.words[1].lower()
            if one.words[2] in SET_HERE.get(header, ()):
                continue
            (made.free if header in FREE_HEADERS else made.guards).extend(lines)
        elif (http and name in FREE_HTTP) or (not one.block and name in FREE):
            made.free.extend(lines)
        else:
            made.guards.extend(lines)
    return made


def says(name: str, value: str) -> dict[str, Any] | None:
    """The line of a site that says the same as a directive, {} where it is so here anyway, None where there is none."""
    if (name, value) in ALREADY:
        return {}
    if name == "client_max_body_size" and (size := SIZE.match(value)):
        unit = {"": "", "k": "Ki", "m": "Mi", "g": "Gi"}[size[2].lower()]  # nginx counts in 1024 (nginx.org/en/docs/syntax.html)
        return {"max_body": f"{int(size[1])}{unit}" if int(size[1]) else 0}
    if name == "proxy_read_timeout" and (time := TIME.match(value)):
        seconds = max(1, int(time[1]) // 1000) if time[2] == "ms" else int(time[1]) * SECONDS[time[2]]
        return {"read_timeout": f"{seconds}s"} if seconds else None
    if name in ("proxy_buffering", "proxy_request_buffering") and value == "off":
        return {"buffering": False}
    return {"compress": False} if (name, value) == ("gzip", "off") else None
