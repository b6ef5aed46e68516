"""What providers share: the records in the box's bind9, and the journal of what was asked."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import dns.tsig
import dns.tsigkeyring
import dns.update
import dns.zone

TYPE = {4: "A", 6: "AAAA"}


class Records:
    """Records of the zones that providers keep. The truth is in bind9 alone, so nothing is lost when the simulators start anew."""

    def __init__(self, zones: list[str], key: dict[str, str], server: str = "127.0.0.1") -> None:
        self.zones, self.server = zones, server
        self.keyring, self.keyname = dns.tsigkeyring.from_text({key["name"]: key["secret"]}), key["name"]

    def zone_of(self, name: str) -> str:
        return max((zone for zone in self.zones if name == zone or name.endswith("." + zone)), key=len)

    def all(self, zone: str) -> dict[tuple[str, str], tuple[int, list[str]]]:
        """(name, type) -> (ttl, values) of a whole zone, but for SOA and NS."""
        found = dns.zone.from_xfr(dns.query.xfr(self.server, zone, relativize=False), relativize=False)
        return {
            (str(name).rstrip(".").lower(), rdataset.rdtype.name): (rdataset.ttl, [rdata.to_text() for rdata in rdataset])
            for name, node in found.nodes.items()
            for rdataset in node.rdatasets
            if rdataset.rdtype.name not in ("SOA", "NS")
        }

    def get(self, name: str, kind: str) -> list[str]:
        return self.all(self.zone_of(name)).get((name, kind), (0, []))[1]

    def write(self, *changes: tuple[str, str, int, list[str]]) -> None:
        """Records of one zone, all or none: (name, type, ttl, values); no values removes them."""
        zone = self.zone_of(changes[0][0])
        message = dns.update.UpdateMessage(zone, keyring=self.keyring, keyname=self.keyname, keyalgorithm=dns.tsig.HMAC_SHA256)
        for name, kind, ttl, values in changes:
            message.delete(name + ".", kind)
            for value in values:
                message.add(name + ".", ttl, kind, value)
        answer = dns.query.tcp(message, self.server, timeout=5)
        if answer.rcode() != dns.rcode.NOERROR:
            raise RuntimeError(f"bind9 refused: {dns.rcode.to_text(answer.rcode())}")

    def clear(self) -> None:
        """Nothing is published any more."""
        for zone in self.zones:
            if known := self.all(zone):
                self.write(*((name, kind, 0, []) for name, kind in known))


class Journal:
    """Every call, as a line of JSON, and kept for the control."""

    def __init__(self, path: Path) -> None:
        self.path, self.lines = path, []  # type: tuple[Path, list[dict[str, object]]]
        self.lock = threading.Lock()

    def note(self, **line: object) -> None:
        line = {"time": round(time.time(), 3), **line}
        with self.lock:
            self.lines.append(line)
            with self.path.open("a") as file:
                file.write(json.dumps(line) + "\n")

    def clear(self) -> None:
        with self.lock:
            self.lines.clear()
            self.path.write_text("")
