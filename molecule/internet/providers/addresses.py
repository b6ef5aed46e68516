"""Services that say who asks: over HTTPS (ipify, icanhazip, Cloudflare's trace, ident.me, Amazon) and over DNS inside TLS (Cloudflare, OpenDNS)."""

from __future__ import annotations

import json
import socketserver
import ssl
import struct
import time
from collections.abc import Callable
from socket import AF_INET6, IPPROTO_IPV6, IPV6_V6ONLY

import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from .provider import Provider, version
from .web import Answer, Gone, Request, plain


class Addresses(Provider):
    """In `trouble.always` a test puts another address, a page of HTML, or what else such a service may come up with."""

    NAME = "addresses"
    HOSTS = ()

    def answer(self, request: Request) -> Answer:
        if request.method not in ("GET", "HEAD"):
            return Answer(405)
        if request.host in ("www.cloudflare.com", "api.cloudflare.com", "connectivity.cloudflareclient.com"):
            if request.path != "/cdn-cgi/trace":
                return Answer(404, "<!DOCTYPE html><html><body>Not found</body></html>", kind="text/html")
            fields = {
                "fl": "22f1", "h": request.host, "ip": request.peer, "ts": f"{time.time():.3f}", "visit_scheme": "https", "uag": request.agent,
                "colo": "BOX", "http": "http/1.1", "loc": "XX", "tls": "TLSv1.3", "sni": "plaintext", "warp": "off", "gateway": "off",
            }  # fmt: skip
            return Answer(body="".join(f"{name}={value}\n" for name, value in fields.items()))
        if request.host.endswith("ipify.org"):
            if request.query.get("format") == "json":
                return Answer(body=json.dumps({"ip": request.peer}), kind="application/json")
            return Answer(body=request.peer)
        return Answer(body=request.peer + ("" if request.host.endswith("ident.me") else "\n"))


class Resolver(Provider):
    """DNS over TLS (RFC 7858). It is asked for nothing but the asker's own address."""

    NAME = "resolver"
    HOSTS = ()

    def ask(self, wire: bytes, peer: str) -> bytes:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name, kind = str(question.name).rstrip(".").lower(), (dns.rdataclass.to_text(question.rdclass), dns.rdatatype.to_text(question.rdtype))
        said = self.serve(Request("DNS", name, " ".join(kind), {}, {}, b"", peer))
        answer = dns.message.make_response(query, recursion_available=True)
        answer.set_rcode(said.status)
        for text in filter(None, said.body.split("\n")):
            answer.answer.append(dns.rrset.from_text(question.name, 0, *kind, text))
        return answer.to_wire()

    def answer(self, request: Request) -> Answer:
        """`status` is a DNS code, `body` the record."""
        if (request.host, request.path) == ("whoami.cloudflare", "CH TXT"):
            return Answer(dns.rcode.NOERROR, f'"{request.peer}"')
        if request.host == "myip.opendns.com" and request.path in ("IN A", "IN AAAA"):
            return Answer(dns.rcode.NOERROR, request.peer if version(request.peer) == {"IN A": 4, "IN AAAA": 6}[request.path] else "")
        return Answer(dns.rcode.REFUSED)


class DnsServer(socketserver.ThreadingTCPServer):
    address_family = AF_INET6
    allow_reuse_address = daemon_threads = True

    def __init__(self, port: int, context: ssl.SSLContext, ask: Callable[[bytes, str], bytes]) -> None:
        self.context, self.ask = context, ask
        super().__init__(("::", port), DnsHandler)

    def server_bind(self) -> None:
        self.socket.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, 0)
        super().server_bind()


class DnsHandler(socketserver.BaseRequestHandler):
    server: DnsServer

    def handle(self) -> None:
        try:
            self.request.settimeout(15)
            with self.server.context.wrap_socket(self.request, server_side=True) as stream:
                while length := stream.recv(2):
                    wire = b""
                    while len(wire) < struct.unpack("!H", length)[0]:
                        wire += stream.recv(4096)
                    answer = self.server.ask(wire, plain(self.client_address[0]))
                    stream.sendall(struct.pack("!H", len(answer)) + answer)
        except (OSError, Gone, dns.exception.DNSException, struct.error):
            return
