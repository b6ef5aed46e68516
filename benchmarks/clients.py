"""Clients that keep requesting while a proxy reloads: `clients.py NAME CLIENTS WEBSOCKETS SECONDS [ROOT]`, JSON on standard output.

Bounded by its seconds. ROOT is a PEM file that the clients trust besides what the machine trusts.
A request is lost when no whole answer with status 200 arrives, on a kept or a new connection. A WebSocket counts as
open when it still echoes at the end. Reloads begin when the line `started` is printed.
"""

import asyncio
import contextlib
import http.client
import json
import ssl
import sys
import threading
import time

import websockets

NAME, CLIENTS, SOCKETS, SECONDS = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
TRUST = ssl.create_default_context()
if len(sys.argv) > 5:
    TRUST.load_verify_locations(sys.argv[5])
END = time.monotonic() + SECONDS
done, lost, retried, reasons = [0], [0], [0], {}
lock = threading.Lock()


def keep_requesting(keep_alive: bool) -> None:
    connection = None
    while time.monotonic() < END:
        fresh = connection is None
        try:
            connection = connection or http.client.HTTPSConnection(NAME, timeout=10, context=TRUST)
            connection.request("GET", "/api")
            answer = connection.getresponse()
            answer.read()
            ok, reason = answer.status == 200, str(answer.status)
        except (OSError, http.client.HTTPException) as error:
            ok, reason = False, f"{type(error).__name__} on a {'new' if fresh else 'kept'} connection"
            # A kept connection that the server closed while idle is what every client retries once (RFC 9110, 9.2.2).
            if not fresh:
                connection.close()
                connection = None
                retried[0] += 1
                continue
        with lock:
            done[0] += 1
            if not ok:
                lost[0] += 1
                reasons[reason] = reasons.get(reason, 0) + 1
        if not keep_alive or not ok:
            connection.close()
            connection = None
        time.sleep(0.01)


opened = threading.Barrier(SOCKETS + 1) if SOCKETS else None


def hold(number: int) -> None:
    asyncio.run(holding(number))


async def holding(number: int) -> None:
    async with websockets.connect(f"wss://{NAME}/echo", ssl=TRUST) as socket:
        await socket.send("hello")
        await socket.recv()
        opened.wait()
        with contextlib.suppress(websockets.ConnectionClosed, TimeoutError):
            while time.monotonic() < END:
                await socket.send("tick")
                await asyncio.wait_for(socket.recv(), 10)
                await asyncio.sleep(0.2)
            held[number] = True


held = [False] * SOCKETS
threads = [threading.Thread(target=hold, args=(number,), daemon=True) for number in range(SOCKETS)]
threads += [threading.Thread(target=keep_requesting, args=(number % 2 == 0,), daemon=True) for number in range(CLIENTS)]
for thread in threads:
    thread.start()
if opened:
    opened.wait(20)
print("started", flush=True)
for thread in threads:
    thread.join(SECONDS + 20)
print(json.dumps({"requests": done[0], "lost": lost[0], "reasons": reasons, "websockets": SOCKETS, "retried": retried[0], "websockets_open": sum(held)}))
