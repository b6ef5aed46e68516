"""Our proxies beside others' nginx, in one container and one run: `make bench-engines`. Writes engines.json beside this file.

Requests per second over kept connections, and new TLS connections per second with a request each, by wrk over HTTP/1.1 and TLS 1.3. The configurations
take turns within each round, so that what else the machine does falls on all of them; a figure is the median of the rounds. With `--parts` our nginx is
measured beside itself with one part left out at a time, and nothing is written.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import statistics
import subprocess
import sys
import tarfile
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.unit.plan.declarations import host, nginx_files, plan, proxy_of, rendered  # noqa: E402

IMAGE = "exposure-bed/trixie:current"
OTHERS = {"npm-like": "127.0.0.3", "swag-like": "127.0.0.4", "hand-tuned": "127.0.0.5"}
CONCURRENCY, THREADS = 16, 2
LOADS = {"requests": [], "connections": ["-H", "Connection: close"]}
"""What wrk is told besides, for each figure."""
MEASURES = [*LOADS, *(f"{load} per CPU second" for load in LOADS)]
"""A figure of each load, and the same for each second of processor time that the proxy itself took: others' work on the machine moves that one less."""

PARTS = {
    "no access log": ("http.conf", r"access_log /var\S+ .*;", "access_log off;"),
    "no comparison of the names": ("http.conf", r"\tif \(\$ssl_server_name[^}]*}\n", ""),
    "no added headers": ("http.conf", r"\tadd_header .*\n", ""),
    "no compression": ("http.conf", r"gzip on;", "gzip off;"),
    "no headers taken out": ("proxy.conf", r'proxy_set_header \S+ "";\n', ""),
    "no post-quantum group": ("tls.conf", r"X25519MLKEM768:", ""),
}


class Box:
    """A container of this run, gone at its end."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self.name = f"bench-engines-{uuid.uuid4().hex[:8]}"
        self.names = [f"--add-host={name}.bench.example:{address}" for name, address in addresses.items()]

    def __enter__(self) -> Box:
        # Should this process be killed, the container still ends by itself, and --rm takes it away.
        start = ["docker", "run", "-d", "--rm", "--init", "--name", self.name, *self.names, "--entrypoint", "sleep", IMAGE, "1800"]
        subprocess.run(start, check=True, capture_output=True)
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["docker", "rm", "-f", self.name], check=False, capture_output=True)

    def run(self, command: str) -> str:
        done = subprocess.run(["docker", "exec", self.name, "sh", "-euc", command], capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"In the container, this failed: {command}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done.stdout

    def write(self, files: Mapping[str, str]) -> None:
        """Files by their whole path."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for path, text in files.items():
                entry = tarfile.TarInfo(path.lstrip("/"))
                entry.size, entry.mode = len(text.encode()), 0o644
                archive.addfile(entry, io.BytesIO(text.encode()))
        subprocess.run(["docker", "exec", "-i", self.name, "tar", "-xC", "/"], input=packed.getvalue(), check=True, capture_output=True)


def site(name: str, engine: str) -> dict[str, object]:
    """A host with one site, as its owner declares it."""
    own = {"name": "own", "kind": "files", "chain": "/home/me/own.pem", "key": "/home/me/own.key"}
    declared = {"name": "bench", "hosts": [f"{name}.bench.example"], "upstream": "127.0.0.1:8080", "certificate": "own"}
    return {"sites": [declared], "certificates": [own], "proxy": engine}


def our_nginx(box: Box, name: str, address: str, without: str = "") -> None:
    """Debian's nginx.conf with the files of the role, in a folder of its own, at one address."""
    made = nginx_files(asdict(proxy_of(plan(home=host(**site(name, "nginx"))))), [f"{address}:"], ["127.0.0.11"])
    if without:
        file, pattern, instead = PARTS[without]
        made[file], times = re.subn(pattern, instead, made[file])
        if not times:
            raise SystemExit(f"The part '{without}' is not in {file} any more: correct PARTS in benchmarks/engines.py.")
    folder = f"/bench/{name}"
    made["http.conf"] = made["http.conf"].replace("/var/log/nginx/", f"{folder}/")
    box.run(f"cp -r /etc/nginx {folder} && rm -f {folder}/sites-enabled/* && mkdir {folder}/exposure")
    moved = f"-e s:/etc/nginx:{folder}:g -e s:/run/nginx.pid:{folder}/proxy.pid: -e s:/var/log/nginx:{folder}:g"
    box.run(f"sed -i {moved} {folder}/nginx.conf")
    include = (ROOT / "roles/nginx/files/include-http.conf").read_text()
    box.write({f"{folder}/conf.d/exposure.conf": include} | {f"{folder}/exposure/{file}": text for file, text in made.items() if file != "check.sh"})
    box.run(f"nginx -p {folder}/ -c {folder}/nginx.conf")


def our_caddy(box: Box, name: str, address: str) -> None:
    """The Caddyfile of the role, at one address."""
    version = [int(part) for part in re.findall(r"\d+", box.run("caddy version"))[:2]]
    text = rendered(plan(home=host(**site(name, "caddy"))), "home", version)
    text = text.replace("\tgrace_period", f"\tdefault_bind {address}\n\tgrace_period", 1)
    box.run(f"mkdir -p /run/caddy /bench/{name}")
    box.write({f"/bench/{name}/Caddyfile": text})
    box.run(f"HOME=/bench/{name} caddy start --config /bench/{name}/Caddyfile --adapter caddyfile --pidfile /bench/{name}/proxy.pid >/bench/{name}/log 2>&1")


def nginx(box: Box, name: str) -> None:
    box.run(f"mkdir -p /bench/{name}")
    box.write({f"/bench/{name}/nginx.conf": (ROOT / f"benchmarks/engines/{name}.conf").read_text()})
    box.run(f"nginx -p /bench/{name}/ -c /bench/{name}/nginx.conf")


def prepare(box: Box) -> None:
    packages = "nginx caddy wrk openssl curl"
    box.run(f"apt-get -q update >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends {packages} >/dev/null 2>&1")
    store = "/etc/exposure/certificates/own"
    box.run(
        f"mkdir -p {store} /bench/page && cd {store} && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        "-subj /CN=bench.example -addext subjectAltName=DNS:*.bench.example -keyout privkey.pem -out fullchain.pem 2>/dev/null"
    )
    box.write({"/bench/page/page.html": "a page of ten kilobytes, and no more\n"[:32] * 320})
    nginx(box, "upstream")


def agreed(box: Box, name: str) -> str:
    """The group of the key exchange; ends the run where the proxy does not serve the page over TLS 1.3."""
    url = f"https://{name}.bench.example/page.html"
    curl = f"curl -sk --http1.1 --tlsv1.3 --retry 5 --retry-connrefused -o /dev/null -w '%{{http_code}} %{{size_download}}' {url}"
    if (answer := box.run(curl)) != "200 10240":
        raise SystemExit(f"{name} answers with '{answer}' instead of the page.")
    shaken = box.run(f"openssl s_client -connect {name}.bench.example:443 -servername {name}.bench.example </dev/null 2>&1")
    found = re.search(r"Negotiated TLS1.3 group: (\S+)|Peer Temp Key: ([^\n,]+)", shaken)
    return (found[1] or found[2]) if found else "unknown"


def processor(box: Box, name: str) -> float:
    """Seconds of processor time that a proxy has taken so far, its workers included."""
    stats = box.run(
        f"main=$(cat /bench/{name}/proxy.pid); for one in $main $(cat /proc/$main/task/$main/children); do cat /proc/$one/stat; done; getconf CLK_TCK"
    )
    *processes, ticks = stats.splitlines()
    return sum(int(time) for line in processes for time in line.rpartition(")")[2].split()[11:13]) / int(ticks)


def measured(box: Box, name: str, load: str, seconds: int) -> dict[str, float]:
    told = " ".join(f"'{word}'" for word in LOADS[load])
    began = processor(box, name)
    said = box.run(f"wrk -t{THREADS} -c{CONCURRENCY} -d{seconds}s {told} https://{name}.bench.example/page.html")
    took = processor(box, name) - began
    if "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(f"{name} lost requests, so its figure means nothing:\n{said}")
    count = int(said.split(" requests in ")[0].split()[-1])
    return {load: float(said.split("Requests/sec:")[1].split()[0]), f"{load} per CPU second": round(count / took)}


def figures(box: Box, names: list[str], rounds: int, seconds: int) -> dict[str, dict[str, list[float]]]:
    """The figures of each round, by configuration and measure."""
    for name in names:
        measured(box, name, "requests", 1)
    taken: dict[str, dict[str, list[float]]] = {name: {measure: [] for measure in MEASURES} for name in names}
    for number in range(rounds):
        for load in LOADS:
            # Each round begins with another one: the place in a round has an effect of its own.
            first = number % len(names)
            for name in names[first:] + names[:first]:
                for measure, value in measured(box, name, load, seconds).items():
                    taken[name][measure].append(value)
        print(f"round {number + 1} of {rounds}", flush=True)
    return taken


def ratios(taken: Mapping[str, Mapping[str, list[float]]], ours: str) -> dict[str, dict[str, dict[str, float]]]:
    """How many times the figure of each other one is in ours: of the medians, and the lowest and highest of a round."""
    made: dict[str, dict[str, dict[str, float]]] = {}
    for name in taken:
        for measure in MEASURES:
            mine, other = taken[ours][measure], taken[name][measure]
            by_round = [one / two for one, two in zip(mine, other, strict=True)]
            ratio = {"ratio": statistics.median(mine) / statistics.median(other), "lowest": min(by_round), "highest": max(by_round)}
            made.setdefault(name, {})[measure] = {key: round(value, 2) for key, value in ratio.items()}
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description="Our proxies beside others' nginx.")
    parser.add_argument("--parts", action="store_true", help="our nginx beside itself with one part left out at a time")
    parser.add_argument("--rounds", type=int, default=5, choices=range(1, 10))
    parser.add_argument("--seconds", type=int, default=5, choices=range(1, 11))
    options = parser.parse_args()
    parts = {f"part{number}": part for number, part in enumerate(PARTS)} if options.parts else {}
    addresses = {"ours": "127.0.0.2", **OTHERS, "caddy": "127.0.0.6"} if not parts else {"ours": "127.0.0.2", "hand-tuned": OTHERS["hand-tuned"]}
    addresses |= {name: f"127.0.1.{number}" for number, name in enumerate(parts, 1)}
    with Box(addresses) as box:
        prepare(box)
        for name, address in addresses.items():
            if name in OTHERS:
                nginx(box, name)
            elif name == "caddy":
                our_caddy(box, name, address)
            else:
                our_nginx(box, name, address, parts.get(name, ""))
        groups = {name: agreed(box, name) for name in addresses}
        versions = box.run("dpkg-query -W -f '${Package} ${Version}\\n' nginx caddy wrk openssl").split("\n")
        taken = figures(box, list(addresses), options.rounds, options.seconds)
    compared = ratios(taken, "ours")
    for name in taken:
        print(f"{parts.get(name, name)} [{groups[name]}]")
        for measure in MEASURES:
            print(f"  {measure}: {statistics.median(taken[name][measure]):.0f}, ours through it: {compared[name][measure]}")
    if not parts:
        made = {
            "conditions": {
                "client": f"wrk, {CONCURRENCY} connections, {THREADS} threads, {options.seconds} s, {options.rounds} rounds that take turns, median",
                "cores": "client, proxy and app share them all",
                "versions": dict(line.split(" ", 1) for line in versions if line),
            },
            "ours through another": compared,
            "groups": groups,
            "figures of each round": taken,
        }
        (ROOT / "benchmarks/engines.json").write_text(json.dumps(made, indent=2) + "\n")


if __name__ == "__main__":
    main()
