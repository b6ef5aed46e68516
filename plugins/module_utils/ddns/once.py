# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names brought to their addresses once, from any host and without a memory: what the module ddns_update does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..address.model import IPV4, Found, Verdict
from ..address.model import Settings as AddressSettings
from .confirm import Authorities, Resolver
from .engine import run
from .http import Https
from .model import Account
from .providers.port import Provider
from .report import FAILED, LATCHED, REFUSED, WAITING, Report
from .settings import SettingsWrong, settings_of
from .state import State
from .transport import Transport

NAME = ""
"""One account needs no name, and without a memory nobody can release it."""
STOPPING = (REFUSED, LATCHED, FAILED, WAITING)


def bring(
    given: Mapping[str, Any],
    check: bool,
    resolver: Resolver | None = None,
    provider_of: Callable[[str], type[Provider]] | None = None,
) -> Report:
    """Carry out the options of the module. What the names have at present is asked of their authoritative servers, or of the provider's API where only that
    tells; what is right is not sent. Raises SettingsWrong."""
    addresses = {family: text for family, text in (given["addresses"] or {}).items() if text}
    families = list(given["families"] or addresses or AddressSettings().families)
    account = {
        "name": NAME,
        "provider": given["provider"],
        "hosts": given["hosts"],
        "families": families,
        "state": given["state"],
        "options": {name: as_text(text) for name, text in (given["options"] or {}).items()},
    }
    general = {key: given[key] for key in ("contact", "nameservers") if given[key]} | {"confirm_within": given["confirm_within"]}
    settings = settings_of({**general, "accounts": [account], "address": {**(given["address"] or {}), "families": families}}, "ddns_update")
    known = checked(addresses, settings.address)
    secrets = {NAME: {name: str(text) for name, text in (given["secrets"] or {}).items()}}

    def detect(address: AddressSettings, local_only: bool = False) -> Mapping[str, Found]:
        if known:
            return {family: Found(family, text, Verdict.DIRECT if text else Verdict.NONE) for family, text in known.items()}
        from ..address.detect import detect as look

        try:
            return look(address, local_only)
        except ValueError as wrong:
            raise SettingsWrong(str(wrong)) from None

    def transport_of(account: Account) -> Transport:
        return Https(settings.contact, interface=settings.address.interface)

    asked = resolver or Authorities(settings.nameservers)
    return run(settings, secrets, detect, asked, transport_of, State(), check=check, force=given["force"], provider_of=provider_of)


def checked(addresses: Mapping[str, str], settings: AddressSettings) -> dict[str, str]:
    """The addresses that were given, in the one way that Python spells them. Raises SettingsWrong."""
    from ..address.reserved import parse, unfit

    found = {}
    for family, text in addresses.items():
        try:
            found[family] = parse(text, family)
        except ValueError:
            kind = "an IPv4" if family == IPV4 else "an IPv6"
            raise SettingsWrong(f"addresses: {text!r} is not {kind} address.") from None
        why = unfit(found[family], settings.public, settings.allow_private)
        if why:
            raise SettingsWrong(f"addresses: {found[family]} is not published, as {why}. Set allow_private in address where that is meant.")
    return found


def as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def troubles(report: Report) -> list[str]:
    """What keeps names from being where they should be, a sentence each."""
    return [str(entry) for entry in report.entries if entry.action in STOPPING or entry.no_address]
