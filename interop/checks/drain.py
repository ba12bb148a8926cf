"""Drain: thousands of sessions are closed evenly over the time given, and none is forgotten."""

import asyncio
import resource
import signal
import time

from harness import Skip, check, equal, eventually, expect
from processes import accepts, send
from wire import CLOSE, TEXT, End, Server, dial

CONFIG = """
server {
    graceful-shutdown-timeout-secs 30
    drain { close-code 1012; close-reason "Moving house"; spread "$spread" }
}
listeners { listener "main" { address "127.0.0.1:0" } }
routes { route "all" { upstream "backend" } }
upstreams { upstream "backend" { targets { target { address "$backend" } } } }
"""

SESSIONS = 5_000
SPREAD = 10.0


def room_for(descriptors: int) -> None:
    """Lets this process, and those it starts, have so many files open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < descriptors:
        raise Skip(f"a process may have {hard} files open here, {descriptors} are needed")
    if soft < descriptors:
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, hard))


async def crowd(port: int, count: int) -> list[End]:
    """So many sessions, begun a hundred at a time."""
    ends: list[End] = []
    for _ in range(0, count, 100):
        ends += await asyncio.gather(*(dial(port, "/hold") for _ in range(100)))
    equal({end.head.status for end in ends}, {101}, "answers")
    return ends


async def told(end: End) -> float:
    """When the Close came; it is answered."""
    frame = await end.closes(60)
    at = time.monotonic()
    expect(frame, "the stream ended without a Close")
    equal((frame.code, frame.reason), (1012, "Moving house"), "the Close")
    await end.end()
    return at


def unevenness(times: list[float], length: float) -> float:
    """The largest distance between the share of those who were told and the share of the time
    that was over (the statistic of Kolmogorov and Smirnov)."""
    ordered = sorted(times)
    shares = ((number / len(ordered), at / length) for number, at in enumerate(ordered))
    return max(max(abs(n - t), abs(n + 1 / len(ordered) - t)) for n, t in shares)


@check("drain: the Closes of 5,000 sessions over 10 s are even to within 5 %, the exit is 0", 60)
async def even(rig) -> None:
    # Both ends of each session are in this process.
    room_for(2 * SESSIONS + 500)
    server = await Server().start()
    gateway = await rig.configured("drain", CONFIG, backend=server.address, spread="10s")
    clients = await crowd(gateway.port, SESSIONS)
    listening = [asyncio.create_task(told(client)) for client in clients]
    # The clients' tasks have to wait for their frames before the clock runs.
    await asyncio.sleep(0.5)
    started = time.monotonic()
    send(gateway.child.process, signal.SIGTERM)
    times = [at - started for at in await asyncio.gather(*listening)]
    code = await asyncio.wait_for(gateway.child.process.wait(), 15)
    found = unevenness(times, SPREAD)
    span = f"{min(times):.2f} to {max(times):.2f} s"
    print(f"       {SESSIONS} Closes from {span}, {found:.2%} uneven")
    equal(code, 0, "exit code")
    expect(found <= 0.05, f"{found:.1%} from even")
    await eventually("the backend's sessions are over", lambda: server.active == 0)


@check("drain: new clients are refused at once, sessions go on until their turn comes")
async def meanwhile(rig) -> None:
    server = await Server().start()
    gateway = await rig.configured("drain-few", CONFIG, backend=server.address, spread="2s")
    clients = [await dial(gateway.port) for _ in range(20)]
    send(gateway.child.process, signal.SIGTERM)
    await eventually("nobody listens", lambda: not accepts(gateway.port), 1)

    async def talk(client: End) -> int:
        """Echoes until the Close comes; nothing is lost before it."""
        for number in range(10_000):
            await client.send(TEXT, b"%d" % number)
            frame = await client.frame()
            if frame.opcode == CLOSE:
                equal(frame.code, 1012, "code")
                await client.send(CLOSE, frame.payload)
                await client.end()
                return number
            equal(frame.payload, b"%d" % number, "echo")
            await asyncio.sleep(0.01)
        raise AssertionError("no Close came")

    counts = await asyncio.gather(*(talk(client) for client in clients))
    expect(max(counts) > 50, f"messages that came back meanwhile: {sorted(counts)}")
    equal(await asyncio.wait_for(gateway.child.process.wait(), 15), 0, "exit code")
