# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the server keeps of the inventory for its names, as role ddns writes it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ..address.model import Settings as AddressSettings
from .model import FAMILIES

FOLDER = Path("/etc/exposure/ddns/current")
NOBODY = "contact@homeserver-exposure.invalid"
CONTACT = re.compile(r"[!-?A-~]+@[!-?A-~]+")

PRESENT, ABSENT = "present", "absent"
KEEP, CLEAR_RECORD = "keep", "clear"

HANDED_OVER = (
    "systemd could not hand the tokens over to this service. In a container, its mounts must be shared for that: run 'mount --make-rshared /' when it starts."
)

Secrets = Mapping[str, Mapping[str, str]]
"""Account -> option -> secret."""


class SettingsWrong(Exception):
    """A file of settings that cannot be followed. Its text is for the owner."""


@dataclass(frozen=True)
class AccountSettings:
    """`hosts` are kept in the families, or removed where `state` is absent. `suffixes`: host -> host part (`::10`) or MAC address of another machine of the
    home that it leads to by IPv6. `prefix`: the provider is told the IPv6 prefix alone, and keeps host parts itself. `when_gone`: what becomes of a record
    when the home has no such connection any more, keep or clear; while that is not certain it is kept always."""

    name: str
    provider: str
    hosts: tuple[str, ...]
    families: tuple[str, ...] = FAMILIES
    state: str = PRESENT
    options: Mapping[str, str] = field(default_factory=dict)
    suffixes: Mapping[str, str] = field(default_factory=dict)
    prefix: bool = False
    when_gone: str = KEEP


@dataclass(frozen=True)
class Settings:
    """`contact`: an e-mail address that providers may write to about this client. `verify_every`: seconds after which the authoritative servers are asked
    again; `confirm_within`: seconds to wait for them after a write. `nameservers`: resolvers that find these servers, none for the system's."""

    accounts: tuple[AccountSettings, ...]
    address: AddressSettings = field(default_factory=AddressSettings)
    contact: str = NOBODY
    verify_every: float = 3600.0
    confirm_within: float = 60.0
    nameservers: tuple[str, ...] = ()


def read_settings(path: Path = FOLDER / "settings.json") -> Settings:
    """Raises FileNotFoundError where role ddns has not been here, OSError, and SettingsWrong."""
    return settings_of(read_json(path), path)


def read_secrets(path: Path | None = None) -> Secrets:
    """The secrets of the accounts, from the unit's credentials, else from beside the settings; none where there is no file.
    Raises OSError and SettingsWrong."""
    if path is None:
        given = os.environ.get("CREDENTIALS_DIRECTORY")
        path = Path(given) / "secrets.json" if given else FOLDER / "secrets.json"
    try:
        found = read_json(path)
    except FileNotFoundError:
        if os.environ.get("CREDENTIALS_DIRECTORY"):
            raise SettingsWrong(HANDED_OVER) from None
        return {}
    if not all(isinstance(options, dict) and all(isinstance(value, str) for value in options.values()) for options in found.values()):
        raise SettingsWrong(f"{path} must hold a mapping of account to option to text. Run the playbook again, which writes it.")
    return found


def read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        # Not what the parser says: it may quote a secret.
        raise SettingsWrong(f"{path} is not JSON. Run the playbook again, which writes it.") from None
    if not isinstance(found, dict):
        raise SettingsWrong(f"{path} does not hold a mapping. Run the playbook again, which writes it.")
    return found


def settings_of(given: Mapping[str, Any], place: object = "the settings") -> Settings:
    """Settings as a file or a module's options spell them. `place` names them in messages. Raises SettingsWrong."""
    general: Settings = built(Settings, {key: value for key, value in given.items() if key not in ("accounts", "address")}, place, accounts=())
    address = built(AddressSettings, given.get("address") or {}, f"{place}: address")
    accounts = tuple(account_of(entry, f"{place}: accounts[{number}]") for number, entry in enumerate(given.get("accounts") or []))
    names = [account.name for account in accounts]
    for name in names:
        if names.count(name) > 1:
            raise SettingsWrong(f"{place}: two accounts are called {name}. Give each a name of its own.")
    if not CONTACT.fullmatch(general.contact):
        raise SettingsWrong(f"{place}: contact must be an e-mail address, as it goes into the header by which providers know this client.")
    return replace(general, accounts=accounts, address=address)


def account_of(given: Any, place: str) -> AccountSettings:
    account: AccountSettings = built(AccountSettings, given, place)
    if not account.hosts or not account.families or not set(account.families) <= set(FAMILIES):
        raise SettingsWrong(f"{place}: needs hosts, and families out of {', '.join(FAMILIES)}.")
    if account.state not in (PRESENT, ABSENT) or account.when_gone not in (KEEP, CLEAR_RECORD):
        raise SettingsWrong(f"{place}: state is present or absent, and when_gone is keep or clear.")
    for suffix in account.suffixes.values():
        from ..address.prefix import combine

        try:
            combine("2001:db8::", suffix)
        except ValueError as wrong:
            raise SettingsWrong(f"{place}: {wrong}") from None
    hosts = tuple(dict.fromkeys(normal(host) for host in account.hosts))
    return replace(account, hosts=hosts, suffixes={normal(host): suffix for host, suffix in account.suffixes.items()})


def normal(host: str) -> str:
    return host.strip().rstrip(".").lower()


def built(kind: Any, given: Any, place: object, **fixed: Any) -> Any:
    """A dataclass from a mapping: every key is one of its fields, every value of that field's type."""
    if not isinstance(given, dict):
        raise SettingsWrong(f"{place} must be a mapping.")
    known = {field.name: field for field in fields(kind) if field.name not in fixed}
    values = {}
    for key, value in given.items():
        if key not in known:
            raise SettingsWrong(f"{place}: there is no option {key}. Known are {', '.join(known)}.")
        types, words = TYPES[str(known[key].type)]
        items = list(value.items()) if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
        texts = all(isinstance(text, str) for item in items for text in (item if isinstance(item, tuple) else (item,)))
        if not isinstance(value, types) or (isinstance(value, bool) and types is not bool) or not texts:
            raise SettingsWrong(f"{place}: {key} must be {words}.")
        values[key] = tuple(value) if isinstance(value, list) else value
    missing = [name for name, field in known.items() if field.default is MISSING and field.default_factory is MISSING and name not in values]
    if missing:
        raise SettingsWrong(f"{place}: {' and '.join(missing)} must be given.")
    return kind(**values, **fixed)


TYPES: Mapping[str, tuple[Any, str]] = {
    "str": (str, "a text"),
    "bool": (bool, "true or false"),
    "int": (int, "a whole number"),
    "float": (int | float, "a number"),
    "tuple[str, ...]": (list | tuple, "a list of texts"),
    "Mapping[str, str]": (dict, "a mapping of texts"),
}
