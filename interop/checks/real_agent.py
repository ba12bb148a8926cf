"""The inspector that Sentinel's documentation means (`sentinel-agent-websocket-inspector` 0.1.0
from the registry), asked by the gateway about every message.

It drops what it finds, closes for sizes and rates, and speaks version 1 of the protocol.
"""

import asyncio
import signal

from websockets.exceptions import ConnectionClosed

from agents import Agent, real
from backend import left, pair
from gateway import Gateway
from harness import check, equal, eventually, expect
from processes import send

CONFIG = """
listeners { listener "main" { address "127.0.0.1:0"; protocol "http" } }
routes {
    route "ws" { upstream "backend"; agents ["inspector"]; websocket { enabled true } }
}
upstreams { upstream "backend" { target "127.0.0.1:$port" } }
agents {
    agent "inspector" {
        transport "unix_socket" { path "$socket" }
        events ["websocket_frame"]
        timeout-ms $timeout
        failure-mode "$mode"
        $more
    }
}
"""

XSS = '{"message": "<script>alert(1)</script>"}'
ATTACKS = {
    "cross-site scripting": XSS,
    "SQL injection": '{"id": "1 UNION SELECT password FROM users"}',
    "command injection": '{"file": "x; cat /etc/passwd"}',
}


async def before(
    rig, agent: Agent, mode: str = "closed", timeout: int = 5_000, more: str = ""
) -> Gateway:
    """A gateway that asks this agent. The agent is not optimised, and slow with its first
    message."""
    values = {"socket": agent.socket, "mode": mode, "timeout": timeout, "more": more}
    return await rig.configured(f"real-{agent.number}", CONFIG, port=rig.backend.port, **values)


async def standing(rig) -> Gateway:
    """A gateway with the agent as it is without options."""
    return await before(rig, await real(rig).start())


async def ends_with(client, server) -> tuple[int, int]:
    """The codes that both ends are told."""
    async with asyncio.timeout(10):
        await asyncio.gather(client.wait_closed(), server.wait_closed())
    return client.close_code, server.close_code


@check("real inspector: ordinary text and binary go both ways, unharmed and in order")
async def ordinary(rig) -> None:
    front = await rig.shared(standing)
    async with pair(rig, gateway=front) as (client, server):
        messages = [f"message {number}, Grüße 👋" for number in range(100)]
        messages += [bytes(range(256)) * 64, "", b""]
        for sender, receiver in ((client, server), (server, client)):
            for message in messages:
                await sender.send(message)
            for message in messages:
                equal(await receiver.recv(), message, "message")


def register_attack(name: str, attack: str) -> None:
    @check(f"real inspector: {name} is dropped in either direction, the next message arrives")
    async def body(rig) -> None:
        front = await rig.shared(standing)
        async with pair(rig, gateway=front) as (client, server):
            for sender, receiver in ((client, server), (server, client)):
                await sender.send(attack)
                await sender.send("the next one")
                equal(await receiver.recv(), "the next one", "what arrives first")


for name, attack in ATTACKS.items():
    register_attack(name, attack)


@check("real inspector: what it cannot see by itself it is shown whole: fragments, compression")
async def whole(rig) -> None:
    front = await rig.shared(standing)
    for compression in (None, "deflate"):
        async with pair(rig, gateway=front, compression=compression) as (client, server):
            await client.send([XSS[:20], XSS[20:]])
            await client.send(list("in pieces"))
            equal(await server.recv(), "in pieces", f"what arrives, compression {compression}")


@check("real inspector: over its rate both peers are told 1008 and why, not a message more arrives")
async def rate(rig) -> None:
    front = await before(rig, await real(rig, "--max-messages-per-sec", "100").start())
    async with pair(rig, gateway=front) as (client, server):
        # The first message takes it longest; its second begins with it.
        await client.send("0")
        equal(await server.recv(), "0", "the first message")
        await asyncio.sleep(1.1)
        arriving = asyncio.create_task(left(server))
        for number in range(200):
            await client.send(str(number))
        codes = await ends_with(client, server)
        equal(codes, (1008, 1008), "codes")
        equal(client.close_reason, "Rate limit exceeded: messages", "reason at the client")
        # A hundred, and its burst of ten.
        equal(await arriving, [str(number) for number in range(110)], "what arrived")


@check("real inspector: over its size both peers are told 1009")
async def size(rig) -> None:
    front = await before(rig, await real(rig, "--max-text-frame-size", "4096").start())
    async with pair(rig, gateway=front) as (client, server):
        await client.send("x" * 4_096)
        equal(len(await server.recv()), 4_096, "length")
        await client.send("x" * 4_097)
        equal(await ends_with(client, server), (1009, 1009), "codes")
        equal(client.close_reason, "Message too large", "reason at the client")


@check("real inspector: its settings come from the gateway's configuration, also after a restart")
async def configured(rig) -> None:
    agent = await real(rig).start()
    front = await before(rig, agent, more="config { block-mode false; max-text-frame-size 4096 }")

    async def detects_only() -> None:
        async with pair(rig, gateway=front) as (client, server):
            await client.send(XSS)
            equal(await server.recv(), XSS, "what arrives")

    await detects_only()
    await agent.kill()
    await agent.start()
    await eventually("it was configured again", lambda: _holds(detects_only()))


async def _holds(attempt) -> bool:
    try:
        await attempt
    except (AssertionError, ConnectionClosed):
        return False
    return True


@check("real inspector killed, failure-mode closed: both peers are told 1011, nothing passes")
async def killed_closed(rig) -> None:
    agent = await real(rig).start()
    front = await before(rig, agent)
    async with pair(rig, gateway=front) as (client, server):
        await client.send("before")
        equal(await server.recv(), "before", "message")
        await agent.kill()
        await client.send("after")
        equal(await ends_with(client, server), (1011, 1011), "codes")
        equal(await left(server), [], "what arrived")
    # And works for who comes once it is there again.
    await agent.start()
    await eventually("messages pass again", lambda: _holds(_one_message(rig, front)))
    await _drops(rig, front)


async def _one_message(rig, front: Gateway) -> None:
    async with pair(rig, gateway=front) as (client, server):
        await client.send("hello")
        equal(await server.recv(), "hello", "message")


async def _drops(rig, front: Gateway) -> None:
    async with pair(rig, gateway=front) as (client, server):
        await client.send(XSS)
        await client.send("the next one")
        equal(await server.recv(), "the next one", "what arrives first")


@check("real inspector killed, failure-mode open: messages pass, are counted; restarted, it drops")
async def killed_open(rig) -> None:
    agent = await real(rig).start()
    front = await before(rig, agent, mode="open")
    async with pair(rig, gateway=front) as (client, server):
        await client.send(XSS)
        await client.send("before")
        equal(await server.recv(), "before", "message")
        await agent.kill()
        for number in range(10):
            await client.send(f"{number} {XSS}")
            equal(await server.recv(), f"{number} {XSS}", "what passes uninspected")
        page = await front.metrics()
        counted = page.sum("framegate_fail_open_total", agent="inspector")
        equal(counted, 10.0, "framegate_fail_open_total")
        await agent.start()

        async def drops() -> bool:
            """Whether the same session is inspected again."""
            await client.send(XSS)
            await client.send("mark")
            return await server.recv() == "mark"

        async def settles() -> bool:
            if await drops():
                return True
            equal(await server.recv(), "mark", "the message behind it")
            return False

        await eventually("it drops again", settles, 10)


@check("real inspector hung: within its timeout both peers are told 1011, or the message passes")
async def hung(rig) -> None:
    for mode in ("closed", "open"):
        agent = await real(rig).start()
        front = await before(rig, agent, mode=mode, timeout=1_000)
        async with pair(rig, gateway=front) as (client, server):
            await client.send("before")
            equal(await server.recv(), "before", "message")
            send(agent.child.process, signal.SIGSTOP)
            try:
                started = asyncio.get_running_loop().time()
                await client.send("after")
                if mode == "open":
                    equal(await server.recv(), "after", "what passes")
                else:
                    equal(await ends_with(client, server), (1011, 1011), "codes")
                took = asyncio.get_running_loop().time() - started
                expect(0.9 <= took <= 2, f"{mode}: decided after {took:.2f} s, not after 1 s")
            finally:
                send(agent.child.process, signal.SIGCONT)


@check(
    "real inspector that starts late: until then 1011, afterwards messages pass and XSS does not"
)
async def late(rig) -> None:
    agent = real(rig)
    front = await before(rig, agent)
    async with pair(rig, gateway=front) as (client, server):
        await client.send("too early")
        equal(await ends_with(client, server), (1011, 1011), "codes")
    await agent.start()
    await eventually("messages pass", lambda: _holds(_one_message(rig, front)))
    await _drops(rig, front)


@check("real inspector: 100 sessions at once keep their order, and each loses its own XSS only")
async def many(rig) -> None:
    front = await rig.shared(standing)

    async def one(number: int) -> None:
        async with pair(rig, gateway=front) as (client, server):
            for turn in range(20):
                await client.send(f"{number}/{turn}")
                await client.send(XSS)
            for turn in range(20):
                equal(await server.recv(), f"{number}/{turn}", "message")

    async with asyncio.TaskGroup() as group:
        for number in range(100):
            group.create_task(one(number))
