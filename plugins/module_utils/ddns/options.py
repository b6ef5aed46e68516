# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An account's options against those that its provider takes."""

from __future__ import annotations

from .model import Account
from .providers.port import Provider


def completed(account: Account, kind: type[Provider]) -> tuple[Account, str]:
    """The account with the provider's defaults, and what is wrong with its options, '' for nothing."""
    options, known = dict(account.options), kind.OPTIONS
    for name in [*options, *account.secrets]:
        if name not in known:
            return account, f"{kind.NAME} has no option {name}. It takes {', '.join(known)}."
        if known[name].secret != (name in account.secrets):
            place = "secrets" if known[name].secret else "options"
            return account, f"{name} of {account.name} belongs into the account's {place}."
    missing = [name for name, option in known.items() if option.required and not (account.secrets if option.secret else options).get(name)]
    if missing:
        return account, f"{' and '.join(missing)} of {account.name} must be given."
    for name, option in known.items():
        if option.default and not option.secret:
            options.setdefault(name, option.default)
    return Account(account.name, account.provider, options, account.secrets), ""
