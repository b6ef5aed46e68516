# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an endpoint does: whether it answers, what it shows to other clients, and whether that is what lies on disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..certificates.pem import uncovered
from .disk import Content
from .findings import WARNING, Finding, finding
from .model import Endpoint, Seen, Trouble
from .read import Broken, Cert, read

ADVICE = {
    "dns": "See that the name has a record, and that this host's resolver knows it.",
    "refused": "See that the service runs and listens on this port (ss -tlnp), and that no firewall refuses.",
    "timeout": "See that the port is forwarded and not blocked by a firewall, and that the service is not hanging.",
    "no_route": "See that this host has a way to that address; over IPv6, whether it has IPv6 at all.",
    "tls_alert": "The server wants something else: a name that it serves (sni), a newer client, or a client's certificate. Its log says which.",
    "plain_http_on_tls_port": "Turn TLS on for this port in the server's configuration (nginx: listen 443 ssl), or name the port of https.",
    "starttls_not_offered": "Configure a certificate in the service, or name the protocol and port that it really speaks.",
    "reset": "See the server's log; a proxy that expects the PROXY protocol closes as well (proxy_protocol).",
    "too_large": "Serve the leaf and its intermediates alone.",
    "not_tls": "Name the port on which TLS is spoken, or the protocol before it (starttls, proxy_protocol).",
    "no_certificate": "Configure a certificate in the service.",
    "deadline": "Give more time (deadline), or fewer endpoints in one call.",
}
OLD_VERSIONS = ("SSLv3", "TLSv1", "TLSv1.1")


def unreachable(endpoint: Endpoint, trouble: Trouble, address: str) -> Finding:
    place = f" ({address})" if address and address != endpoint.host else ""
    what = f"{endpoint.label}{place}: {trouble.text}."
    return finding("endpoint_unreachable", what, ADVICE[trouble.kind], about=[address] if address else [], kind=trouble.kind)


def judge(endpoint: Endpoint, seen: Seen, leaf: Cert, files: Mapping[str, Content], where: str) -> Iterator[Finding]:
    yield from on_disk(endpoint, leaf, files, where)
    yield from names(endpoint, seen, leaf, where)
    for lost in [verdict for verdict in seen.verdicts if verdict.lost][:1]:
        what = f"{where}: it answered once, and not again: {lost.text}."
        advice = "See the server's log and load; some limit connections from one address."
        yield finding("endpoint_unreachable", what, advice, about=[seen.address], kind="timeout", severity=WARNING)
    if seen.version in OLD_VERSIONS:
        what = f"{where}: {seen.version} was agreed on, the newest that the server speaks."
        yield finding("negotiated_below_1_2", what, "Let the server speak TLS 1.2 and 1.3 (nginx: ssl_protocols TLSv1.2 TLSv1.3), or renew its software.")
    elif seen.old in OLD_VERSIONS:
        what = f"{where}: the server still speaks {seen.old}."
        yield finding("tls_old_version_offered", what, "Leave TLS 1.0 and 1.1 out of the server's configuration (nginx: ssl_protocols TLSv1.2 TLSv1.3).")
    if seen.old == "not_testable_here":
        yield finding("not_testable_here", f"{where}: whether TLS 1.0 and 1.1 are off was not tried.", "Nothing; or look from another host.")


def names(endpoint: Endpoint, seen: Seen, leaf: Cert, where: str) -> Iterator[Finding]:
    if not seen.without_name:
        return
    try:
        other = read(seen.without_name)
    except Broken:
        return
    if other.fingerprint != leaf.fingerprint:
        what = f"{where}: who asks for no name is shown another certificate."
        advice = "Let the default site refuse the handshake (nginx: ssl_reject_handshake on), as this collection's proxies do."
        yield finding("no_sni_differs", what, advice, [f"It is {other.summary}."])
    elif uncovered(leaf.names, [endpoint.sni]):
        what = f"{where}: the server shows this certificate whatever name is asked for."
        yield finding("sni_ignored", what, "Configure a site with this name, and a certificate for it.", [f"It is {leaf.summary}."])


def on_disk(endpoint: Endpoint, leaf: Cert, files: Mapping[str, Content], where: str) -> Iterator[Finding]:
    readable = {}
    for path in endpoint.expected.files:
        if files[path].trouble:
            yield finding("file_unreadable", f"{path}: {files[path].trouble}.", "Correct the path, or let this be run by a user who may read it.", about=[path])
        elif files[path].certs:
            readable[path] = files[path].certs[0]
    if not readable or any(cert.fingerprint == leaf.fingerprint for cert in readable.values()):
        return
    path, stored = max(readable.items(), key=lambda pair: pair[1].not_before)
    seen = [f"Served: {leaf.summary}.", *(f"{place}: {cert.summary}." for place, cert in readable.items())]
    if stored.not_before > leaf.not_before and not uncovered(stored.names, leaf.names[:1]):
        what = f"{where}: an older certificate is served than the one in {path}: it was renewed, and the server was not reloaded."
        advice = "Reload the service (systemctl reload nginx), and let every renewal do it (certbot: --deploy-hook)."
        yield finding("served_differs_from_disk", what, advice, seen, [path], "reload_needed")
    else:
        what = f"{where}: another certificate is served than the one in {path}."
        advice = "The server reads another file, or another server answers there: compare its configuration with this path."
        yield finding("served_differs_from_disk", what, advice, seen, [path], "wrong_path")


def differing(endpoint: Endpoint, shown: Sequence[tuple[str, Cert]]) -> Iterator[Finding]:
    """Among the addresses of a name."""
    prints = {cert.fingerprint for _, cert in shown}
    if len(prints) > 1:
        what = f"{endpoint.label}: its addresses show {len(prints)} different certificates."
        advice = "Renew and reload on every server, or take the record out that leads elsewhere (often an old AAAA)."
        yield finding("address_differs", what, advice, [f"{address}: {cert.summary}." for address, cert in shown], [address for address, _ in shown])
