"""What time does to a session: idleness, age, pings of the gateway's own, and peers that never
answer."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable

from backend import dial as dial_python
from gateway import Gateway
from harness import check, equal, eventually, expect
from origin import said
from processes import send
from wire import BINARY, CLOSE, PING, PONG, TEXT, End, Frame, Scene, Server, echo, session

CONFIG = """
listeners { listener "main" { address "127.0.0.1:0" } }
routes { route "all" { upstream "backend"; websocket { $websocket } } }
upstreams { upstream "backend" { targets { target { address "$backend" } } } }
"""


async def stage(rig, name: str, websocket: str, backend: str = "") -> tuple[Gateway, Server]:
    """A gateway with settings for its route, and the server behind it."""
    server = await Server().start()
    gateway = await rig.configured(
        name, CONFIG, backend=backend or server.address, websocket=websocket
    )
    return gateway, server


class Both:
    """Both ends of one session, each with all that came to it."""

    def __init__(self) -> None:
        self.client: End
        self.server: End
        self.came: dict[str, list[Frame]] = {"client": [], "server": []}
        self.ended: dict[str, float] = {}

    async def listen(self, name: str, end: End, answers: bool = True) -> None:
        """Takes what comes to the end of the stream; answers the Close, and pings if it is one
        who does."""
        while (frame := await end.frame(60)) is not None:
            self.came[name].append(frame)
            if frame.opcode == PING and answers:
                await end.send(PONG, frame.payload)
            if frame.opcode == CLOSE:
                await end.send(CLOSE, frame.payload[:2])
                break
        self.ended[name] = time.monotonic()

    def opcodes(self, name: str) -> list[int]:
        """What kinds of frames came to an end."""
        return [frame.opcode for frame in self.came[name]]

    def close(self, name: str) -> tuple[int, str] | None:
        """The code and reason of the Close that came to an end, if one did."""
        closes = [frame for frame in self.came[name] if frame.opcode == CLOSE]
        return (closes[0].code, closes[0].reason) if closes else None


async def together(
    gateway: Gateway,
    server: Server,
    during: Callable[[Both], Awaitable[None]],
    silent: str = "",
) -> Both:
    """A session whose ends listen while `during` runs; `silent` names one that answers no ping.
    Gives what came when both have ended."""
    both = Both()
    there: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def script(end: End) -> None:
        both.server = end
        there.set_result(None)
        await both.listen("server", end, silent != "server")

    path = f"/both/{len(server.scenes)}"
    server.scenes[path] = Scene(script)
    async with session(gateway.port, path) as client:
        both.client = client
        await there
        listening = asyncio.create_task(both.listen("client", client, silent != "client"))
        await during(both)
        await asyncio.wait_for(listening, 15)
    await eventually("the server's end", lambda: "server" in both.ended)
    return both


async def nothing(both: Both) -> None:
    """Says nothing."""


@check("idle: a session without data is closed with 1001 on both sides, not too early or late")
async def idle(rig) -> None:
    gateway, server = await stage(rig, "idle", "idle-timeout-secs 1")
    started = time.monotonic()
    both = await together(gateway, server, nothing)
    took = both.ended["client"] - started
    equal((both.close("client")[0], both.close("server")[0]), (1001, 1001), "codes")
    expect(1 <= took < 2.2, f"after {took:.2f} s")


@check("idle: data of either side keeps a session, pings alone do not unless they should")
async def kept(rig) -> None:
    gateway, server = await stage(rig, "idle-kept", "idle-timeout-secs 1")
    counting, other = await stage(
        rig, "idle-control", "idle-timeout-secs 1; idle-counts-control-frames true"
    )

    def every(which: str, opcode: int, count: int):
        async def during(both: Both) -> None:
            for _ in range(count):
                await asyncio.sleep(0.4)
                if both.ended:
                    return
                await getattr(both, which).send(opcode)

        return during

    cases = (
        (gateway, server, "client", TEXT, True),
        (gateway, server, "server", BINARY, True),
        (gateway, server, "client", PING, False),
        (counting, other, "client", PING, True),
    )

    async def one(front, behind, which, opcode, lives) -> None:
        started = time.monotonic()
        both = await together(front, behind, every(which, opcode, 5))
        took = both.ended["client"] - started
        least = 3 if lives else 1
        expect(least <= took < least + 1.2, f"opcode {opcode} by the {which}: {took:.2f} s")

    await asyncio.gather(*(one(*case) for case in cases))


@check("idle: pings of the gateway's own do not keep a session")
async def own_pings_count_not(rig) -> None:
    settings = "idle-timeout-secs 3; ping-interval-secs 1; ping-timeout-secs 5"
    gateway, server = await stage(rig, "idle-pinged", settings)
    started = time.monotonic()
    both = await together(gateway, server, nothing)
    expect(PING in both.opcodes("client"), "nothing was pinged")
    equal((both.close("client")[0], both.close("server")[0]), (1001, 1001), "codes")
    took = both.ended["client"] - started
    expect(3 <= took < 4.5, f"after {took:.2f} s")


AGED = (4001, "Connection is Aged")


@check("age: an idle session and a busy one are closed with 4001, the backend's side with 1001")
async def aged(rig) -> None:
    gateway, server = await stage(rig, "aged", 'max-age "1500ms"')

    async def busy(both: Both) -> None:
        while not both.ended:
            await both.client.send(TEXT, b"x" * 100)
            await both.server.send(TEXT, b"y" * 100)
            await asyncio.sleep(0.01)

    for during in (nothing, busy):
        started = time.monotonic()
        both = await together(gateway, server, during)
        took = both.ended["client"] - started
        equal(both.close("client"), AGED, "what the client is told")
        equal(both.close("server")[0], 1001, "what the backend is told")
        expect(1.5 <= took < 2.5, f"after {took:.2f} s")


@check("age: in the middle of a frame the Close waits for its end, and corrupts nothing")
async def aged_within_a_frame(rig) -> None:
    gateway, server = await stage(rig, "aged-frame", 'max-age "1s"')

    async def slowly(both: Both) -> None:
        down = both.server.bytes(BINARY, b"d" * 5_000)
        up = both.client.bytes(BINARY, b"u" * 5_000)
        await both.server.write(down[:3_000])
        await both.client.write(up[:3_000])
        await asyncio.sleep(1.8)
        equal(both.ended, {}, "ends within a frame")
        await both.server.write(down[3_000:])
        await both.client.write(up[3_000:])

    both = await together(gateway, server, slowly)
    equal(both.opcodes("client"), [BINARY, CLOSE], "frames at the client")
    equal(both.came["client"][0].payload, b"d" * 5_000, "the frame")
    equal(both.close("client"), AGED, "what the client is told")
    equal(both.opcodes("server")[-1], CLOSE, "the last frame at the backend")
    equal(both.close("server")[0], 1001, "what the backend is told")


@check("age: code and reason are configurable; jitter spreads the ends of who came at once")
async def jitter(rig) -> None:
    settings = 'max-age "3s" { jitter "2s"; code 4999; reason "Old" }'
    gateway, server = await stage(rig, "jitter", settings)

    async def one() -> float:
        async with session(gateway.port, "/hold") as client:
            started = time.monotonic()
            frame = await client.closes()
            equal((frame.code, frame.reason), (4999, "Old"), "what the client is told")
            return time.monotonic() - started

    took = sorted(await asyncio.gather(*(one() for _ in range(60))))
    expect(0.9 <= took[0] and took[-1] < 3.5, f"from {took[0]:.2f} to {took[-1]:.2f} s")
    # 60 drawn from 2 s leave no third of it empty but once in 10^10 runs.
    for low, high in ((0.9, 1.8), (1.6, 2.5), (2.2, 3.5)):
        expect(any(low < age < high for age in took), f"none ended between {low} and {high} s")


async def pinged(rig, to: str) -> Both:
    """What comes to both ends in 2.5 s with a ping each second."""
    settings = f'ping-interval-secs 1; ping-timeout-secs 1; ping-to "{to}"'
    gateway, server = await stage(rig, f"pinged-{to}", settings)

    async def during(both: Both) -> None:
        await asyncio.sleep(2.6)
        # Pings and pongs of their own pass from end to end.
        await both.client.send(PING, b"from the client")
        await both.server.send(PING, b"from the server")
        await both.client.send(PONG, b"unasked")
        await asyncio.sleep(0.2)
        await both.client.send(CLOSE, (1000).to_bytes(2, "big"))

    return await together(gateway, server, during)


@check("pings go to whom they should; their pongs are swallowed, others pass from end to end")
async def ping_to(rig) -> None:
    own = (b"from the client", b"from the server", b"unasked")
    for to, client, server in (("client", True, False), ("upstream", False, True), ("both", 1, 1)):
        both = await pinged(rig, to)
        for name, expected in (("client", client), ("server", server)):
            pings = [
                frame.payload
                for frame in both.came[name]
                if frame.opcode == PING and frame.payload not in own
            ]
            equal(len(pings) in (2, 3), bool(expected), f"pings to {name} ({to}): {pings}")
            equal(len(set(pings)), len(pings), f"different payloads to {name}")
        pongs = {
            name: [frame.payload for frame in both.came[name] if frame.opcode == PONG]
            for name in both.came
        }
        equal(pongs["client"], [b"from the client"], f"pongs to the client ({to})")
        equal(pongs["server"], [b"unasked", b"from the server"], f"pongs to the server ({to})")


@check("pings: Python websockets at both ends answers them and sees only pongs that it asked for")
async def python_peers(rig) -> None:
    gateway = await rig.configured(
        "pinged-python",
        CONFIG,
        backend=f"127.0.0.1:{rig.backend.port}",
        websocket="ping-interval-secs 1; ping-timeout-secs 1",
    )
    async with dial_python(gateway.url("/")) as client:
        for _ in range(6):
            await asyncio.sleep(0.5)
            await asyncio.wait_for(await client.ping(), 2)
            await client.send("still here")
            equal(await client.recv(), "still here", "echo")
    page = await gateway.metrics()
    # 6 pings of its own with their pongs; the gateway's are not the client's.
    equal(page.sum("framegate_frames_total", opcode="pong"), 6, "pongs that passed")


@check("pings: Node ws at both ends answers them, and no pong comes through to the other side")
async def node_peers(rig) -> None:
    server = await rig.child(["node", rig.peer("silent.js"), "server"], rig.logs / "pinged-s.log")
    port = await said(server, "listening ")
    settings = "ping-interval-secs 1; ping-timeout-secs 1"
    gateway, _ = await stage(rig, "pinged-node", settings, f"127.0.0.1:{port}")
    client = await rig.child(
        ["node", rig.peer("silent.js"), "client", gateway.url("/")], rig.logs / "pinged-c.log"
    )
    for child in (client, server):
        await eventually("three pings", lambda: child.output().count("ping ") >= 3, 8)
    for child, name in ((client, "client"), (server, "server")):
        equal(child.output().count("pong "), 0, f"pongs at the {name}")
        equal(child.output().count("closed"), 0, f"ends at the {name}")


@check("pings: a client that never answers is cut off, and its backend is told 1001 (row 56)")
async def half_open_client(rig) -> None:
    gateway, server = await stage(rig, "half-open", "ping-interval-secs 1; ping-timeout-secs 1")
    started = time.monotonic()
    both = await together(gateway, server, nothing, silent="client")
    took = both.ended["client"] - started
    expect(1.9 <= took < 3.5, f"after {took:.2f} s")
    equal(both.close("client"), None, "a Close to a client that is not there")
    equal(both.close("server")[0], 1001, "what the backend is told")
    record = await gateway.record("close")
    expect("ping" in record["reason"], f"reason: {record}")


@check("pings: a backend that never answers is cut off, and its client is told 1001")
async def half_open_backend(rig) -> None:
    gateway, server = await stage(rig, "half-open-2", "ping-interval-secs 1; ping-timeout-secs 1")
    both = await together(gateway, server, nothing, silent="server")
    equal(both.close("client")[0], 1001, "what the client is told")
    equal(both.close("server"), None, "a Close to a backend that is not there")


@check("pings: a client that is stopped (SIGSTOP), whose system answers for it, is found out")
async def stopped(rig) -> None:
    gateway, server = await stage(rig, "stopped", "ping-interval-secs 1; ping-timeout-secs 1")
    told: list[Frame | None] = []

    async def script(end: End) -> None:
        while (frame := await end.frame(60)) is not None and frame.opcode != CLOSE:
            await end.send(PONG, frame.payload)
        told.append(frame)

    server.scenes["/"] = Scene(script)
    client = await rig.child(
        ["node", rig.peer("silent.js"), "client", gateway.url("/")], rig.logs / "stopped.log"
    )
    await eventually("two pings", lambda: client.output().count("ping ") >= 2, 8)
    send(client.process, signal.SIGSTOP)
    try:
        await eventually("the backend's end", lambda: told, 6)
        equal(told[0] and told[0].code, 1001, "what the backend is told")
        await gateway.record("close")
    finally:
        send(client.process, signal.SIGCONT)


@check(
    "pings: an answer that is late but within the timeout is in time, and one that is later is not"
)
async def late_pong(rig) -> None:
    gateway, server = await stage(
        rig, "late-pong", 'ping-interval-secs 1; ping-timeout-secs 2; ping-to "client"'
    )
    async with session(gateway.port, "/hold") as client:
        for _ in range(2):
            ping = await client.frame()
            equal(ping.opcode, PING, "a ping")
            await asyncio.sleep(1.3)
            await client.send(PONG, ping.payload)
        equal((await client.frame()).opcode, PING, "a ping")
        started = time.monotonic()
        while await client.frame() is not None:
            pass
        took = time.monotonic() - started
        expect(1.8 < took < 3.5, f"cut off after {took:.2f} s")


@check("pings: a flood of them is closed with 1008 where control frames have a rate (row 54)")
async def ping_flood(rig) -> None:
    limit = "rate-limit { control-frames 10; burst 20 }"
    gateway, server = await stage(rig, "ping-flood", limit)
    seen = 0

    async def script(end: End) -> None:
        nonlocal seen
        while (frame := await end.frame(60)) is not None:
            seen += frame.opcode == PING
            if frame.opcode == CLOSE:
                await end.send(CLOSE, frame.payload)
                return

    server.scenes["/"] = Scene(script)
    async with session(gateway.port) as client:
        # Data is not what is limited.
        await client.write(client.bytes(TEXT, b"x") * 100)
        await client.write(client.bytes(PING, b"x") * 200)
        frame = await client.closes()
        equal(frame and frame.code, 1008, "what the client is told")
    expect(20 <= seen <= 23, f"pings that reached the backend: {seen}")
    # Few pings are no flood.
    server.scenes["/"] = Scene(echo)
    async with session(gateway.port) as client:
        for _ in range(15):
            await client.send(PING, b"x")
            equal((await client.frame()).opcode, PONG, "the answer")
        await client.leave()
