"""Many local TLS endpoints inspected in one call, on this machine alone: `python benchmarks/endpoints.py [ENDPOINTS] [--beside N]`.

Each endpoint has a port, a certificate and a name of its own. With `--beside N`, N of them are also asked the usual way, with
`community.crypto.get_certificate` in a loop. Prints seconds, CPU of both sides, and memory.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from plugins.module_utils.inspection.inspector import Inspection, as_json  # noqa: E402
from plugins.module_utils.inspection.model import endpoint_of  # noqa: E402
from tests.unit.inspection import authority  # noqa: E402
from tests.unit.inspection.authority import MIDDLE, make, server_context, settings, trust  # noqa: E402


def serve(number: int, folder: Path, told: Connection) -> None:
    """All endpoints in one process, which tells their ports and root, and its CPU time when it is asked to end."""

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        ports = []
        for place in range(number):
            context = server_context(folder, [make((f"h{place}.example.org",), MIDDLE), MIDDLE])
            server = await asyncio.start_server(hear, "127.0.0.1", 0, ssl=context, backlog=64)
            ports.append(server.sockets[0].getsockname()[1])
        began = time.process_time()
        told.send((ports, trust(folder, authority.ROOT)))
        await asyncio.get_running_loop().run_in_executor(None, told.recv)
        told.send(time.process_time() - began)

    asyncio.run(main())


def in_a_loop(ports: list[int], folder: Path) -> float:
    """Seconds for each further one, in a loop of a task over them."""

    def play(some: list[int]) -> float:
        given = {"host": "127.0.0.1", "port": "{{ item }}", "asn1_base64": True, "timeout": 5}
        tasks = [{"community.crypto.get_certificate": given, "loop": some}]
        (folder / "play.yml").write_text(json.dumps([{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}]))
        command = [Path(sys.executable).with_name("ansible-playbook"), "-i", "localhost,", "play.yml", "-e", f"ansible_python_interpreter={sys.executable}"]
        began = time.monotonic()
        subprocess.run(command, cwd=folder, capture_output=True, check=True)
        return time.monotonic() - began

    return (play(ports) - play(ports[:1])) / (len(ports) - 1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("endpoints", nargs="?", type=int, default=1000)
    parser.add_argument("--beside", type=int, default=0)
    given = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        here, there = multiprocessing.Pipe()
        process = multiprocessing.get_context("spawn").Process(target=serve, args=(given.endpoints, folder, there), daemon=True)
        process.start()
        ports, roots = here.recv()
        before, cpu, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time(), time.monotonic()
        targets = [endpoint_of({"endpoint": f"h{n}.example.org:{port}", "connect_to": "127.0.0.1", "trust": [roots]}) for n, port in enumerate(ports)]
        inspection = Inspection(settings(checks=("no_sni", "old_tls"), timeout=10, deadline=120))
        results = inspection.run(targets)
        told = json.dumps([as_json(result, inspection.settings) for result in results])
        seconds, used = time.monotonic() - began, time.process_time() - cpu
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        beside = in_a_loop(ports[: given.beside], folder) if given.beside else None
        here.send("end")
        theirs = here.recv()
        process.join()
    seen = sum(result.chain != () for result in results)
    each = 1000 * seconds / given.endpoints
    print(f"{given.endpoints} endpoints, {seen} seen, checks included, {os.cpu_count()} cores: {seconds:.2f} s, {each:.2f} ms each")
    print(f"CPU: {used:.2f} s to inspect, {theirs:.2f} s to serve on the same machine; {memory / 1024:.0f} MiB more memory; {len(told) >> 10} KiB of JSON")
    if beside:
        print(f"get_certificate in a loop: {1000 * beside:.0f} ms each, {beside * given.endpoints / seconds:.0f} times as long")


if __name__ == "__main__":
    main()
