# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Many endpoints and files inspected in one call: looked at side by side, then judged, then told as JSON."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from ..acme.answer import TIMEOUT, Answer, Ask
from ..acme.problem import printable
from . import crl, disk, identity, judge_chain, judge_identity, judge_served, renewal
from .download import Failed, Page, get
from .findings import NOTE, Finding, finding, in_order, worst
from .look import FAMILY, TIME_IS_OVER, addresses_of, look
from .model import Endpoint, Expected, File, Seen, Settings, Trouble, Verdict
from .read import Broken, Cert, read
from .side_by_side import side_by_side
from .stores import Stores, climb

MOST_ADDRESSES = 16
MOST_TOLD = 16
"""Certificates of a chain that are told; a bundle of roots is no chain."""
GRACE = 0.5
"""Seconds in which connections that ended with the time for everything may still say how."""
UNANSWERED = {"ari": "ari_unreachable", "caa": "caa_unread", "crl": "crl_unreachable"}
Fetch = Callable[[str, float, str, int], Page]


@dataclass(frozen=True)
class Result:
    """One endpoint or file, judged. `seen` has an entry for each address that was looked at, none for a file."""

    label: str
    findings: tuple[Finding, ...]
    chain: tuple[Cert, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    seen: tuple[Seen, ...] = ()
    window: renewal.Window | None = None

    @property
    def worst(self) -> str:
        return worst(self.findings)


@dataclass
class Inspection:
    """Everything of one call. `ask` puts questions to the DNS; None where that cannot be."""

    settings: Settings
    ask: Ask | None = None
    fetch: Fetch = get
    write: bool = True
    stores: Stores = field(default_factory=Stores)

    def __post_init__(self) -> None:
        its = self.settings
        self.until = time.monotonic() + its.deadline
        self.lists = crl.Lists(lambda url: self.fetched(url, "", crl.MOST))
        keep = Path(its.cache) if its.cache else None
        self.ari = renewal.Ari(lambda url: self.fetched(url, its.roots, 1 << 16), its.now, keep, self.write)
        self.answers: dict[tuple[str, str], Answer] = {}

    def fetched(self, url: str, roots: str, most: int) -> Page:
        """Raises Failed."""
        seconds = min(self.settings.timeout, self.until - time.monotonic())
        if seconds <= 0:
            raise Failed("the time for everything was over")
        return self.fetch(url, seconds, roots, most)

    def asked(self, name: str, kind: str) -> Answer:
        if (name, kind) not in self.answers:
            if self.ask is None or time.monotonic() > self.until:
                return Answer(TIMEOUT)
            self.answers[name, kind] = self.ask(name, kind)
        return self.answers[name, kind]

    def run(self, endpoints: Sequence[Endpoint], files: Sequence[File] = ()) -> list[Result]:
        """The endpoints, then the files, in their order."""
        self.until = time.monotonic() + self.settings.deadline
        targets: list[Endpoint | File] = [*endpoints, *files]
        paths = {path for target in targets for path in (*target.expected.files, *target.expected.earlier)} | {file.path for file in files}
        contents = {path: disk.content(path) for path in sorted(paths)}
        looks = self.looks(endpoints)
        tasks = self.tasks(endpoints, looks, files, contents)
        if not self.settings.ask:
            return [task() for task in tasks]  # without anybody to wait for, threads would only slow it
        results = side_by_side(tasks, self.until + 2 * self.settings.timeout)
        self.ari.save()
        alone = replace(self, settings=replace(self.settings, ask=())).tasks(endpoints, looks, files, contents)
        return [result or self.unanswered(task()) for result, task in zip(results, alone, strict=True)]

    def tasks(
        self, endpoints: Sequence[Endpoint], looks: Sequence[Sequence[Seen]], files: Sequence[File], contents: Mapping[str, disk.Content]
    ) -> list[Callable[[], Result]]:
        served = [partial(self.endpoint, one, seen, contents) for one, seen in zip(endpoints, looks, strict=True)]
        return [*served, *(partial(self.file, file, contents) for file in files)]

    def unanswered(self, result: Result) -> Result:
        """A result that was judged without those who gave no answer in time."""
        what = f"{result.label}: what others were asked was not answered in time."
        told = [finding(UNANSWERED[question], what, "Try again, with more time (deadline) or fewer questions (ask).") for question in self.settings.ask]
        return replace(result, findings=tuple(in_order([*result.findings, *told])))

    def looks(self, endpoints: Sequence[Endpoint]) -> list[list[Seen]]:
        """What each shows, at the addresses that are wanted."""
        places: dict[tuple[str, int], Endpoint] = {(one.connect_to or one.host, FAMILY[one.family]): one for one in endpoints}
        found = side_by_side([partial(addresses_of, one) for one in places.values()], min(self.until, time.monotonic() + 4 * self.settings.timeout))
        late: tuple[list[str], Trouble | None] = ([], Trouble("dns", "the resolver of this host gave no answer in time"))
        known = dict(zip(places, (one or late for one in found), strict=True))
        works: list[Callable[[], Seen]] = []
        whose: list[int] = []
        for number, one in enumerate(endpoints):
            addresses, trouble = known[one.connect_to or one.host, FAMILY[one.family]]
            if trouble:
                works.append(partial(Seen, trouble=trouble))
                whose.append(number)
                continue
            for group in [[address] for address in addresses[:MOST_ADDRESSES]] if one.family == "all" else [addresses]:
                works.append(partial(look, one, group, self.settings, self.stores, self.until))
                whose.append(number)
        looks: list[list[Seen]] = [[] for _ in endpoints]
        for number, seen in zip(whose, side_by_side(works, self.until + GRACE), strict=True):
            looks[number].append(seen or Seen(trouble=TIME_IS_OVER))
        return looks

    def endpoint(self, endpoint: Endpoint, looks: Sequence[Seen], files: Mapping[str, disk.Content]) -> Result:
        """Each different chain is judged once."""
        findings: list[Finding] = []
        shown: list[tuple[Seen, list[Cert]]] = []
        for seen in looks:
            chain: list[Cert] = []
            trouble = seen.trouble
            try:
                chain = [read(der) for der in seen.chain]
            except Broken as reason:
                what = f"{endpoint.label}: a certificate that is sent cannot be read."
                findings.append(finding("certificate_unreadable", what, "Have a new one issued.", [str(reason)], [seen.address]))
                continue
            if not chain:
                trouble = trouble or Trouble("no_certificate", "no certificate is shown")
                findings.append(judge_served.unreachable(endpoint, trouble, seen.address))
                continue
            shown.append((seen, chain))
        main: Result | None = None
        judged: set[tuple[bytes, ...]] = set()
        for seen, chain in shown:
            where = endpoint.label if len({one.chain for one, _ in shown}) == 1 else f"{endpoint.label} ({seen.address})"
            findings += judge_served.judge(endpoint, seen, chain[0], files, where)
            if seen.chain not in judged:
                judged.add(seen.chain)
                result = self.chain(where, chain, seen.verdicts, endpoint.expected, files)
                findings += result.findings
                main = main or result
        findings += judge_served.differing(endpoint, [(seen.address, chain[0]) for seen, chain in shown])
        blank = main or Result(endpoint.label, ())
        return replace(blank, label=endpoint.label, findings=tuple(in_order(findings)), seen=tuple(looks))

    def text(self, content: bytes, expected: Expected) -> Result:
        """Certificates that are at hand as PEM."""
        return self.file(File("certificate", expected), {"certificate": disk.text_of(content)})

    def file(self, file: File, files: Mapping[str, disk.Content]) -> Result:
        found = files[file.path]
        findings = list(disk.judge(file.path, found))
        if not found.certs:
            return Result(file.label, tuple(in_order(findings)))
        verdicts = tuple(self.stores.judge(store, found.certs) for store in file.expected.trust)
        result = self.chain(file.path, found.certs, verdicts, file.expected, files)
        findings += result.findings
        if file.expected.key:
            findings += disk.judge_key(file.expected.key, found.certs[0], file.path)
        return replace(result, findings=tuple(in_order(findings)))

    def chain(self, where: str, chain: Sequence[Cert], verdicts: Sequence[Verdict], expected: Expected, files: Mapping[str, disk.Content]) -> Result:
        """What can be said of certificates wherever they were found."""
        its = self.settings
        leaf = chain[0]
        earlier = [cert for path in expected.earlier for cert in files[path].certs[:1] if cert.fingerprint != leaf.fingerprint]
        findings = [
            *judge_identity.judge(chain, verdicts, expected, self.stores.added(), where),
            *judge_chain.judge(chain, verdicts, expected, earlier, its.now, where),
        ]
        for path in expected.earlier:
            if files[path].trouble:
                findings.append(finding("file_unreadable", f"{path}: {files[path].trouble}.", "Correct the path.", about=[path], severity=NOTE))
        window = None
        if "ari" in its.ask:
            try:
                window = self.ari.window(leaf, its.directory)
            except Failed as reason:
                what = f"{where}: the authority did not say when it wants a renewal."
                findings.append(finding("ari_unreachable", what, "Nothing; it is asked again later.", [f"{reason}."]))
        findings += renewal.judge(leaf, its.now, its.limits, window, where)
        if "crl" in its.ask and any(verdict.ok for verdict in verdicts):
            findings += crl.judge(leaf, issuers(chain, verdicts), self.lists, its.now, where)
        if "caa" in its.ask:
            findings += self.caa(leaf, expected, where)
        return Result(where, tuple(in_order(findings)), tuple(chain), tuple(verdicts), (), window)

    def caa(self, leaf: Cert, expected: Expected, where: str) -> Iterator[Finding]:
        if self.ask is None:
            what = f"{where}: CAA records were not read."
            yield finding("caa_unread", what, "apt-get install python3-dnspython on this host.", ["This host has no dnspython."])
            return
        from . import permission  # it loads dnspython, which nothing else here needs

        yield from permission.judge(leaf, expected.names, self.asked, self.settings.challenge, self.settings.account, where)


def issuers(chain: Sequence[Cert], verdicts: Sequence[Verdict]) -> list[Cert]:
    found = list(climb(chain)[1:])
    for verdict in verdicts:
        with contextlib.suppress(Broken):
            found += [read(der) for der in verdict.path[1:]]
    return list({cert.fingerprint: cert for cert in found}.values())


def told(cert: Cert) -> dict[str, Any]:
    """A certificate as JSON, fit to be shown."""
    return {
        "names": [printable(name, 255) for name in cert.names],
        "subject": printable(cert.subject, 300),
        "issuer": printable(cert.issuer, 300),
        "serial": cert.serial,
        "fingerprint": cert.fingerprint,
        "not_before": cert.not_before.isoformat(),
        "not_after": cert.not_after.isoformat(),
        "key_type": cert.key_type,
        "key_bits": cert.key_bits,
        "signature": cert.digest,
        "self_signed": cert.self_signed,
        "ca": cert.ca,
    }


def as_json(result: Result, settings: Settings) -> dict[str, Any]:
    """What a module or report gives of a result: names of strangers are made fit to be shown."""
    leaf = result.chain[0] if result.chain else None
    seen = next((one for one in result.seen if one.chain), None)
    return {
        "target": printable(result.label, 300),
        "worst": result.worst,
        "findings": [{**asdict(one), "seen": list(one.seen), "about": list(one.about)} for one in result.findings],
        "certificate": told(leaf) if leaf else None,
        "chain": [told(cert) for cert in result.chain[1:MOST_TOLD]],
        "profile": identity.profile(leaf) if leaf else None,
        "life_left": round(renewal.left(leaf, settings.now), 4) if leaf else None,
        "days_left": round((leaf.not_after - settings.now).total_seconds() / 86400, 2) if leaf else None,
        "trust": {one.store: {"ok": one.ok, "code": one.code, "text": printable(one.text, 200)} for one in result.verdicts},
        "addresses": [one.address for one in result.seen if one.address],
        "tls": {"version": seen.version, "cipher": seen.cipher, "old_version": seen.old} if seen else None,
        "renewal_window": {"start": result.window.start.isoformat(), "end": result.window.end.isoformat()} if result.window else None,
    }
