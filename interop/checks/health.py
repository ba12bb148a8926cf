"""Targets that die and come back: under load nobody notices, and health checks know of it."""

import asyncio
import json
import signal

from backend import dial
from fetch import fetch
from gateway import Gateway
from harness import check, equal, eventually, expect
from origin import Origin, said
from processes import send

CONFIG = """
server { worker-threads 2 }
listeners { listener "main" { address "127.0.0.1:0"; protocol "http" } }
routes {
    route "status" { matches { path "/status" }; builtin-handler "status" }
    route "all" { upstream "origin" }
}
upstreams {
    upstream "origin" {
        targets {
            target { address "$one" }
            target { address "$two" }
        }
        $how
    }
}
"""
PASSIVE = "passive-health { max-fails 1; fail-window-secs 10; eject-secs 1 }"


def checked(kind: str, more: str = "") -> str:
    """Active checks every second, where one success or failure is enough."""
    path = "" if kind == "tcp" else '{ path "/health" }'
    return f"""
        health-check {{
            type "{kind}" {path}
            interval-secs 1; timeout-secs 1; healthy-threshold 1; unhealthy-threshold 1
        }}
        {more}
    """


async def stage(rig, how: str) -> tuple[Gateway, Origin, Origin]:
    """A gateway and two backends of a check's own."""
    one, two = await asyncio.gather(Origin.start(rig, "one"), Origin.start(rig, "two"))
    values = {"one": one.address, "two": two.address, "how": how}
    return await rig.configured("health", CONFIG, **values), one, two


async def load(rig, front: Gateway):
    """Programs that ask for pages and open sessions until they are ended."""
    argv = ["node", rig.peer("load.js"), front.http("").rstrip("/"), "6", "3"]
    child = await rig.child(argv, rig.logs / "load.log")
    await said(child, "running")
    return child


async def busy(origin: Origin, more: int = 50) -> None:
    """Waits until a server has got so many more requests."""
    before = (await origin.facts())["requests"]

    async def has_more() -> bool:
        return (await origin.facts())["requests"] >= before + more

    await eventually(f"{more} more requests at {origin.name}", has_more, 15)


async def end(child) -> dict:
    """Ends the load and gives what became of it."""
    send(child.process, signal.SIGTERM)
    await asyncio.wait_for(child.process.wait(), 15)
    return json.loads(child.output().splitlines()[-1])


@check("a target is killed and started again, then the other, under load: no request fails", 60)
async def killed(rig) -> None:
    front, one, two = await stage(rig, PASSIVE)
    child = await load(rig, front)
    await asyncio.gather(busy(one), busy(two))
    for dies, lives in ((one, two), (two, one), (one, two)):
        await dies.kill()
        await busy(lives)
        await dies.again()
        # It is let in again once it is no longer ejected.
        await busy(dies)
    told = await end(child)
    equal(told["failures"], [], f"failures (well were {told['gets']}, {told['opens']})")
    for kind in ("gets", "opens"):
        expect({"one", "two"} <= set(told[kind]), f"{kind} per server: {told[kind]}")


@check("a target that is killed takes its own sessions with it, and no other")
async def sessions(rig) -> None:
    front, one, _ = await stage(rig, PASSIVE)
    clients = [await dial(front.url("/who")) for _ in range(20)]
    servers = [json.loads(await client.recv())["server"] for client in clients]
    await one.kill()
    for client, server in zip(clients, servers):
        if server == "one":
            await asyncio.wait_for(client.wait_closed(), 5)
            # The stream ended, and nobody made up a close for it.
            equal(client.close_code, 1006, "close code")
        else:
            await client.send("still here")
            equal(await client.recv(), "still here", "message")
            await client.close()
    expect({"one", "two"} <= set(servers), f"sessions were opened on {servers}")


async def available(front: Gateway) -> int:
    """How many targets the gateway counts as available."""
    answer = await fetch(front.http("/status"))
    (upstream,) = json.loads(answer.body)["upstreams"]
    return upstream["available"]


async def until_available(front: Gateway, count: int) -> None:
    """Waits until the gateway counts so many."""

    async def as_many() -> bool:
        return await available(front) == count

    await eventually(f"{count} targets available", as_many, 8)


async def servers_of(front: Gateway, count: int = 12) -> set[str]:
    """The servers that answer so many requests."""
    return {(await fetch(front.http("/"))).get("X-Server") for _ in range(count)}


@check("HTTP checks take a target out that says 503, and back when it says 200 again", 40)
async def http_checks(rig) -> None:
    front, one, two = await stage(rig, checked("http"))
    equal(await servers_of(front), {"one", "two"}, "servers while both are well")
    await one.ask("/sick")
    await until_available(front, 1)
    equal(await servers_of(front), {"two"}, "servers while one is sick")
    facts = await one.facts()
    expect(facts["healthChecks"] > 0, "nobody checked")
    equal(facts["healthHost"], one.address, "Host of the checks")
    await two.ask("/sick")
    await until_available(front, 0)
    answer = await fetch(front.http("/none"))
    equal(answer.status, 503, "status while nobody is well")
    record = await front.record("request", path="/none")
    expect(record.get("reason"), f"the record gives no reason: {record}")
    await one.ask("/well")
    await two.ask("/well")
    await until_available(front, 2)
    equal(await servers_of(front), {"one", "two"}, "servers at the end")


def register_checks(kind: str) -> None:
    @check(f"{kind} checks take a target out that is dead, and back when it lives again", 40)
    async def body(rig) -> None:
        front, one, _ = await stage(rig, checked(kind))
        equal(await servers_of(front), {"one", "two"}, "servers while both live")
        await one.kill()
        await until_available(front, 1)
        equal(await servers_of(front), {"two"}, "servers while one is dead")
        await one.again()
        await until_available(front, 2)
        equal(await servers_of(front), {"one", "two"}, "servers at the end")


for kind in ("tcp", "http", "websocket"):
    register_checks(kind)


@check("websocket checks take a target out that refuses the upgrade, though it serves HTTP", 40)
async def websocket_checks(rig) -> None:
    front, one, _ = await stage(rig, checked("websocket"))
    equal(await servers_of(front), {"one", "two"}, "servers while both are well")
    await one.ask("/sick")
    await until_available(front, 1)
    equal(await servers_of(front), {"two"}, "servers while one is sick")


def register_sessions(word: str, sentence: str, code: int | None) -> None:
    @check(f"on-unhealthy {word!r}: sessions of a target that is found sick {sentence}", 40)
    async def body(rig) -> None:
        front, one, _ = await stage(rig, checked("http", f'on-unhealthy "{word}"'))
        clients = [await dial(front.url("/who")) for _ in range(8)]
        servers = [json.loads(await client.recv())["server"] for client in clients]
        expect({"one", "two"} <= set(servers), f"sessions were opened on {servers}")
        await one.ask("/sick")
        await until_available(front, 1)
        for client, server in zip(clients, servers):
            if code and server == "one":
                await asyncio.wait_for(client.wait_closed(), 5)
                equal(client.close_code, code, "close code")
            else:
                await client.send("still here")
                equal(await client.recv(), "still here", f"message on {server}")
                await client.close()


register_sessions("keep", "live on", None)
register_sessions("close", "are closed with 1012", 1012)


@check("both targets are away: who asks is told 502 or 503, and all is well afterwards", 40)
async def both(rig) -> None:
    front, one, two = await stage(rig, PASSIVE)
    await asyncio.gather(one.kill(), two.kill())
    for _ in range(5):
        status = (await fetch(front.http("/"))).status
        expect(status in (502, 503), f"status while nobody is there: {status}")
    await asyncio.gather(one.again(), two.again())

    async def is_well() -> bool:
        return (await fetch(front.http("/"))).status == 200

    await eventually("an answer after the restart", is_well, 8)
    await eventually("answers of both", lambda: both_answer(front), 8)


async def both_answer(front: Gateway) -> bool:
    """Whether either server answers."""
    return await servers_of(front) >= {"one", "two"}
