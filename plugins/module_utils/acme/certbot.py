# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""certbot as this project uses it: its lineages read from disk, its commands built, its answers kept.

Layout of a lineage and of its renewal file: certbot's documentation, "Where are my certificates?". Options: certbot --help all.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..certificates import disk
from ..certificates.pem import Pair, Unusable, pair
from .settings import Settings

ASKS_AUTHORITY = (4, 1)
"""Since this version certbot asks the authority when to renew (ARI), and else goes by a certificate's own life. Debian's 4.0 renews thirty days
ahead of the end whatever the life, as older ones do: for these it is decided here."""

HAS_PROFILES = (4, 0)


MASKED = "AttributeError: can't set attribute"
"""What certbot 2.1 on Python 3.11 (Debian 12) prints in place of whatever the authority said: contextlib hangs a traceback on the error, and josepy's
errors take no attribute. Its log has the error itself."""

IN_LOG = re.compile(r"^acme\.messages\.Error: (.+)$", re.MULTILINE)
LOG_END = 400_000

OURS = ("/var/lib/exposure-challenges", "/etc/exposure/certbot")
STEERING = re.compile(r"^\s*(pre-hook|post-hook|deploy-hook|renew-hook|authenticator|installer|domains|standalone|nginx|apache|manual)\s*=", re.MULTILINE)


@dataclass(frozen=True)
class Lineage:
    """A certificate that certbot keeps, with its key, and how it was ordered."""

    name: str
    pair: Pair
    server: str
    key_type: str
    profile: str
    authenticator: str
    ours: bool


def read_lineage(config: Path, name: str) -> Lineage | None:
    """A lineage by its name, None where certbot has none or its files are damaged."""
    live = config / "live" / name
    try:
        chain, key = (disk.read((live / file).resolve(strict=True)) or b"" for file in ("fullchain.pem", "privkey.pem"))
        found = pair(chain, key)
        text = (config / "renewal" / f"{name}.conf").read_text(encoding="utf-8")
    except (OSError, RuntimeError, Unusable):
        return None
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string("[lineage]\n" + re.sub(r"^\[\[(.*)\]\]$", r"[\1]", text, flags=re.MULTILINE))
        options = parser["renewalparams"]
    except (configparser.Error, KeyError):
        return None
    profile = options.get("required_profile") or options.get("preferred_profile") or ""
    profile = "" if profile == "None" else profile
    asked = options.get("server", ""), options.get("key_type", "rsa"), profile, options.get("authenticator", "")
    return Lineage(name, found, *asked, is_ours(text))


def is_ours(renewal: str) -> bool:
    """Whether a lineage was ordered by this project, from its renewal file: it names our folder of challenges, or our credentials."""
    return any(sign in renewal for sign in OURS)


def foreign_lineages(config: Path) -> list[str]:
    """Names of the lineages that a person ordered: they are renewed as they were before."""
    return [path.stem for path in sorted((config / "renewal").glob("*.conf")) if not is_ours(path.read_text(encoding="utf-8", errors="replace"))]


def steering(config: Path) -> list[str]:
    """Lines of a person's cli.ini that would decide over our orders too: certbot reads it beside the file that it is given."""
    try:
        text = (config / "cli.ini").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return sorted({found.strip() for found in STEERING.findall(text)})


def as_wanted(lineage: Lineage, certificate: Mapping[str, Any], settings: Settings) -> bool:
    """Whether a lineage is what is declared: its names, its authority, its kind of key, its profile."""
    return (
        sorted(lineage.pair.leaf.names) == sorted(certificate["hosts"])
        and lineage.server == settings.directory
        and lineage.key_type == certificate["key_type"]
        and lineage.profile == settings.profile
        and lineage.authenticator == authenticator(certificate, settings)
    )


def authenticator(certificate: Mapping[str, Any], settings: Settings) -> str:
    """The plugin of certbot by which a certificate is proven."""
    return f"dns-{settings.dns}" if certificate["challenge"] == "dns-01" else "webroot"


def order_command(certificate: Mapping[str, Any], settings: Settings, version: tuple[int, int], replaces: bool) -> list[str]:
    """The command that orders a certificate. Secrets are in the files it names, none in a word of it."""
    words = [settings.certbot, "certonly", "--non-interactive", "--config", str(settings.folder / "cli.ini"), "--config-dir", str(settings.config)]
    words += ["--cert-name", certificate["name"], "--key-type", certificate["key_type"]]
    words += ["--elliptic-curve", "secp256r1"] if certificate["key_type"] == "ecdsa" else ["--rsa-key-size", "3072"]
    for name in certificate["hosts"]:
        words += ["-d", name]
    if replaces:
        words += ["--renew-with-new-domains", "--force-renewal"]
    if settings.profile and version >= HAS_PROFILES:
        words += ["--required-profile", settings.profile]
    if certificate["challenge"] == "dns-01":
        words += [f"--authenticator=dns-{settings.dns}", f"--dns-{settings.dns}-credentials={settings.folder / 'credentials.ini'}"]
        words += [f"--dns-{settings.dns}-propagation-seconds={settings.dns_wait}"] if settings.dns_wait else []
    else:
        words += ["--authenticator=webroot", "--webroot-path", settings.webroot]
    return words


def renew_command(settings: Settings, name: str, forced: bool = False) -> list[str]:
    """The command that renews a lineage where it is due."""
    words = [settings.certbot, "renew", "--quiet", "--non-interactive", "--no-random-sleep-on-renew", "--config-dir", str(settings.config)]
    return [*words, "--cert-name", name, *(["--force-renewal"] if forced else [])]


def unmasked(output: str, log: Path) -> str:
    """What certbot printed, with the authority's own words where a fault of certbot took their place."""
    if MASKED not in output:
        return output
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - LOG_END))
            said = IN_LOG.findall(file.read().decode("utf-8", "replace"))
    except OSError:
        return output
    return output.replace(MASKED, said[-1]) if said else output


def version_of(output: str) -> tuple[int, int]:
    """The version in what `certbot --version` prints, such as `certbot 4.0.0`; (0, 0) of anything else."""
    found = re.search(r"certbot (\d+)\.(\d+)", output)
    return (int(found[1]), int(found[2])) if found else (0, 0)
