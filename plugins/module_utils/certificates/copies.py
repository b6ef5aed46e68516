# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Copies of a certificate where a service of one's own expects them, with the owner, group and mode that it needs."""

from __future__ import annotations

import grp
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..release.tree import group_name, mode_of, owner_name
from . import disk
from .pem import Pair, Unusable

DH_PARAMETERS = b"""-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
"""
"""The group ffdhe2048 of RFC 7919, appendix A.1: parameters everybody knows to be sound, where openssl dhparam would take minutes to find others."""


class NotYet(Unusable):
    """A copy cannot be there yet: its folder, owner or group has to be made first."""


@dataclass(frozen=True)
class Copy:
    """A file as it is wanted, and how it is there now."""

    path: Path
    content: bytes
    rights: disk.Rights
    before: disk.Found | None
    secret: bool

    @property
    def needed(self) -> bool:
        return self.before is None or (self.before.content, self.before.rights) != (self.content, self.rights)

    @property
    def difference(self) -> dict[str, str]:
        """In the form of Ansible's diffs; a private key never shows."""

        def shown(content: bytes, rights: disk.Rights, mark: str) -> str:
            what = mark if self.secret else content.decode(errors="replace")
            return f"{owner_name(rights.owner)}:{group_name(rights.group)} {rights.mode:04o}\n{what}"

        same = self.before is not None and self.before.content == self.content
        before = shown(self.before.content, self.before.rights, "(secret, hidden)\n") if self.before else ""
        after = shown(self.content, self.rights, "(secret, hidden)\n" if same or not self.before else "(another secret, hidden)\n")
        return {"before_header": str(self.path), "after_header": str(self.path), "before": before, "after": after}


def planned(certificate: Mapping[str, Any], pair: Pair) -> list[Copy]:
    """The copies of a certificate, looked at but not written. Raises Unusable with every place where one cannot be, NotYet where all may be later."""
    copies, wrong, later = [], [], True
    for entry in certificate.get("copies") or []:
        try:
            copies.append(plan(entry, pair))
        except Unusable as reason:
            wrong.append(f"copy {entry.get('path')}: {reason}")
            later = later and isinstance(reason, NotYet)
    if wrong:
        raise (NotYet if later else Unusable)("\n".join(wrong))
    return copies


def plan(entry: Mapping[str, Any], pair: Pair) -> Copy:
    path = Path(str(entry["path"]))
    if not path.is_absolute() or ".." in path.parts or not path.name:
        raise Unusable("it is not an absolute path of a file. Write one such as /etc/app/chained.pem")
    contents = {
        "fullchain": pair.fullchain,
        "chain": pair.issuers,
        "cert": pair.leaf.pem,
        "privkey": pair.key,
        "dhparam": DH_PARAMETERS,
    }
    content = contents.get(str(entry["content"]))
    if content is None:
        raise Unusable(f"its content is {entry['content']!r}. Write one of {', '.join(contents)}.")
    rights = rights_of(entry)
    secret = entry["content"] == "privkey"
    if secret and rights.mode & 0o007:
        raise Unusable(f"everybody could read the private key with mode {rights.mode:04o}. Write a mode such as '0600' or '0640'.")
    try:
        with disk.folder(path.parent) as parent:
            return Copy(path, content, rights, disk.look(parent, path.name, path), secret)
    except (FileNotFoundError, NotADirectoryError):
        raise NotYet(f"the folder {path.parent} is not there. Install what reads the copy first, or make the folder.") from None
    except OSError as error:
        raise Unusable(f"it cannot be looked at: {error.strerror}") from error


def rights_of(entry: Mapping[str, Any]) -> disk.Rights:
    owner, group = str(entry.get("owner") or "root"), str(entry.get("group") or "root")
    try:
        mode = mode_of(str(entry.get("mode") or ("0600" if entry["content"] == "privkey" else "0644")))
    except ValueError as error:
        raise Unusable(str(error)) from None
    try:
        uid = pwd.getpwnam(owner).pw_uid
    except KeyError:
        raise NotYet(f"there is no user {owner} on this host. Make the user first, or write another.") from None
    try:
        return disk.Rights(uid, grp.getgrnam(group).gr_gid, mode)
    except KeyError:
        raise NotYet(f"there is no group {group} on this host. Make the group first, or write another.") from None


def write(copies: list[Copy]) -> bool:
    """Write the copies that are not as wanted, each in one step. Returns whether there were any, so that what follows a change can run then."""
    needed = [copy for copy in copies if copy.needed]
    for copy in needed:
        try:
            with disk.folder(copy.path.parent) as parent:
                disk.tidy(parent)
                disk.write(parent, copy.path.name, copy.content, copy.rights)
        except OSError as error:
            raise Unusable(f"The copy {copy.path} could not be written: {error.strerror}. What was there before is untouched.") from error
    return bool(needed)
