# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One run for all names: see what they should be, change what differs, remember it, and tell.

A run that finds nothing to do asks nobody beyond the home's router: what it imports is kept small, and all else is imported where it is needed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from ..address.interface import Unreadable
from ..address.model import Found, SourceKind, Verdict
from .decide import due, removed
from .model import CLEAR, IPV6, Account
from .report import FINE, LATCHED, WAITING, Entry, Report
from .settings import ABSENT, KEEP, AccountSettings, Secrets, Settings, SettingsWrong
from .state import AccountState, State

if TYPE_CHECKING:
    from .confirm import Resolver
    from .providers.port import Provider
    from .transport import Transport

DIFFERED = "The provider has it, but its name servers showed something else at the last look."

Detect = Callable[..., Mapping[str, Found]]
"""`address.detect.detect(settings, local_only=False)`: family -> what was found. `local_only` asks the router and the interface alone."""


def run(
    settings: Settings,
    secrets: Secrets,
    detect: Detect,
    resolver: Resolver,
    transport_of: Callable[[Account], Transport],
    state: State,
    now: Callable[[], float] = time.time,
    check: bool = False,
    force: bool = False,
    sleep: Callable[[float], None] = time.sleep,
    provider_of: Callable[[str], type[Provider]] | None = None,
) -> Report:
    """Bring every name of every account to where it should be. With `check` nothing is sent and nothing is written. `force` sends also what has
    not changed, and ends waits of our own: never a latch, a wait that a provider asked for, nor a quota. `provider_of`: name -> provider, by default that
    of `providers.registry`. Raises OSError where the state cannot be kept."""
    report, moment = Report(), now()
    accounts = {entry.name: Account(entry.name, entry.provider, entry.options, secrets.get(entry.name, {})) for entry in settings.accounts}
    meet(settings.accounts, accounts, state)
    open_ones = []
    for entry in settings.accounts:
        stopped = standing(settings, entry, state, moment, force)
        report.entries += stopped
        if not stopped:
            open_ones.append(entry)
    if not open_ones:
        pass
    elif not force and quiet(settings, open_ones, state, detect, moment):
        report.entries += [rested(entry, host, family, state) for entry in open_ones for host, family in names_of(entry)]
    else:
        from .publish import Run, registered

        absent = all(entry.state == ABSENT for entry in open_ones)
        found = {} if absent else looked(detect, settings, False)
        work = Run(settings, found, resolver, transport_of, state, now, sleep, check, force, provider_of or registered)
        for entry in open_ones:
            report.entries += work.account(entry, accounts[entry.name])
        work.confirm()
    if not check:
        note(report, settings.accounts, state)
        state.save()
    return report


def note(report: Report, entries: Iterable[AccountSettings], state: State) -> None:
    """Which trouble is new, and which is over: people are told of that once."""
    accounts = {entry.name: entry for entry in entries}
    codes = {record_key(accounts[each.account], each.host, each.family): each for each in report.entries}
    for key, each in codes.items():
        each.news = state.told.get(key, FINE) != each.code
    state.told = {key: each.code for key, each in codes.items() if each.code}


def release(state: State, account: AccountSettings) -> None:
    """What a person does after having looked: latches and waits of an account end. Quotas stay, as the provider counts on."""
    at = state.accounts.get(account_key(account))
    if at:
        at.latches, at.next_try, at.asked, at.failures, at.error = {}, 0.0, False, 0, ""
    doubt(state, account)


def meet(entries: Iterable[AccountSettings], accounts: Mapping[str, Account], state: State) -> None:
    """Make the memory that of these accounts. Where a configuration is another than before, what stopped the old one does not stop it, and what is
    believed of its names is looked up."""
    keys = {account_key(entry) for entry in entries}
    names = {record_key(entry, host, family) for entry in entries for host in entry.hosts for family in entry.families}
    state.accounts = {key: at for key, at in state.accounts.items() if key in keys}
    state.records = {key: at for key, at in state.records.items() if key in names}
    for entry in entries:
        at = state.accounts.setdefault(account_key(entry), AccountState())
        digest = digest_of(entry, accounts[entry.name], state.salt)
        if at.digest != digest:
            if at.digest:
                at.latches, at.failures, at.error = {}, 0, ""
                at.next_try = at.next_try if at.asked else 0.0
                doubt(state, entry, again=False)
            at.digest = digest


def doubt(state: State, entry: AccountSettings, again: bool = True) -> None:
    """Believe nothing of an account's names. Unless `again`, a name that was removed counts as removed all the same."""
    for host in entry.hosts:
        for family in entry.families:
            record = state.records.get(record_key(entry, host, family))
            if record and (again or entry.state != ABSENT or not removed(record)):
                record.kind, record.looked, record.verified, record.again = "", 0.0, 0.0, 0


def digest_of(entry: AccountSettings, account: Account, salt: str) -> str:
    """A fingerprint of all that is configured for an account. With a salt of this machine, so that the state file tells nothing of a weak password."""
    import hashlib
    import hmac
    import json

    told = [entry.provider, entry.hosts, entry.families, entry.state, sorted(entry.suffixes.items()), entry.prefix]
    text = json.dumps([*told, sorted(account.options.items()), sorted(account.secrets.items())])
    return hmac.new(salt.encode(), text.encode(), hashlib.sha256).hexdigest()


def account_key(entry: AccountSettings) -> str:
    return f"{entry.provider}|{entry.name}"


def record_key(entry: AccountSettings, host: str, family: str) -> str:
    return f"{entry.provider}|{entry.name}|{entry.options.get('zone', '')}|{host}|{family}"


def standing(settings: Settings, entry: AccountSettings, state: State, moment: float, force: bool) -> list[Entry]:
    """What is told of an account that is not to be called now."""
    at = state.accounts[account_key(entry)]
    latch = at.latches.get("")
    names = [(host, family) for host, family in names_of(entry) if looked_for(settings, entry, family)]
    if latch:
        return [Entry(host, family, entry.name, LATCHED, message=latch_text(entry, latch.said or latch.kind)) for host, family in names]
    if at.next_try > moment and not (force and not at.asked):
        troubled = {name for name in names if record_key(entry, *name) in state.told} or set(names)
        waiting = [Entry(host, family, entry.name, WAITING, message=at.error, next_try=at.next_try) for host, family in names if (host, family) in troubled]
        return waiting + [rested(entry, host, family, state) for host, family in names if (host, family) not in troubled]
    return []


def looked_for(settings: Settings, entry: AccountSettings, family: str) -> bool:
    """Whether a family is anybody's concern: the owner may look for one alone."""
    return family in settings.address.families or entry.state == ABSENT


def latch_text(entry: AccountSettings, said: str) -> str:
    if not entry.name:
        return f"{entry.provider} said: {said.rstrip('.')}."
    way = f"change the account in the inventory, or run 'exposure ddns --reset {entry.name}'"
    return f"{entry.provider} said: {said.rstrip('.')}. Nothing is sent any more. When it is put right: {way}."


def names_of(entry: AccountSettings) -> list[tuple[str, str]]:
    return [(host, family) for host in entry.hosts for family in entry.families]


def rested(entry: AccountSettings, host: str, family: str, state: State) -> Entry:
    """What is told of a name for which there is nothing to do."""
    latch = state.accounts[account_key(entry)].latches.get(host)
    if latch:
        return Entry(host, family, entry.name, LATCHED, message=latch_text(entry, latch.said or latch.kind))
    at = state.records.get(record_key(entry, host, family))
    told = Entry(host, family, entry.name, old=at.address if at else None, new=at.address if at else CLEAR)
    if at and at.differs:
        told.confirmed, told.message = False, DIFFERED
    return told


def quiet(settings: Settings, entries: list[AccountSettings], state: State, detect: Detect, moment: float) -> bool:
    """Whether everything is known to be as it should: told to the provider, seen at its servers within the hour, and what the home itself sees."""
    named = [
        (entry, host, family, state.records.get(record_key(entry, host, family)))
        for entry in entries
        for host, family in names_of(entry)
        if host not in state.accounts[account_key(entry)].latches and looked_for(settings, entry, family)
    ]
    for entry, _, _, at in named:
        if entry.state == ABSENT and removed(at):
            continue
        if not (at and at.at):
            if entry.state == ABSENT:
                return False
        elif due(at, moment, settings.verify_every) or 0 < at.refresh <= moment or (entry.state == ABSENT and at.address != CLEAR):
            return False
    present = [each for each in named if each[0].state != ABSENT]
    if not present or not any(at for _, _, _, at in present):
        return not present
    local = looked(detect, settings, True)
    for entry, host, family, at in present:
        if at and at.gone:
            return False
        if at and at.at and at.address != CLEAR:
            if at.address not in {value(settings, entry, host, family, address) for address in sighted(local.get(family))}:
                return False
        elif not (entry.when_gone == KEEP or at) or not missing(local.get(family)):
            return False
    return True


def looked(detect: Detect, settings: Settings, local_only: bool) -> Mapping[str, Found]:
    """What was found. Where looking itself breaks, nothing is known, and so nothing is changed. Raises SettingsWrong."""
    try:
        return detect(settings.address, local_only=local_only)
    except SettingsWrong:
        raise
    except Unreadable as error:
        return {family: Found(family, "", Verdict.UNKNOWN, (str(error),)) for family in settings.address.families}
    except Exception as error:
        evidence = (f"Looking for the address failed ({type(error).__name__}).",)
        return {family: Found(family, "", Verdict.UNKNOWN, evidence) for family in settings.address.families}


def sighted(found: Found | None) -> set[str]:
    """Every address that the home itself sees for a family."""
    return {address for address in (found.address, *(each.address for each in found.sightings)) if address} if found else set()


def missing(found: Found | None) -> bool:
    """Whether the home itself sees that there is no such connection. Only of IPv6 can it: without an address on the interface there is none."""
    if not found or sighted(found):
        return False
    return found.verdict == Verdict.NONE or (found.family == IPV6 and any(each.kind == SourceKind.INTERFACE for each in found.sightings))


def value(settings: Settings, entry: AccountSettings, host: str, family: str, address: str) -> str:
    """What a record says when the home has this address: itself, its network where the provider is told the prefix alone, or the address of another
    machine of the home."""
    suffix = entry.suffixes.get(host, "")
    if family != IPV6 or not (suffix or entry.prefix or settings.address.suffix):
        return address
    length = settings.address.prefix_length
    if entry.prefix:
        import ipaddress

        return str(ipaddress.IPv6Network((address, length), strict=False))
    from ..address.prefix import combine

    return combine(address, suffix or settings.address.suffix, length)
