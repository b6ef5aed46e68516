# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A certificate signing request (RFC 2986), looked at before an authority puts its name to it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID

NAME = re.compile(r"(?=.{1,253}\Z)(\*\.)?(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*\Z")
MALFORMED = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)
"""What `cryptography` raises of something that is not what it should be."""


class Refused(Exception):
    """The authority does not do that. The message says what is wrong, where, and what to do."""


def check(name: str, hosts: Sequence[str], csr: bytes) -> x509.CertificateSigningRequest:
    """The request of certificate `name`, if it asks for exactly these hosts and for nothing that makes it more than a server's.

    mkcert copies every extension of a request into the certificate, so one that asks to be an authority would become one.
    """
    try:
        request = x509.load_pem_x509_csr(csr)
        genuine = request.is_signature_valid
        found = {extension.oid: extension.value for extension in request.extensions}
        critical = {extension.oid for extension in request.extensions if extension.critical}
    except MALFORMED as error:
        raise Refused(f"Certificate {name}: its signing request cannot be read ({error}). Make it again.") from error
    if not genuine:
        raise Refused(f"Certificate {name}: its signing request is not signed by the key it is for. Make it again from that key.")
    wanted, asked = {canonical(name, host) for host in hosts}, alternative_names(name, found.get(x509.SubjectAlternativeName.oid))
    if not wanted:
        raise Refused(f"Certificate {name} has no host. Name at least one.")
    if wanted != asked:
        raise Refused(
            f"Certificate {name}: its signing request is for {listed(asked)}, and it was declared for {listed(wanted)}. Make the request again for these hosts."
        )
    for oid, value in found.items():
        if not harmless(value):
            raise Refused(
                f"Certificate {name}: its signing request asks for more than a server's certificate ({oid._name}, {oid.dotted_string}). Make it without."
            )
    if not list(request.subject) and x509.SubjectAlternativeName.oid not in critical:
        raise Refused(
            f"Certificate {name}: its signing request has no subject, and its subjectAltName is not critical. Chromium refuses such a certificate "
            "(RFC 5280, 4.2.1.6). Make the request again with a critical subjectAltName, or with one of the hosts as its common name."
        )
    return request


def harmless(extension: x509.ExtensionType) -> bool:
    """Whether a server's certificate may carry it."""
    if isinstance(extension, x509.BasicConstraints):
        return not extension.ca
    if isinstance(extension, x509.KeyUsage):
        return not (extension.key_cert_sign or extension.crl_sign)
    if isinstance(extension, x509.ExtendedKeyUsage):
        return set(extension) <= {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    return isinstance(extension, (x509.SubjectAlternativeName, x509.SubjectKeyIdentifier))


def canonical(name: str, host: str) -> str:
    """A host in the one form in which two are compared: a lower case name, or an address."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    if not NAME.match(host.lower()):
        raise Refused(f"Certificate {name}: {host!r} is neither a host name (an A-label, a wildcard *.name, localhost) nor an IP address.")
    return host.lower()


def alternative_names(name: str, extension: object) -> set[str]:
    """The hosts of a subjectAltName; one that is of another kind (an e-mail address, a URL) is refused."""
    if not isinstance(extension, x509.SubjectAlternativeName):
        return set()
    hosts = set()
    for entry in extension:
        if not isinstance(entry, (x509.DNSName, x509.IPAddress)):
            raise Refused(f"Certificate {name}: its signing request asks for {entry.value!r}, which is neither a host name nor an IP address.")
        hosts.add(canonical(name, str(entry.value)))
    return hosts


def listed(hosts: set[str]) -> str:
    return ", ".join(sorted(hosts)) or "no host"
