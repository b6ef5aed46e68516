#!/usr/bin/python
# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_info
short_description: See what is wrong with certificates, as served and as stored
version_added: 0.4.0
author: homeserver.exposure contributors (@homeserver)
description:
  - Looks at many endpoints and files in one call, side by side, and says of each what is wrong, why it matters, and what to do. docs/inspection.md lists
    every finding.
  - What cannot be reached or read is a finding, and fails the task only where O(fail_on) says so.
  - Thresholds follow the certificate's own life, so that lives of 90 and of 6 days need the same settings.
  - It asks nobody but the endpoints and the resolver of the host, unless O(ask) says so.
requirements:
  - Python 3.11 or newer
  - cryptography 38 or later (python3-cryptography)
  - dnspython for CAA (python3-dnspython)
attributes:
  check_mode: {support: full, description: It only reads.}
  diff_mode: {support: none, description: It changes nothing.}
  idempotent: {support: full, description: It changes nothing.}
options:
  endpoints:
    description: What is looked at over the network.
    type: list
    elements: dict
    default: []
    suboptions:
      endpoint:
        description: Name or address, with a port where it is not the usual one (443, or that of O(endpoints[].starttls)). IPv6 as V([2001:db8::1]:443).
        type: str
        required: true
      connect_to:
        description: Name or address to connect to in place of it.
        type: str
      sni:
        description: Name to ask for, in place of the endpoint's. Empty for none.
        type: str
      starttls:
        description: Protocol that is spoken before TLS.
        type: str
        choices: [smtp, imap, pop3, ldap, ftp, postgres, mysql, xmpp]
      proxy_protocol:
        description: Version of the PROXY protocol that is spoken first, for a server that expects it. V(0) for none.
        type: int
        choices: [0, 1, 2]
        default: 0
      family:
        description: Which addresses. V(any) takes the first that answers, V(all) looks at every one and compares.
        type: str
        choices: [any, ipv4, ipv6, all]
        default: any
      names:
        description: Names and addresses that the certificate has to be for. Without it, the name that is asked for; an empty list for none.
        type: list
        elements: str
      issuer:
        description: Words of the authority's name, such as V(Let's Encrypt).
        type: str
      file:
        description: PEM files on this host, one of which has to be what is served.
        type: list
        elements: path
      earlier:
        description: PEM files of certificates that were served before, to see how long a key is in use.
        type: list
        elements: path
      trust:
        description: Stores, in place of those of O(trust).
        type: list
        elements: str
  files:
    description: PEM files on this host.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The certificate with its chain.
        type: path
        required: true
      key:
        description: The private key that has to belong to it. Nothing of it is shown.
        type: path
      names:
        description: Names and addresses that the certificate has to be for.
        type: list
        elements: str
      issuer:
        description: Words of the authority's name.
        type: str
      earlier:
        description: PEM files of earlier certificates.
        type: list
        elements: path
      trust:
        description: Stores, in place of those of O(trust).
        type: list
        elements: str
  trust:
    description: Stores of roots by which each is judged - V(system), V(certifi), or the path of a PEM file.
    type: list
    elements: str
    default: [system]
  checks:
    description: What else is tried at each endpoint - what is shown to who asks for no name, and whether TLS 1.0 and 1.1 are spoken.
    type: list
    elements: str
    choices: [no_sni, old_tls]
    default: [no_sni, old_tls]
  ask:
    description:
      - Who else is asked - V(ari), the authority, when it wants a renewal (RFC 9773); V(crl), its list of revoked certificates; V(caa), the DNS, whether the
        next renewal is allowed.
    type: list
    elements: str
    choices: [ari, caa, crl]
    default: []
  acme_directory:
    description: Directory of the ACME authority for V(ari). Without it, that of the issuer where it is known.
    type: str
    default: ""
  acme_roots:
    description: PEM file whose roots are trusted for that directory besides the system's.
    type: path
    default: ""
  challenge:
    description: Challenge that is used for renewals, for CAA records that admit some alone. Without it, one that is admitted will do.
    type: str
    choices: [http-01, tls-alpn-01, dns-01]
  account:
    description: Address of the account at the authority, for CAA records that bind to one.
    type: str
    default: ""
  nameservers:
    description: Resolvers to ask for CAA in place of the system's.
    type: list
    elements: str
    default: []
  warn_left:
    description: Share of its life below which a certificate is warned of.
    type: float
    default: 0.3334
  critical_left:
    description: Share of its life below which that is an error.
    type: float
    default: 0.1667
  warn_days:
    description: Days below which a certificate is warned of as well. V(0) for none.
    type: float
    default: 0
  critical_days:
    description: Days below which that is an error as well. V(0) for none.
    type: float
    default: 0
  cache:
    description: File in which answers of V(ari) are kept for as long as the authority says.
    type: path
    default: ""
  now:
    description: Time for which certificates are judged, in ISO 8601. Without it, the clock of this host.
    type: str
    default: ""
  timeout:
    description: Seconds for one connection as a whole.
    type: float
    default: 5
  deadline:
    description: Seconds for everything.
    type: float
    default: 60
  fail_on:
    description: Findings that fail the task - a severity (V(error), V(warning), V(note)), an identifier (V(expired)), or a kind (V(reload_needed)).
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Everything that is served here
  homeserver.exposure.certificate_info:
    endpoints:
      - {endpoint: home.example.org, connect_to: 127.0.0.1, file: [/etc/exposure/certificates/home/fullchain.pem]}
      - {endpoint: mail.example.org, starttls: smtp}
      - {endpoint: "nas.home.arpa:5001", trust: [/etc/ssl/home-ca.pem]}
    files:
      - {path: /etc/exposure/certificates/home/fullchain.pem, key: /etc/exposure/certificates/home/privkey.pem}
  register: certificates

- name: Fail where a renewed certificate is not served
  homeserver.exposure.certificate_info:
    endpoints: [{endpoint: home.example.org, file: [/etc/letsencrypt/live/home/fullchain.pem]}]
    fail_on: [reload_needed, expired]
"""

RETURN = r"""
results:
  description:
    - For each endpoint and then each file, in their order - C(target), C(worst), C(findings), C(certificate), C(chain), C(profile), C(life_left) (0 to 1),
      C(days_left), C(trust), C(addresses), C(tls), C(renewal_window).
    - A finding has C(id), C(kind), C(severity), C(what), C(why), C(advice), C(seen) and C(about).
  type: list
  elements: dict
  returned: always
worst:
  description: The gravest severity of all, V(ok), V(note), V(warning) or V(error).
  type: str
  returned: always
failures:
  description: Findings that O(fail_on) names, a sentence each.
  type: list
  elements: str
  returned: always
"""

import platform
import sys
from datetime import datetime

from ansible.module_utils.basic import AnsibleModule

try:
    from ansible_collections.homeserver.exposure.plugins.module_utils.inspection import inspector, model
    from ansible_collections.homeserver.exposure.plugins.module_utils.inspection.findings import KINDS, worst

    MISSING = ""
except (ImportError, SyntaxError, TypeError) as error:
    MISSING = str(error)

try:
    from ansible_collections.homeserver.exposure.plugins.module_utils.acme.lookup import Lookup
except (ImportError, SyntaxError, TypeError):
    Lookup = None

OLDEST = (3, 11)
EXPECTED = {
    "names": {"type": "list", "elements": "str"},
    "issuer": {"type": "str"},
    "earlier": {"type": "list", "elements": "path"},
    "trust": {"type": "list", "elements": "str"},
}
ENDPOINT = {
    **EXPECTED,
    "endpoint": {"type": "str", "required": True},
    "connect_to": {"type": "str"},
    "sni": {"type": "str"},
    "starttls": {"type": "str", "choices": ["smtp", "imap", "pop3", "ldap", "ftp", "postgres", "mysql", "xmpp"]},
    "proxy_protocol": {"type": "int", "choices": [0, 1, 2], "default": 0},
    "family": {"type": "str", "choices": ["any", "ipv4", "ipv6", "all"], "default": "any"},
    "file": {"type": "list", "elements": "path"},
}
FILE = {**EXPECTED, "path": {"type": "path", "required": True}, "key": {"type": "path", "no_log": False}}
ARGUMENTS = {
    "endpoints": {"type": "list", "elements": "dict", "options": ENDPOINT, "default": []},
    "files": {"type": "list", "elements": "dict", "options": FILE, "default": []},
    "trust": {"type": "list", "elements": "str", "default": ["system"]},
    "checks": {"type": "list", "elements": "str", "choices": ["no_sni", "old_tls"], "default": ["no_sni", "old_tls"]},
    "ask": {"type": "list", "elements": "str", "choices": ["ari", "caa", "crl"], "default": []},
    "acme_directory": {"type": "str", "default": ""},
    "acme_roots": {"type": "path", "default": ""},
    "challenge": {"type": "str", "choices": ["http-01", "tls-alpn-01", "dns-01"]},
    "account": {"type": "str", "default": ""},
    "nameservers": {"type": "list", "elements": "str", "default": []},
    "warn_left": {"type": "float", "default": 0.3334},
    "critical_left": {"type": "float", "default": 0.1667},
    "warn_days": {"type": "float", "default": 0},
    "critical_days": {"type": "float", "default": 0},
    "cache": {"type": "path", "default": ""},
    "now": {"type": "str", "default": ""},
    "timeout": {"type": "float", "default": 5},
    "deadline": {"type": "float", "default": 60},
    "fail_on": {"type": "list", "elements": "str", "default": []},
}


def settings_of(its: dict) -> model.Settings:
    """Raises ValueError."""
    return model.Settings(
        model.moment_of(its["now"]) if its["now"] else datetime.now(model.UTC),
        its["timeout"],
        its["deadline"],
        tuple(its["checks"]),
        tuple(its["ask"]),
        model.Limits(its["warn_left"], its["critical_left"], its["warn_days"], its["critical_days"]),
        its["acme_directory"],
        its["acme_roots"],
        its["challenge"] or "",
        its["account"],
        its["cache"],
    )


def main() -> None:
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    its = module.params
    if sys.version_info[:2] < OLDEST:
        module.fail_json(msg=f"To inspect certificates takes Python 3.11 or newer; on this host it is {platform.python_version()}.")
    if MISSING:
        module.fail_json(msg=f"This host lacks the Python library cryptography: apt-get install python3-cryptography. ({MISSING})")
    try:
        model.known(its["fail_on"], KINDS)
        settings = settings_of(its)
        endpoints = [model.endpoint_of(given, its["trust"]) for given in its["endpoints"]]
        files = [model.file_of(given, its["trust"]) for given in its["files"]]
    except ValueError as error:
        module.fail_json(msg=f"What is to be inspected cannot be: {error}")
    ask = Lookup(its["nameservers"], timeout=its["timeout"]).ask if Lookup and "caa" in its["ask"] else None
    inspection = inspector.Inspection(settings, ask, write=not module.check_mode)
    results = inspection.run(endpoints, files)
    found = [finding for result in results for finding in result.findings]
    failures = [str(finding) for finding in found if {finding.severity, finding.id, finding.kind} & set(its["fail_on"])]
    told = {"results": [inspector.as_json(result, settings) for result in results], "worst": worst(found), "failures": failures}
    if failures:
        module.fail_json(msg="Certificates are not as they should be:\n" + "\n".join(f"  - {one}" for one in failures), **told)
    module.exit_json(changed=False, **told)


if __name__ == "__main__":
    main()
