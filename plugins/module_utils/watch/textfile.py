# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Prometheus gathers from node_exporter's folder (its textfile collector; the format is Prometheus' text-based exposition format)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from ..host import memory
from .model import Finding

NAME = "exposure.prom"
HELP = {
    "exposure_certificate_not_after_seconds": "When the certificate that is served ends, in seconds of Unix time.",
    "exposure_certificate_life_left_ratio": "The share of its own life that is left.",
    "exposure_finding": "How many things of this kind are wrong.",
    "exposure_watch_last_run_seconds": "When the watch last looked, in seconds of Unix time.",
}
Sample = tuple[Mapping[str, str], float]


def write(folder: Path, findings: Sequence[Finding], certificates: Iterable[Mapping[str, Any]], now: float) -> None:
    """In one step, readable for node_exporter. Raises OSError."""
    if not folder.is_dir():
        raise FileNotFoundError(f"the folder {folder} is not there")
    memory.write(folder / NAME, text(findings, certificates, now), 0o644)


def text(findings: Sequence[Finding], certificates: Iterable[Mapping[str, Any]], now: float) -> str:
    shown = [one for one in certificates if one.get("certificate")]
    places = [{"site": str(one["site"]), "host": str(one["host"])} for one in shown]
    ends = [datetime.fromisoformat(one["certificate"]["not_after"]).timestamp() for one in shown]
    counted = Counter((one.id, one.severity) for one in findings)
    samples: dict[str, list[Sample]] = {
        "exposure_certificate_not_after_seconds": list(zip(places, ends, strict=True)),
        "exposure_certificate_life_left_ratio": [(place, float(one["life_left"])) for place, one in zip(places, shown, strict=True)],
        "exposure_finding": [({"id": name, "severity": severity}, float(count)) for (name, severity), count in sorted(counted.items())],
        "exposure_watch_last_run_seconds": [({}, now)],
    }
    lines = []
    for name, entries in samples.items():
        lines += [f"# HELP {name} {HELP[name]}", f"# TYPE {name} gauge"]
        lines += [f"{name}{labels(given)} {value:.17g}" for given, value in entries]
    return "\n".join(lines) + "\n"


def labels(given: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{escaped(value)}"' for name, value in given.items()) + "}" if given else ""


def escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
