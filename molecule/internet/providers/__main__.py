"""`python3 -m providers SETTINGS.json`: all simulators in one process, from the accounts, zones and key of the settings."""

from __future__ import annotations

import json
import ssl
import sys
import threading
from pathlib import Path

from .addresses import Addresses, DnsServer, Resolver
from .cloudflare import Cloudflare
from .control import Control
from .desec import Desec
from .duckdns import DuckDns
from .dyndns2 import Dyn, Dynu, NoIp
from .provider import Provider
from .web import Answer, Request, Server
from .world import Journal, Records


def main(settings: dict) -> None:  # type: ignore[type-arg]
    records = Records(settings["zones"], settings["key"])
    journal = Journal(Path(settings["journal"]))
    accounts = settings["accounts"]
    kinds: tuple[type[Provider], ...] = (DuckDns, Dyn, NoIp, Dynu, Desec, Cloudflare)
    providers = [kind(records, journal, accounts[kind.NAME]) for kind in kinds]
    addresses, resolver = Addresses(records, journal, {}), Resolver(records, journal, {})
    by_host = {host: provider for provider in providers for host in provider.HOSTS}

    def answer(request: Request) -> Answer:
        if request.path == "/cdn-cgi/trace":
            return addresses.serve(request)
        return by_host.get(request.host, addresses).serve(request)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(settings["certificate"], settings["key_file"])
    control = Control([*providers, addresses, resolver], records, journal)
    servers = [Server(443, context, answer), DnsServer(853, context, resolver.ask), Server(8053, None, control.answer, "::ffff:127.0.0.1")]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    threading.Event().wait()


main(json.loads(Path(sys.argv[1]).read_text()))
