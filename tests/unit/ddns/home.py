"""A home for the tests: its clock, its addresses, a provider that answers as it is told, and name servers that show what the provider took."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from plugins.module_utils.address.model import Found, Sighting, SourceKind, Verdict
from plugins.module_utils.address.model import Settings as AddressSettings
from plugins.module_utils.ddns.confirm import Question, Seen
from plugins.module_utils.ddns.engine import release, run
from plugins.module_utils.ddns.model import FAMILIES, IPV4, IPV6, Account, Call, Capabilities, Kind, Option, Outcome
from plugins.module_utils.ddns.providers.port import Provider
from plugins.module_utils.ddns.report import Entry, Report
from plugins.module_utils.ddns.settings import settings_of
from plugins.module_utils.ddns.state import State
from plugins.module_utils.ddns.transport import Request, Response

START = 1_795_000_000.0
HOST = "home.casa.example"
OLD, NEW, OTHER = "203.0.113.7", "203.0.113.8", "203.0.113.9"
OLD6, NEW6 = "2001:db8:1::5", "2001:db8:2::5"
SECRET = "tok/en+S3cret"


class Home:
    """Everything around the engine. Each call of `run` is a run of the product, which reads its state anew."""

    def __init__(self, folder: Path, **can: Any) -> None:
        self.folder, self.now = folder, START
        self.addresses: dict[str, str] = {IPV4: OLD, IPV6: OLD6}
        self.verdicts: dict[str, Verdict] = {}
        self.seen_locally = True
        self.account: dict[str, Any] = {"name": "home", "provider": "fake", "hosts": [HOST]}
        self.others: list[dict[str, Any]] = []
        self.general: dict[str, Any] = {}
        self.secrets: dict[str, dict[str, str]] = {"home": {"token": SECRET}}
        self.can = Capabilities(**{"together": True, "most_hosts": 5, "clear": FAMILIES, **can})
        self.calls: list[Call] = []
        self.answers: list[Any] = []
        """What the provider says to the next calls: an outcome for all names, a list of outcomes, or an exception. Else it says what is true."""
        self.dns: dict[Question, str] = {}
        self.slow = 0.0
        """Seconds until name servers show what the provider took."""
        self.dns_down = self.frozen = False
        self.pending: list[tuple[float, Question, str]] = []
        self.asked_dns: list[Question] = []
        self.asked_api: list[Question] = []
        self.detections: list[bool] = []
        self.slept = 0.0

    def detect(self, settings: AddressSettings, local_only: bool = False) -> dict[str, Found]:
        self.detections.append(local_only)
        found = {}
        for family in settings.families:
            address = self.addresses.get(family, "")
            kind = SourceKind.ROUTER if family == IPV4 else SourceKind.INTERFACE
            local = address if self.seen_locally else ""
            sightings = (Sighting(str(kind), kind, family, local, "" if local else "nothing"),) if self.seen_locally or family == IPV6 else ()
            verdict = self.verdicts.get(family, Verdict.NAT if address else Verdict.UNKNOWN)
            found[family] = Found(family, "" if local_only else address, verdict, ("The sources say nothing.",) if not address else (), "", sightings)
        return found

    def resolver(self, questions: Iterable[Question]) -> dict[Question, Seen]:
        asked = list(questions)
        self.asked_dns += asked
        self.pass_on()
        if self.dns_down:
            return {question: Seen(None, "no answer") for question in asked}
        return {question: Seen(frozenset(filter(None, [self.dns.get(question, "")]))) for question in asked}

    def provider(self, name: str) -> type[Provider]:
        if name != "fake":
            raise LookupError(f"There is no provider called {name}.")
        home = self

        class Fake(Provider):
            NAME = "fake"
            CAPABILITIES = home.can
            OPTIONS = {"token": Option(required=True, secret=True), "zone": Option(), "server": Option()}

            def update(self, call: Call) -> list[Outcome]:
                return home.answer(call)

            def current(self, host: str, family: str) -> str | None:
                home.asked_api.append((host, family))
                return home.api.get((host, family), "")

        return Fake

    def pass_on(self) -> None:
        """What the provider took reaches its name servers."""
        for due, question, address in list(self.pending):
            if due <= self.now:
                self.dns[question] = address
                self.pending.remove((due, question, address))

    @property
    def api(self) -> dict[Question, str]:
        self.pass_on()
        return {**self.dns, **{question: address for _, question, address in self.pending}}

    def answer(self, call: Call) -> list[Outcome]:
        self.calls.append(call)
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        given = answer if isinstance(answer, list) else [answer] * len(call.hosts)
        return [self.took(host, call, outcome) for host, outcome in zip(call.hosts, given, strict=True)] if len(given) == len(call.hosts) else given

    def took(self, host: str, call: Call, outcome: Outcome | None) -> Outcome:
        if outcome and outcome.kind != Kind.GOOD:
            return outcome
        known = self.api
        changed = any(known.get((host, family), "") != address for family, address in call.values.items())
        if not self.frozen:
            for family, address in call.values.items():
                self.pending.append((self.now + self.slow, (host, family), address))
        return outcome or Outcome(Kind.GOOD if changed or call.prefix else Kind.NOCHG, "good" if changed else "nochg")

    def send(self, request: Request) -> Response:
        raise AssertionError("the fake provider has no wire")

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.now += seconds

    def run(self, after: float = 0, **how: Any) -> Report:
        """A run of the timer, `after` seconds later."""
        self.now += after
        state = State(self.folder, lambda: self.now)
        settings = settings_of({**self.general, "accounts": [self.account, *self.others]})
        with state.alone():
            report = run(
                settings, self.secrets, self.detect, self.resolver, self.transport, state, lambda: self.now, sleep=self.sleep, provider_of=self.provider, **how
            )
        return report

    def transport(self, account: Account) -> Home:
        return self

    def release(self) -> None:
        state = State(self.folder, lambda: self.now)
        with state.alone():
            release(state, settings_of({"accounts": [self.account]}).accounts[0])
            state.save()

    def state(self) -> State:
        return State(self.folder, lambda: self.now)

    def settled(self) -> Home:
        """Published and confirmed, as after the first run."""
        assert self.run().exit_code == 0
        self.calls.clear()
        self.asked_dns.clear()
        self.detections.clear()
        self.slept = 0.0
        return self


def entry(report: Report, host: str = HOST, family: str = IPV4) -> Entry:
    return next(each for each in report.entries if (each.host, each.family) == (host, family))
