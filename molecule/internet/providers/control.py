"""What tests say to the simulators, on 127.0.0.1:8053 of isp.

GET  /                 what each provider has seen: the journal, counts of `nochg` in a row, who is blocked, its trouble
POST /PROVIDER {...}   its trouble from now on: down, slow, late, answers, always (see provider.Trouble); `block`: names or users to block
POST /PROVIDER/reset   it forgives: no trouble, nobody blocked, no counts; what it published stays
POST /reset            all as on the first day, with nothing published
"""

from __future__ import annotations

import dataclasses
import json

from .provider import Provider, Trouble
from .web import Answer, Request
from .world import Journal, Records


class Control:
    def __init__(self, providers: list[Provider], records: Records, journal: Journal) -> None:
        self.providers, self.records, self.journal = {provider.NAME: provider for provider in providers}, records, journal

    def answer(self, request: Request) -> Answer:
        name = request.path.strip("/")
        if request.method == "POST" and name == "reset":
            for provider in self.providers.values():
                provider.reset()
            self.records.clear()
            self.journal.clear()
        elif request.method == "POST" and name.endswith("/reset") and name.removesuffix("/reset") in self.providers:
            self.providers[name.removesuffix("/reset")].reset()
        elif request.method == "POST" and name in self.providers:
            said = json.loads(request.body)
            provider = self.providers[name]
            provider.blocked |= set(said.pop("block", []))
            provider.trouble = Trouble(**said)
        elif request.method != "GET" or name:
            return Answer(404, "no such provider\n")
        seen = {
            name: {"trouble": dataclasses.asdict(provider.trouble), "blocked": sorted(provider.blocked), "in_vain": provider.in_vain}
            for name, provider in self.providers.items()
        }
        return Answer(200, json.dumps({"providers": seen, "calls": self.journal.lines}), kind="application/json")
