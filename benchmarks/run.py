"""Timings over a running demo, as ratios side by side in one run: `make demo`, then `make bench`. Writes results.json beside this file.

A run that changes nothing, with 1, 10 and 50 sites and 5 stacks, against the same work with a task for each item. Each is run once to settle, then
ours three times for the median of its seconds, and the other once.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests import bed  # noqa: E402

STACKS = 5


def inventory(folder: Path, sites: int) -> Path:
    """The bed's inventory with so many sites on home, spread over the stacks, and none on attic."""

    def fill(variables: dict[str, Any]) -> None:
        variables["exposure_apps"] = [{"name": f"bench{n}", "app": "whoami", "port": 8200 + n} for n in range(STACKS)]
        variables["exposure_sites"] = [{"name": f"s{n}", "hosts": [f"s{n}.bench.casa.example"], "app": f"bench{n % STACKS}"} for n in range(sites)]

    def empty(variables: dict[str, Any]) -> None:
        variables["exposure_sites"] = []

    return bed.inventory_with(folder, home=fill, attic=empty)


def run(path: Path, inventory: Path, *options: str) -> tuple[float, str]:
    began = time.monotonic()
    done = subprocess.run(
        [bed.BIN / "ansible-playbook", "-i", inventory, path, *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stdout[-4000:] + done.stderr[-2000:])
    return time.monotonic() - began, done.stdout


def tasks(output: str) -> int:
    """Tasks that ran, over all hosts, from the recap."""
    return sum(int(line.split("ok=")[1].split()[0]) for line in output.splitlines() if " ok=" in line and " unreachable=" in line)


def median(times: int, path: Path, inventory: Path, *options: str) -> tuple[float, int]:
    run(path, inventory, *options)
    runs = [run(path, inventory, *options) for _ in range(times)]
    return statistics.median(seconds for seconds, _ in runs), tasks(runs[-1][1])


def by_item(sites: int, folder: Path) -> tuple[float, int]:
    stacks = [
        {
            "name": f"item{n}",
            "compose": {
                "services": {
                    "whoami": {
                        "image": "docker.io/traefik/whoami:v1.11.0",
                        "ports": [f"127.0.0.1:{8300 + n}:8080"],
                        "environment": {"WHOAMI_PORT_NUMBER": "8080"},
                    }
                }
            },
        }
        for n in range(STACKS)
    ]
    listed = [{"name": f"s{n}", "hosts": [f"s{n}.bench.casa.example"], "upstream": f"127.0.0.1:{8300 + n % STACKS}"} for n in range(sites)]
    variables = folder / "variables.yml"
    variables.write_text(yaml.safe_dump({"bench_stacks": stacks, "bench_sites": listed}))
    return median(1, ROOT / "benchmarks/one_task_per_item.yml", bed.INVENTORY, "-e", f"@{variables}")


def main() -> None:
    results: list[dict[str, Any]] = []
    for sites in (1, 10, 50):
        with tempfile.TemporaryDirectory() as scratch:
            ours, our_tasks = median(3, ROOT / "playbooks/site.yml", inventory(Path(scratch), sites))
            silent, _ = median(3, ROOT / "playbooks/site.yml", inventory(Path(scratch) / "again", sites), "--skip-tags", "verify")
            theirs, their_tasks = by_item(sites, Path(scratch))
        results.append(
            {
                "sites": sites,
                "stacks": STACKS,
                "seconds": round(ours, 1),
                "without the proof": round(silent, 1),
                "tasks": our_tasks,
                "one task per item": round(theirs, 1),
                "its tasks": their_tasks,
                "ratio": round(theirs / ours, 1),
            }
        )
        print(results[-1], flush=True)
    (ROOT / "benchmarks/results.json").write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
