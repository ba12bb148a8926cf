"""An agent on the public crate for version 2 of the protocol (`agents/v2`), which decides by the
path of a request and by the words of a message.
"""

import asyncio
import json

from websockets.exceptions import InvalidStatus

from agents import judge
from backend import dial, pair
from fetch import Seen, fetch
from gateway import Gateway
from harness import check, equal, eventually, expect
from origin import Origin

CONFIG = """
listeners { listener "main" { address "127.0.0.1:0"; protocol "http" } }
routes {
    route "scenes" { matches { path-prefix "/scene/" }; upstream "scenes"; agents "judge" }
    route "all" { upstream "origin"; agents "judge" }
}
upstreams {
    upstream "scenes" { target "127.0.0.1:$port" }
    upstream "origin" { target "$origin" }
}
agents {
    agent "judge" {
        unix-socket path="$socket"
        protocol-version "v2"
        events "request_headers" "websocket_frame"
        timeout-ms 2000
        failure-mode "closed"
    }
}
"""


async def gateway(rig) -> Gateway:
    """A gateway that asks the agent about requests and messages."""
    agent = await judge(rig).start()
    origin = await Origin.start(rig, "judged")
    values = {"socket": agent.socket, "port": rig.backend.port, "origin": origin.address}
    return await rig.configured("agent-v2", CONFIG, **values)


async def told(client, server) -> list[tuple[int, str]]:
    """Codes and reasons at both ends, once both are closed."""
    async with asyncio.timeout(10):
        await asyncio.gather(client.wait_closed(), server.wait_closed())
    return [(end.close_code, end.close_reason) for end in (client, server)]


@check(
    "agent of protocol v2: what it does not mind passes, requests and messages in both directions"
)
async def allows(rig) -> None:
    front = await rig.shared(gateway)
    equal((await fetch(front.http("/hello"))).status, 200, "status of a plain request")
    async with pair(rig, gateway=front) as (client, server):
        messages = [f"message {number}" for number in range(200)] + [
            bytes(range(256)),
            "x" * 100_000,
        ]
        for sender, receiver in ((client, server), (server, client)):
            for message in messages:
                await sender.send(message)
            for message in messages:
                equal(await receiver.recv(), message, "message")


@check("agent of protocol v2: a request that it blocks gets its status and its words")
async def blocks(rig) -> None:
    front = await rig.shared(gateway)
    answer = await fetch(front.http("/block"))
    equal((answer.status, answer.body), (403, b"judged: no"), "answer to a plain request")
    try:
        async with dial(front.url("/scene/block")):
            raise AssertionError("there is a session")
    except InvalidStatus as refused:
        equal(refused.response.status_code, 403, "status of a handshake")


@check(
    "agent of protocol v2: a request that it redirects is, and one that it challenges is refused"
)
async def redirects(rig) -> None:
    front = await rig.shared(gateway)
    answer = await fetch(front.http("/redirect"))
    equal((answer.status, answer.get("Location")), (302, "https://login.example.test/"), "answer")
    challenged = await fetch(front.http("/challenge"))
    expect(challenged.status in (401, 403), f"status of a challenge: {challenged.status}")


@check("agent of protocol v2: header fields that it sets, adds and removes are so at the backend")
async def headers(rig) -> None:
    front = await rig.shared(gateway)
    spoofed = ["-H", "X-Judged-By: me", "-H", "X-Client-Says: hello"]
    answer = await fetch(front.http("/who/headers"), *spoofed)
    equal(answer.get("X-Judged"), "yes", "field of the answer")
    seen = answer.seen()
    equal(seen.all("X-Judged-By"), ["judge"], "a field that is set")
    equal(seen.all("X-Judged-As"), ["one", "two"], "a field that is added twice")
    equal(seen.all("X-Client-Says"), [], "a field that is removed")
    async with dial(front.url("/who/headers"), additional_headers={"X-Judged-By": "me"}) as client:
        equal(client.response.headers.get("X-Judged"), "yes", "field of the 101")
        seen = Seen(**json.loads(await client.recv()))
        equal(seen.all("X-Judged-By"), ["judge"], "a field that is set, at a handshake")


@check("agent of protocol v2: it is told method, target with query, client and route")
async def is_told(rig) -> None:
    front = await rig.shared(gateway)
    answer = await fetch(front.http("/who/told?a=1&b=2"), "-X", "PUT")
    seen = answer.seen()
    equal(seen.all("X-Told-Uri"), ["/who/told?a=1&b=2"], "target")
    equal(seen.all("X-Told-Method"), ["PUT"], "method")
    equal(seen.all("X-Told-Client"), ["127.0.0.1"], "client")
    equal(seen.all("X-Told-Route"), ["all"], "route")


@check("agent of protocol v2: a message that it drops does not arrive, the next one does")
async def drops(rig) -> None:
    front = await rig.shared(gateway)
    async with pair(rig, gateway=front, compression="deflate") as (client, server):
        for sender, receiver in ((client, server), (server, client)):
            await sender.send("please drop me")
            await sender.send(["please ", "dr", "op me"])
            await sender.send("the next one")
            equal(await receiver.recv(), "the next one", "what arrives first")


@check("agent of protocol v2: a message that it closes for is the last; both are told its code")
async def closes(rig) -> None:
    front = await rig.shared(gateway)
    for upwards in (True, False):
        async with pair(rig, gateway=front) as (client, server):
            sender = client if upwards else server
            await sender.send("please close me")
            await sender.send("never seen")
            equal(await told(client, server), [(4321, "judged: enough")] * 2, "codes and reasons")


@check("agent of protocol v2: it is told kind, direction, number, route and client of a message")
async def message_told(rig) -> None:
    front = await rig.shared(gateway)
    for upwards, message, words in (
        (True, ["te", "ll"], "text up 2 true scenes 127.0.0.1"),
        (False, b"tell", "binary down 2 true scenes 127.0.0.1"),
    ):
        async with pair(rig, gateway=front) as (client, server):
            sender = client if upwards else server
            await sender.send("one")
            await sender.ping()
            await sender.send("two")
            await sender.send(message)
            equal((await told(client, server))[0], (4000, words), "what it was told")


@check("agent of protocol v2: killed, 1011 and 503; started again, all works as before")
async def killed(rig) -> None:
    agent = await judge(rig).start()
    origin = await Origin.start(rig, "judged-2")
    values = {"socket": agent.socket, "port": rig.backend.port, "origin": origin.address}
    front = await rig.configured("agent-v2-killed", CONFIG, **values)
    async with pair(rig, gateway=front) as (client, server):
        await client.send("before")
        equal(await server.recv(), "before", "message")
        await agent.kill()
        await client.send("after")
        equal([code for code, _ in await told(client, server)], [1011, 1011], "codes")
    equal((await fetch(front.http("/hello"))).status, 503, "status of a plain request")
    await agent.start()

    async def works() -> bool:
        return (await fetch(front.http("/hello"))).status == 200

    await eventually("requests pass again", works)
    async with pair(rig, gateway=front) as (client, server):
        await client.send("drop me")
        await client.send("again")
        equal(await server.recv(), "again", "what arrives first")


@check("agent of protocol v2: one message that it hangs over ends its session alone")
async def hangs(rig) -> None:
    agent = await judge(rig).start()
    origin = await Origin.start(rig, "judged-3")
    values = {"socket": agent.socket, "port": rig.backend.port, "origin": origin.address}
    front = await rig.configured("agent-v2-hangs", CONFIG, **values)
    async with pair(rig, gateway=front) as (client, server):
        await client.send("hang")
        equal([code for code, _ in await told(client, server)], [1011, 1011], "codes")
    async with pair(rig, gateway=front) as (client, server):
        await client.send("hello")
        equal(await server.recv(), "hello", "message")
