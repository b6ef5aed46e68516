# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Certificates of NPM as entries of `exposure_certificates`.

What was proven over http needs no entry: the proxy gets a certificate for each site by itself. What was proven by DNS keeps its names, provider and
credentials (backend/internal/certificate.js, requestLetsEncryptSslWithDnsChallenge); a host here has one provider, so the most used one is taken. The owner's
own files are carried to the controller.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..plan import values
from ..plan.mistakes import Refused
from . import providers
from .left import shown
from .moved import Entry, Moved
from .names import certified_names, covers
from .read import Found, flag, number, text


def name_of(number_: int) -> str:
    """What a certificate is called here: as NPM calls its folder."""
    return f"npm-{number_}"


def uses(found: Found) -> dict[int, list[str]]:
    """Certificate -> what in NPM uses it."""
    kinds = (("proxy host", found.proxy_hosts), ("redirection host", found.redirections), ("404 host", found.dead_hosts), ("stream", found.streams))
    by: dict[int, list[str]] = {}
    for kind, rows in kinds:
        for row in rows:
            by.setdefault(number(row.get("certificate_id")), []).append(f"{kind} {number(row['id'])}")
    return by


def add_certificates(found: Found, moved: Moved, now: datetime) -> None:
    """The entries, and which site uses which."""
    by = uses(found)
    sites = {entry.where: entry for entry in moved.sites}
    chosen = choose_account(found, by)
    by_http: list[tuple[str, Mapping[str, Any]]] = []
    for one, row in found.certificates.items():
        nice = shown(row.get("nice_name") or "", 60)
        where = f"certificate {one} ({nice})" if nice else f"certificate {one}"
        users = [sites[user] for user in by.get(one, []) if user in sites]
        if not by.get(one):
            moved.lose(where, where, "Nothing in NPM uses it.", "There is nothing to do, unless another program reads its files: then declare it with copies.")
            continue
        if text(row.get("provider")) == "other":
            entry = own_files(found, one, row, where, users, moved, now)
        elif flag(row["meta"], "dns_challenge"):
            entry = by_dns(found, one, row, where, chosen, moved)
        elif text(row.get("provider")) == "letsencrypt":
            if row["meta"].get("unreadable"):
                moved.lose(where, where, "What NPM noted of it cannot be read.", "Its sites get certificates of their own over http.")
            else:
                by_http.append((where, row))
            continue
        else:
            moved.lose(where, where, f"Its provider {shown(row.get('provider'))} is not known here.", "Its sites get certificates of Let's Encrypt.")
            continue
        if entry is None:
            continue
        using = attach(entry, users, moved)
        if not any(not user.closed for user in using):
            entry.closed.append("Only what is commented out, or not carried over, uses it.")
        moved.certificates.append(entry)
    if by_http:
        why = "They were proven over http. Each site gets one of its own here, by the same way; NPM's are not taken."
        rsa = [where for where, row in by_http if row["meta"].get("key_type") == "rsa"]
        cure = f"For old clients that need RSA, write key_type: rsa in exposure_acme ({', '.join(rsa)} had it)." if rsa else "There is nothing to do."
        moved.differ("certificates of Let's Encrypt", ", ".join(where for where, _ in by_http), why, cure)
    missing = [entry for user, entry in sites.items() for one, names in by.items() if one and one not in found.certificates and user in names]
    for entry in missing:
        moved.differ(f"site {entry.name}", entry.where, "Its certificate is not in the database any more.", "It gets one of its own here.")
    live = [entry for entry in moved.certificates if not entry.closed]
    add_acme(found, moved, chosen, live)


def attach(entry: Entry, users: list[Entry], moved: Moved) -> list[Entry]:
    """Let the sites use a certificate that is for all their names. Returns those that do."""
    using = []
    for user in users:
        if entry.lines.get("hosts") and not covers(entry.lines["hosts"], user.lines["hosts"]):
            what = f"certificate {entry.name} for site {user.name}"
            moved.differ(what, user.where, "It is not for all names of the site.", "The site gets one of its own, which the authority proves over http.")
            continue
        user.lines.pop("tls", None)
        user.lines["certificate"] = entry.name
        using.append(user)
    return using


def choose_account(found: Found, by: Mapping[int, Any]) -> tuple[str, str]:
    """(plugin, credentials) of most of the certificates that something uses and that can be carried over; of the first, where several are as many."""
    counted: Counter[tuple[str, str]] = Counter()
    for one, row in found.certificates.items():
        account = account_of(found, one, row)
        if one in by and account[0]:
            counted[account] += 1
    return counted.most_common(1)[0][0] if counted else ("", "")


def account_of(found: Found, one: int, row: Mapping[str, Any]) -> tuple[str, str]:
    """(plugin, credentials) of a certificate by DNS; ('', '') for one that cannot be carried over."""
    if not flag(row["meta"], "dns_challenge") or text(row.get("provider")) != "letsencrypt":
        return "", ""
    known = providers.plugin(text(row["meta"].get("dns_provider")))
    source = found.credentials[one].text
    return (known, source.strip()) if known and providers.credentials(source) else ("", "")


def by_dns(found: Found, one: int, row: Mapping[str, Any], where: str, chosen: tuple[str, str], moved: Moved) -> Entry | None:
    provider, (known, source) = text(row["meta"].get("dns_provider")), account_of(found, one, row)
    names = certified_names(row.get("domain_names"))
    if not known:
        named = providers.plugin(provider)
        why = "its credentials are not lines that a vault can hold here" if named else "certbot's plugin for it cannot be used here"
        cure = "Its sites get certificates of their own over http. For proof by DNS, see exposure_acme in docs/declaration.md."
        moved.lose(where, where, f"It is proven at {shown(provider)}, and {why}.", cure)
        return None
    if (known, source) != chosen:
        other = "another provider" if known != chosen[0] else "another account of the same provider"
        cure = "Its sites get certificates of their own over http. Or let one account have all the names."
        moved.lose(where, where, f"It is proven at {shown(provider)}, and other certificates with {other}: a host here has one.", cure)
        return None
    if not names:
        moved.lose(where, where, "It has no names that can be certified.", "Declare it by hand.")
        return None
    if isinstance(row.get("domain_names"), list) and len(names) < len(row["domain_names"]):
        moved.differ(where, where, "Some of its names cannot be certified, and are left out.", "Look at its hosts.")
    lines: dict[str, Any] = {"name": name_of(one), "hosts": names, "challenge": "dns-01"}
    if row["meta"].get("key_type") == "rsa":
        lines["key_type"] = "rsa"
    return Entry(lines, where)


def own_files(found: Found, one: int, row: Mapping[str, Any], where: str, users: list[Entry], moved: Moved, now: datetime) -> Entry | None:
    """A certificate of the owner's own. Its paths are below the folder of the host's variables until the inventory is written."""
    instead = "Its sites get certificates of Let's Encrypt."
    if any(user.lines.get("tls") == "local" for user in users):
        instead = "Its sites have tls: local, by an authority of your own."
    if one not in found.files:
        moved.lose(where, where, f"custom_ssl/npm-{one} does not hold both fullchain.pem and privkey.pem.", instead)
        return None
    if (until := expiry(row.get("expires_on"))) and until < now:
        moved.lose(where, where, f"It expired on {until:%Y-%m-%d}.", instead)
        return None
    moved.needed.append(f"files-{one}")
    return Entry({"name": name_of(one), "kind": "files", "chain": f"{name_of(one)}/fullchain.pem", "key": f"{name_of(one)}/privkey.pem"}, where)


def expiry(value: object) -> datetime | None:
    """`expires_on`, which NPM writes in the time of its container; only the day is of use."""
    try:
        return datetime.fromisoformat(text(value)[:19]).replace(tzinfo=None)
    except ValueError:
        return None


def add_acme(found: Found, moved: Moved, chosen: tuple[str, str], live: list[Entry]) -> None:
    """What orders need: who the authority writes to, and the account at the DNS provider."""
    acme: dict[str, Any] = {}
    for row in found.certificates.values():
        owner = found.accounts.get(number(row.get("owner_user_id")), "")
        address = text(row["meta"].get("letsencrypt_email")) or owner
        if text(row.get("provider")) == "letsencrypt" and address and not address.endswith("@example.com"):
            try:
                acme.setdefault("email", values.e_mail(address))
            except Refused:
                continue
    dns = [entry for entry in moved.certificates if entry.lines.get("challenge") == "dns-01"]
    if dns:
        acme["dns"] = chosen[0]
        waits = [number(found.certificates[int(entry.name.removeprefix("npm-"))]["meta"].get("propagation_seconds")) for entry in dns]
        if (longest := max(waits)) and 0 < longest <= 86400:
            acme["dns_wait"] = f"{longest}s"
        if chosen[0] not in providers.DEBIAN:
            moved.variables["exposure_certbot_source"] = "pypi"
        moved.needed.append(f"credentials-{dns[0].name.removeprefix('npm-')}")
    if acme:
        moved.variables["exposure_acme"] = acme
