"""Rates: what is too much ends the session, is dropped or waits; whose it is that is counted."""

import asyncio
import time

from gateway import Gateway
from harness import check, equal, eventually, expect
from wire import BINARY, CLOSE, CONTINUATION, TEXT, End, Scene, Server, session

CONFIG = """
server { worker-threads 2 }
listeners { listener "main" { address "127.0.0.1:0" } }
routes {
    route "free" { matches { path-prefix "/free" }; upstream "backend" }
    route "all" { upstream "backend"; websocket { $websocket } }
}
upstreams { upstream "backend" { targets { target { address "$backend" } } } }
"""


class Sink:
    """A server that keeps what comes, by path and query, and says only the word `flood`."""

    def __init__(self) -> None:
        self.server: Server
        self.came: dict[str, list[bytes]] = {}
        self.closed: dict[str, int] = {}

    async def script(self, end: End) -> None:
        """Keeps messages; `flood` is answered with 60 messages of the server's own."""
        target = end.request.split(" ")[1]
        came = self.came.setdefault(target, [])
        parts: list[bytes] = []
        while (frame := await end.frame(60)) is not None:
            if frame.opcode == CLOSE:
                self.closed[target] = frame.code
                await end.send(CLOSE, frame.payload[:2])
                return
            if frame.opcode in (TEXT, BINARY, CONTINUATION):
                parts.append(frame.payload)
                if frame.fin:
                    came.append(b"".join(parts))
                    parts = []
            if frame.payload == b"flood":
                for number in range(60):
                    await end.send(TEXT, b"%d" % number)


async def stage(rig, name: str, websocket: str) -> tuple[Gateway, Sink]:
    """A gateway with settings for its route, and the server behind it."""
    sink = Sink()
    sink.server = await Server().start()
    for path in ("/", "/free", "/other"):
        sink.server.scenes[path] = Scene(sink.script)
    gateway = await rig.configured(
        f"rate-{name}", CONFIG, backend=sink.server.address, websocket=websocket
    )
    return gateway, sink


async def send(client: End, first: int, last: int, size: int = 0) -> None:
    """Sends messages with these numbers in one segment, each filled up to `size`."""
    await client.write(
        b"".join(client.bytes(TEXT, (b"%d" % n).ljust(size)) for n in range(first, last))
    )


def numbers(came: list[bytes]) -> list[int]:
    """The numbers of messages."""
    return [int(message) for message in came]


async def passed(gateway: Gateway, sink: Sink, target: str, *lines: str) -> int:
    """How many of 30 messages at once come through to a path, before the Close with 1008."""
    async with session(gateway.port, target, *lines) as client:
        await send(client, 0, 30)
        frame = await client.closes(5)
        if frame is None:
            raise AssertionError("the stream ended without a Close")
        equal(frame.code, 1008, "what the client is told")
    await eventually("what the backend is told", lambda: target in sink.closed)
    equal(sink.closed[target], 1008, "what the backend is told")
    came = numbers(sink.came[target])
    equal(came, list(range(len(came))), "messages that came through")
    return len(came)


@check("rates: messages above a rate are closed with 1008 on both sides; those before came through")
async def close(rig) -> None:
    for name, setting, capacity in (
        ("close", "messages 20", 20),
        ("close-burst", "messages 5; burst 12", 12),
        ("close-minute", 'messages "60/m"; burst 7; on-exceed "close"', 7),
        ("close-frames", "frames 10; burst 9", 9),
    ):
        gateway, sink = await stage(rig, name, f"rate-limit {{ {setting} }}")
        count = await passed(gateway, sink, "/")
        # One more may have grown while they came.
        expect(capacity <= count <= capacity + 1, f"{setting}: {count} came through")
        record = await gateway.record("close")
        expect("rate" in record["reason"], f"reason: {record}")
        await gateway.end()


@check("rates: at a pace below the rate nothing is ever too much")
async def below(rig) -> None:
    gateway, sink = await stage(rig, "below", "rate-limit { messages 50; burst 2 }")
    async with session(gateway.port) as client:
        for number in range(60):
            await send(client, number, number + 1)
            await asyncio.sleep(0.025)
        await client.leave()
    equal(numbers(sink.came["/"]), list(range(60)), "messages that came through")


@check("rates: dropped messages are gone whole, the others come in order, and the session lives on")
async def drop(rig) -> None:
    gateway, sink = await stage(
        rig, "drop", 'rate-limit { messages 20; burst 10; on-exceed "drop" }'
    )
    async with session(gateway.port) as client:
        await send(client, 0, 40)
        await asyncio.sleep(0.55)
        # Half a second has made room for ten, of fragments as well.
        await client.send(TEXT, b"100", fin=False)
        await client.send(CONTINUATION, b"0")
        await send(client, 1_001, 1_040)
        await client.leave()
    await eventually("the Close", lambda: "/" in sink.closed)
    came = numbers(sink.came["/"])
    equal(came[:10], list(range(10)), "the burst")
    equal(came, sorted(came), "order")
    early, late = [n for n in came if n < 1_000], [n for n in came if n >= 1_000]
    expect(10 <= len(early) <= 11, f"of the first: {early}")
    expect(10 <= len(late) <= 11 and late[0] == 1_000, f"of the others: {late}")
    equal(sink.closed["/"], 1000, "the client's own Close")


@check("rates: messages that have to wait all come, in order, and no faster than they may")
async def delay(rig) -> None:
    gateway, sink = await stage(
        rig, "delay", 'rate-limit { messages 20; burst 10; on-exceed "delay" }'
    )
    async with session(gateway.port) as client:
        started = time.monotonic()
        await send(client, 0, 50)
        await client.leave()
        took = time.monotonic() - started
    equal(numbers(sink.came["/"]), list(range(50)), "messages that came through")
    # 40 of them have waited their turn, 20 a second.
    expect(1.9 <= took < 3.5, f"it took {took:.2f} s")


@check("rates: bytes above a rate are closed, dropped or wait")
async def bytes_(rig) -> None:
    limit = 'bytes "20KB"; burst-bytes "40KB"'
    gateway, sink = await stage(rig, "bytes", f"rate-limit {{ {limit} }}")
    async with session(gateway.port) as client:
        await send(client, 0, 60, 1_024)
        frame = await client.closes(5)
        equal(frame and frame.code, 1008, "what the client is told")
    # Headers may count, and a little has grown meanwhile.
    expect(38 <= len(sink.came["/"]) <= 42, f"{len(sink.came['/'])} KiB of 40 came through")

    gateway, sink = await stage(rig, "bytes-delay", f'rate-limit {{ {limit}; on-exceed "delay" }}')
    async with session(gateway.port) as client:
        started = time.monotonic()
        await send(client, 0, 80, 1_024)
        await client.leave()
        took = time.monotonic() - started
    equal(numbers(sink.came["/"]), list(range(80)), "messages that came through")
    expect(1.7 <= took < 3.5, f"it took {took:.2f} s")


# Whose bucket: (per, what the first and a second session have in common, what a third has not).
KEYS = (
    ("ip", [], [], "127.0.0.2"),
    ("header:X-Api-Key", ["X-Api-Key: a"], ["X-Api-Key: b"], ""),
    ("cookie:session", ["Cookie: x=1; session=a"], ["Cookie: x=1; session=b"], ""),
)


def limit_per(key: str) -> str:
    """Ten messages at once, and one more every six seconds."""
    return f'rate-limit {{ messages "10/m"; burst 10; per "{key}" }}'


@check("rates: per connection each has its own, per ip, header, cookie or route they share one")
async def keys(rig) -> None:
    for number, (key, same, other, source) in enumerate(KEYS):
        gateway, sink = await stage(rig, f"key-{number}", limit_per(key))
        # The server's record is by target; a query keeps them apart.
        await fill(gateway, sink, "/?1", *same)
        await none_left(gateway, sink, "/?2", *same)
        async with session(gateway.port, "/?3", *other, source=source) as client:
            await send(client, 0, 10)
            await client.leave()
        equal(len(sink.came["/?3"]), 10, f"another key per {key}")
        await gateway.end()

    gateway, sink = await stage(rig, "key-query", limit_per("query:t"))
    await fill(gateway, sink, "/?t=a&n=1")
    await none_left(gateway, sink, "/?n=2&t=a")
    await fill(gateway, sink, "/?t=b")

    gateway, sink = await stage(rig, "key-route", limit_per("route"))
    await fill(gateway, sink, "/?1")
    await none_left(gateway, sink, "/other")
    await fill(gateway, sink, "/free")

    gateway, sink = await stage(rig, "key-connection", limit_per("connection"))
    await fill(gateway, sink, "/?1")
    await fill(gateway, sink, "/?2")


async def none_left(gateway: Gateway, sink: Sink, target: str, *lines: str) -> None:
    """Fails unless a session finds its bucket empty, but for what grew since it was emptied: a
    message passes as long as there is anything in it."""
    count = await passed(gateway, sink, target, *lines)
    expect(count <= 1, f"{count} messages came through to {target}")


async def fill(gateway: Gateway, sink: Sink, target: str, *lines: str) -> None:
    """A session of ten messages, which is what the limits here let through."""
    async with session(gateway.port, target, *lines) as client:
        await send(client, 0, 10)
        await client.leave()
    await eventually("the Close", lambda: target in sink.closed)
    equal((len(sink.came[target]), sink.closed[target]), (10, 1000), f"messages and code, {target}")


@check("rates: leaving out what is counted by is no way around it")
async def left_out(rig) -> None:
    gateway, sink = await stage(rig, "left-out", limit_per("header:X-Api-Key"))
    await fill(gateway, sink, "/?1")
    await none_left(gateway, sink, "/?2")


@check("rates: one bucket for sessions on several workers lets exactly its burst through")
async def shared_by_workers(rig) -> None:
    limit = 'rate-limit { messages "60/h"; burst 500; per "route"; on-exceed "drop" }'
    gateway, sink = await stage(rig, "workers", limit)

    async def one(number: int) -> None:
        async with session(gateway.port, f"/?{number}") as client:
            for at in range(0, 100, 10):
                await send(client, at, at + 10)
                await asyncio.sleep(0.01)
            await client.leave()

    await asyncio.gather(*(one(number) for number in range(20)))
    await eventually("all Closes", lambda: len(sink.closed) == 20)
    total = sum(map(len, sink.came.values()))
    expect(500 <= total <= 501, f"{total} messages of 2,000 came through")


@check("rates: of the upstream as well, where they are for it")
async def of_upstream(rig) -> None:
    gateway, sink = await stage(rig, "upstream", 'rate-limit { messages 20; from "upstream" }')
    async with session(gateway.port) as client:
        # The client's own do not count.
        await send(client, 0, 40)
        await client.send(TEXT, b"flood")
        came = 0
        while (frame := await client.frame()) and frame.opcode == TEXT:
            equal(int(frame.payload), came, "the next message")
            came += 1
        equal(frame and (frame.opcode, frame.code), (CLOSE, 1008), "what the client is told")
    expect(20 <= came <= 21, f"{came} came through")


@check("rates: several limits hold at once, and the counters tell what was dropped")
async def several(rig) -> None:
    limits = (
        'rate-limit { messages 1000; burst 1000; per "ip" }; '
        'rate-limit { messages 10; burst 10; on-exceed "drop" }'
    )
    gateway, sink = await stage(rig, "several", limits)
    async with session(gateway.port) as client:
        await send(client, 0, 30)
        await client.leave()
    await eventually("the Close", lambda: "/" in sink.closed)
    expect(10 <= len(sink.came["/"]) <= 11, f"{len(sink.came['/'])} came through")
    page = await gateway.metrics()
    counted = [s for s in page.samples if "rate" in s[0] or "dropped" in s[0]]
    lost = 30 - len(sink.came["/"])
    expect(any(value == lost for _, _, value in counted), f"{lost} dropped; counters: {counted}")
