# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Certificates that are declared and not at hand are ordered, one after the other, each only when it can succeed and its time has come."""

from __future__ import annotations

import json
import shutil
import ssl
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..certificates.pem import covers, due
from ..certificates.store import Store
from . import certbot, preflight
from .budget import Budget
from .reason import NOT_SPENT, reason
from .settings import Settings

Run = Callable[[Sequence[str], Mapping[str, str]], tuple[int, str]]
"""Runs a command with more variables in its environment: (exit code, output and errors together)."""

BACKUP = Path("/var/lib/exposure/backup")
"""A copy of certbot's accounts, for a server whose /etc/letsencrypt was lost: a new account would begin with nothing proven."""

SYSTEM_ROOTS = "/etc/ssl/certs/ca-certificates.crt"

LOGS = Path("/var/log/letsencrypt")

LOCK = Path("/var/lib/exposure/certificates.lock")
"""Held by who looks after the certificates of a server."""

NONCES = 40
"""How often an order is tried whose nonce the authority does not know any more: such an answer spends nothing. certbot asks twice for each of
some eight requests, so that one order in ten gets through where every second request is refused, and 98 of 100 with these tries."""

ANSWER = 10
"""Seconds in which an authority's directory is to answer."""


@dataclass(frozen=True)
class Outcome:
    """What became of a certificate. `state`: kept, ordered, wanted (in check mode), waiting (a failed order's back-off) or failed."""

    name: str
    state: str
    message: str = ""
    warnings: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return self.state in ("kept", "ordered", "wanted")


@dataclass
class Orders:
    """Orders of one server. `say` is told what is being done, for a person who waits."""

    settings: Settings
    store: Store
    budget: Budget
    run: Run
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    say: Callable[[str], None] = lambda text: None
    backup: Path = BACKUP
    logs: Path = LOGS

    def carry_out(self, certificates: Sequence[Mapping[str, Any]], *, force: bool = False, dry: bool = False) -> list[Outcome]:
        """Order what is not at hand. With `dry` nothing is asked; with `force` a back-off is not waited for."""
        outcomes = []
        authority: Authority | None = None
        for certificate in certificates:
            if certificate["kind"] != "acme":
                continue
            if self.at_hand(certificate):
                outcomes.append(Outcome(certificate["name"], "kept"))
            elif dry:
                outcomes.append(Outcome(certificate["name"], "wanted", f"{', '.join(certificate['hosts'])} will be ordered"))
            else:
                authority = authority or self.look_up()
                outcomes.append(self.order(certificate, authority, force))
        return outcomes

    def at_hand(self, certificate: Mapping[str, Any]) -> bool:
        """Whether certbot keeps it as declared, or the store has one from elsewhere that will do for a good while."""
        lineage = certbot.read_lineage(self.settings.config, certificate["name"])
        if lineage and certbot.as_wanted(lineage, certificate, self.settings) and lineage.pair.leaf.not_after > self.now():
            return True
        held = self.store.look(certificate["name"]).real
        return bool(not lineage and held and covers(held.leaf.names, certificate["hosts"]) and not due(held.leaf, self.now()))

    def look_up(self) -> Authority:
        return ask_directory(self.settings.directory, self.settings.ca_root)

    def order(self, certificate: Mapping[str, Any], authority: Authority, force: bool) -> Outcome:
        name, hosts = certificate["name"], list(certificate["hosts"])
        if authority.trouble:
            return Outcome(name, "failed", authority.trouble)
        way = certificate["challenge"]
        lineage = certbot.read_lineage(self.settings.config, name)
        if lineage and not lineage.ours:
            return Outcome(name, "failed", f"certbot has a certificate named {name} that was ordered by hand. Give this one another name.")
        if lines := certbot.steering(self.settings.config):
            place = self.settings.config / "cli.ini"
            return Outcome(name, "failed", f"{place} has {', '.join(lines)}, which would decide over this order too. Take it out of there.")
        verdict = self.budget.may_order(self.settings.directory, hosts, way, force)
        if not verdict.allowed:
            return Outcome(name, "waiting", verdict.reason)
        self.say(f"looking what the authority will see of {', '.join(hosts)}")
        webroot = Path(self.settings.webroot)
        known = preflight.Settings(self.settings.directory, webroot, authority.caa_identities, allow_private=self.settings.allow_private)
        problems = preflight.check(certificate, self.settings.addresses, known)
        warnings = [str(problem) for problem in problems if problem.severity != "error"]
        wrong = [str(problem) for problem in problems if problem.severity == "error"]
        if wrong:
            return Outcome(name, "failed", "No order was spent. " + " ".join(wrong), warnings)
        if self.settings.rehearsal and lineage is None:
            self.say(f"rehearsing the order of {', '.join(hosts)} at {self.settings.rehearsal}")
            code, output = self.rehearse(certificate)
            if code:
                return Outcome(
                    name, "failed", f"The rehearsal at {self.settings.rehearsal} failed, and no order was spent. {reason(output).sentence}", warnings
                )
        self.say(f"ordering {', '.join(hosts)}")
        restore_account(self.settings.config, self.backup)
        code, output = self.patiently(certbot.order_command(certificate, self.settings, self.version(), lineage is not None))
        if code:
            why = reason(output)
            if why.kind not in NOT_SPENT:
                wait = why.retry_at - time.time() if why.retry_at is not None else None
                self.budget.failed(self.settings.directory, hosts, way, why.sentence, wait)
            return Outcome(name, "failed", why.sentence, warnings)
        self.budget.succeeded(self.settings.directory, hosts, way)
        try:
            back_up_account(self.settings.config, self.backup)
        except OSError as error:
            warnings.append(f"certbot's account could not be copied to {self.backup}: {error}")
        return Outcome(name, "ordered", ", ".join(hosts), warnings)

    def rehearse(self, certificate: Mapping[str, Any]) -> tuple[int, str]:
        """The whole order at an authority whose certificates nobody trusts, in a folder that goes away afterwards."""
        with tempfile.TemporaryDirectory(prefix="exposure-rehearsal-") as scratch:
            folder = Path(scratch)
            for name in ("cli.ini", "credentials.ini"):
                shutil.copy(self.settings.folder / name, folder / name)
            text = (folder / "cli.ini").read_text()
            lines = [line for line in text.splitlines() if not line.startswith(("server", "eab-"))]
            (folder / "cli.ini").write_text("\n".join([f"server = {self.settings.rehearsal}", *lines]) + "\n")
            settings = replace(self.settings, folder=folder, config=folder / "config", profile="")
            words = certbot.order_command(certificate, settings, self.version(), False)
            return self.patiently([*words, "--work-dir", str(folder / "work"), "--logs-dir", str(folder / "logs")])

    def patiently(self, command: Sequence[str]) -> tuple[int, str]:
        """Run certbot, again where the authority called a request outdated: certbot itself asks twice only (RFC 8555, 6.5, has clients go on)."""
        for _ in range(NONCES):
            code, output = self.ask(command)
            if not code or reason(output).kind != "bad_nonce":
                break
        return code, output

    def ask(self, command: Sequence[str]) -> tuple[int, str]:
        """Run certbot: its exit code, and what it and the authority said."""
        code, output = self.run(command, self.environment())
        folder = Path(command[command.index("--logs-dir") + 1]) if "--logs-dir" in command else self.logs
        return code, certbot.unmasked(output, folder / "letsencrypt.log") if code else output

    def environment(self) -> dict[str, str]:
        """certbot asks the authority with requests, which takes roots from one file: the authority's beside the public ones, as a DNS provider is asked too."""
        if not self.settings.ca_root:
            return {}
        bundle = self.backup.parent / "authorities.pem"
        try:
            roots = [Path(path).read_text(encoding="utf-8") for path in (SYSTEM_ROOTS, self.settings.ca_root) if Path(path).exists()]
            bundle.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            bundle.write_text("\n".join(roots), encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return {"REQUESTS_CA_BUNDLE": self.settings.ca_root}
        return {"REQUESTS_CA_BUNDLE": str(bundle)}

    def version(self) -> tuple[int, int]:
        return certbot.version_of(self.run([self.settings.certbot, "--version"], {})[1])

    def renew(self, certificates: Sequence[Mapping[str, Any]]) -> list[Outcome]:
        """Renew what is declared and due. What a person ordered is renewed as before, by the unit of certbot's package, whose timer rests."""
        outcomes = []
        decides = self.version() >= certbot.ASKS_AUTHORITY
        for certificate in certificates:
            found = certbot.read_lineage(self.settings.config, certificate["name"]) if certificate["kind"] == "acme" else None
            late = bool(found) and due(found.pair.leaf, self.now())  # type: ignore[union-attr]
            if not found or not (late or decides):
                continue
            self.say(f"renewing {found.name} where it is due")
            code, output = self.ask(certbot.renew_command(self.settings, found.name, forced=not decides))
            if code and reason(output).kind == "bad_nonce":
                # It was due; but certbot has noted when to ask the authority again, and would now call it not due.
                code, output = self.patiently(certbot.renew_command(self.settings, found.name, forced=True))
            if code:
                outcomes.append(Outcome(found.name, "failed", reason(output).sentence))
        if others := certbot.foreign_lineages(self.settings.config):
            code, output = self.run(["systemctl", "start", "certbot.service"], {})
            if code:
                outcomes.append(Outcome(", ".join(others), "failed", f"certbot's own unit could not renew what you ordered: {output.strip()[-200:]}"))
        return outcomes


@dataclass(frozen=True)
class Authority:
    """What an ACME directory says of itself (RFC 8555, 7.1.1), or why it does not answer."""

    caa_identities: tuple[str, ...] = ()
    trouble: str = ""


def ask_directory(url: str, ca_root: str) -> Authority:
    try:
        context = ssl.create_default_context(cafile=ca_root or None)
        # Python 3.13 refuses roots that other clients, certbot among them, take: an owner's authority may well lack an extension.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        with urllib.request.urlopen(url, timeout=ANSWER, context=context) as answer:
            said = json.loads(answer.read(1 << 20))
        return Authority(tuple(str(one) for one in said.get("meta", {}).get("caaIdentities", [])))
    except (OSError, ValueError) as error:
        return Authority(trouble=f"The certificate authority at {url} does not answer ({error}). Nothing was ordered; the timer tries again.")


def back_up_account(config: Path, backup: Path) -> None:
    """Keep a copy of certbot's accounts, for root alone. The copy before it goes only when the new one is whole."""
    backup.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh, old = backup / ".accounts.new", backup / ".accounts.old"
    for left in (fresh, old):
        shutil.rmtree(left, ignore_errors=True)
    shutil.copytree(config / "accounts", fresh, symlinks=True)
    if (backup / "accounts").exists():
        (backup / "accounts").rename(old)
    fresh.rename(backup / "accounts")
    shutil.rmtree(old, ignore_errors=True)


def restore_account(config: Path, backup: Path) -> None:
    """Give certbot the accounts that it had, where it has none."""
    if (backup / "accounts").is_dir() and not (config / "accounts").exists():
        config.mkdir(mode=0o755, parents=True, exist_ok=True)
        shutil.copytree(backup / "accounts", config / "accounts", symlinks=True)
