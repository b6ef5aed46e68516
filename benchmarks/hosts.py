"""What further hosts cost, side by side in one run over a running demo: `make demo`, then `python benchmarks/hosts.py`. Writes hosts.json beside this file.

A run that changes nothing, with a proxy and 1, 10 and 50 app hosts of three stacks and three sites each. The app hosts are names of one machine of the demo, so
that what is timed is Ansible and the collection, and a machine that does the work of fifty: real ones are faster. Each is run once to settle, then three times
for the median. Beside it: the Plan alone, as a process that has it in memory computes it.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.run import median, run  # noqa: E402
from plugins.module_utils.plan.make import Inventory, make  # noqa: E402
from tests import bed  # noqa: E402

HOSTS = (1, 10, 50)
SITES = 3
MACHINE, ADDRESS = "attic", "192.168.77.11"
QUIET = ("--skip-tags", "verify")


def app_host(number: int) -> dict[str, Any]:
    """One of many names of the machine. Its sites lead to an upstream, so that the stacks are the same whichever name comes by."""
    return {
        "ansible_host": MACHINE,
        "exposure_address": ADDRESS,
        "exposure_apps": [{"name": f"bench{n}", "app": "whoami", "port": 8200 + n} for n in range(SITES)],
        "exposure_sites": [
            {"name": f"h{number}-{n}", "hosts": [f"h{number}-{n}.bench.casa.example"], "upstream": f"http://{ADDRESS}:{8200 + n}"} for n in range(SITES)
        ],
    }


def inventory(folder: Path, hosts: int) -> Path:
    """The bed's inventory with so many app hosts, and nothing besides."""

    def empty(variables: dict[str, Any]) -> None:
        variables["exposure_sites"] = []
        variables.pop("exposure_apps", None)

    copy = bed.inventory_with(folder, home=empty)
    (copy / "host_vars/attic.yml").unlink()
    proxy = {"proxy": {"hosts": {"home": {}}}, "apps": {"hosts": {f"app{n:02}": app_host(n) for n in range(hosts)}}}
    (copy / "hosts.yml").write_text(yaml.safe_dump({"all": {"vars": {"ansible_connection": "community.docker.docker"}, "children": proxy}}))
    return copy


def planned(hosts: int) -> float:
    """Seconds of the Plan alone."""
    catalogue = {path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / "roles/apps/catalogue").glob("*.yml")}
    found = {"release": "trixie", "addresses": ["192.168.77.10"]}
    given = {f"app{n:02}": Inventory({k: v for k, v in app_host(n).items() if k.startswith("exposure_")}) for n in range(hosts)}
    given["home"] = Inventory({"exposure_acme": {"email": "me@casa.example"}}, ("proxy",), found)
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        make(given, catalogue)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def main() -> None:
    os.environ["ANSIBLE_FORKS"] = str(max(HOSTS) + 1)
    results: list[dict[str, Any]] = []
    for hosts in HOSTS:
        with tempfile.TemporaryDirectory() as scratch:
            path = inventory(Path(scratch), hosts)
            run(ROOT / "playbooks/site.yml", path, *QUIET, "--limit", "home,app00")  # one name sets the machine up; fifty at once would be in each other's way
            seconds, tasks = median(3, ROOT / "playbooks/site.yml", path, *QUIET)
        first = results[0] if results else {"hosts": hosts, "seconds": seconds, "tasks": tasks}
        more = hosts - first["hosts"]
        results.append(
            {
                "hosts": hosts,
                "sites": hosts * SITES,
                "seconds": round(seconds, 1),
                "tasks": tasks,
                "seconds for each further host": round((seconds - first["seconds"]) / more, 2) if more else None,
                "tasks for each further host": round((tasks - first["tasks"]) / more, 1) if more else None,
                "ratio to one host": round(seconds / first["seconds"], 1),
                "the Plan alone": round(planned(hosts), 4),
            }
        )
        print(results[-1], flush=True)
    (ROOT / "benchmarks/hosts.json").write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
