"""What clients may send: methods, headers, rates, sizes; and what is answered in their place."""

import asyncio

from harness import check, equal, eventually, expect
from sip.message import token
from sip.raw import client, exact, request, sip
from sip.server import Peer
from sip.stage import front
from wire import TEXT


async def stage(rig, name: str, **values: object) -> tuple[int, Peer]:
    """A gateway before a server over UDP that keeps what comes: its port and the server."""
    server = await Peer.start("udp")
    file = await front(rig, f"limits-{name}", server.address, **values)
    return file.gateway.port_of("main"), server


async def passes(end, server: Peer, message) -> None:
    """Sends a request, which must reach the server."""
    await end.send(TEXT, exact(message))
    came = (await server.next()).message
    equal(came.get("call-id"), message.get("call-id"), "Call-ID at the server")


async def answered(end, message, status: int):
    """Sends a request, which must be answered so; gives the answer."""
    await end.send(TEXT, exact(message))
    answer = await sip(end)
    equal(answer.status, status, f"status ({answer.first})")
    for name in ("call-id", "cseq", "from"):
        equal(answer.get(name), message.get(name), name)
    equal(len(answer.all("via")), 1, "Vias")
    return answer


@check("SIP: methods that are not among those allowed are answered 405 with Allow; ACK never is")
async def methods(rig) -> None:
    port, server = await stage(rig, "methods", sip='methods "REGISTER" "MESSAGE"')
    async with client(port) as end:
        for method in ("INVITE", "SUBSCRIBE", "FOO"):
            answer = await answered(end, request(method), 405)
            allowed = {item.strip() for line in answer.all("allow") for item in line.split(",")}
            expect({"REGISTER", "MESSAGE"} <= allowed, f"Allow: {allowed}")
        await end.send(TEXT, exact(request("ACK")))
        await passes(end, server, request("MESSAGE"))
        await passes(end, server, request("REGISTER"))
    equal(server.came.qsize(), 0, "more at the server")
    server.end()


@check("SIP: too many headers are answered 400, too long ones 513, and none of them passes")
async def headers(rig) -> None:
    port, server = await stage(rig, "headers", sip='max-headers 20; max-header-size "1KB"')
    async with client(port) as end:
        many = {f"X-{number}": "x" for number in range(13)}
        await passes(end, server, request(**many))
        await answered(end, request(**many, X_more="x"), 400)
        await passes(end, server, request(X_long="x" * 1_000))
        await answered(end, request(X_long="x" * 1_024), 513)
    equal(server.came.qsize(), 0, "more at the server")
    server.end()


@check("SIP: a client over its rate is answered 503 with Retry-After, but for ACK")
async def rate(rig) -> None:
    port, server = await stage(rig, "rate", sip='rate-limit { messages "1/m"; burst 5 }')
    async with client(port) as end:
        for _ in range(5):
            await passes(end, server, request())
        for _ in range(2):
            answer = await answered(end, request(), 503)
            expect(int(answer.get("retry-after") or 0) >= 1, f"Retry-After in {answer}")
            await end.send(TEXT, exact(request("ACK")))
    equal(server.came.qsize(), 0, "more at the server")
    server.end()


@check("SIP: a client that was over its rate may go on when it has waited")
async def rate_later(rig) -> None:
    port, server = await stage(rig, "later", sip="rate-limit { messages 2; burst 1 }")
    server.answers(200)
    async with client(port) as end:
        statuses = []

        async def again() -> bool:
            await end.send(TEXT, exact(request()))
            statuses.append((await sip(end)).status)
            refused = statuses.index(503) if 503 in statuses else len(statuses)
            return 200 in statuses[refused:]

        await eventually(lambda: f"200 behind a 503: {statuses}", again, 10)
    server.end()


@check("SIP: a rate per user counts all connections together, other users on their own")
async def rate_of_user(rig) -> None:
    limit = 'rate-limit { messages "1/m"; burst 3; per "user" }'
    port, server = await stage(rig, "user", sip=limit, workers=2)
    async with client(port) as first, client(port) as second:
        for end in (first, second, first):
            await passes(end, server, request(From=f"<sip:alice@sip.example.test>;tag={token()}"))
        alice = '"Alice" <sip:alice@sip.example.test>;tag=other'
        await answered(second, request(From=alice), 503)
        await passes(second, server, request(From="<sip:carol@sip.example.test>;tag=1"))
    server.end()


@check("SIP: a client over a rate that closes is closed with 1008")
async def rate_closes(rig) -> None:
    limit = 'rate-limit { messages "1/m"; burst 3; on-exceed "close" }'
    port, server = await stage(rig, "closes", sip=limit)
    async with client(port) as end:
        for _ in range(4):
            await end.send(TEXT, exact(request()))
        equal((await end.closes()).code, 1008, "close code")
    server.end()


@check(
    "SIP: Max-Forwards 0 is answered 483, ACK with it goes nowhere, and without one it is 69 or 70"
)
async def hops(rig) -> None:
    port, server = await stage(rig, "hops")
    async with client(port) as end:
        await answered(end, request(Max_Forwards="0"), 483)
        await end.send(TEXT, exact(request("ACK", Max_Forwards="0")))
        await end.send(TEXT, exact(request(Max_Forwards=None)))
        came = (await server.next()).message
        equal(came.method, "MESSAGE", "what reaches the server")
        expect(came.get("max-forwards") in ("69", "70"), f"Max-Forwards {came.get('max-forwards')}")
    server.end()


@check("SIP: OPTIONS to the gateway itself is answered by it, and passes where it is told not to")
async def options(rig) -> None:
    for setting, here in (("true", True), ("false", False)):
        port, server = await stage(rig, f"options-{setting}", sip=f"answer-options {setting}")
        async with client(port) as end:
            own = await address_of(end, server)
            ping = request("OPTIONS", target=f"sip:{own}")
            if here:
                await answered(end, ping, 200)
            await passes(end, server, request("OPTIONS") if here else ping)
        server.end()


async def address_of(end, server: Peer) -> str:
    """Host and port by which the gateway calls itself towards the server."""
    await end.send(TEXT, exact(request("REGISTER", Contact="<sip:alice@client.invalid>")))
    own = (await server.next()).message.all("via")[0]
    return own.split()[1].partition(";")[0]


@check(
    "SIP: a flood from one client is answered or passed, message by message, and others go on", 60
)
async def flood(rig) -> None:
    port, server = await stage(rig, "flood")
    count = 20_000
    async with client(port) as loud, client(port) as quiet:
        # Answered where it came in, so that no datagram can get lost on the way.
        frame = loud.bytes(TEXT, exact(request(Max_Forwards="0")))

        async def pour() -> None:
            for _ in range(count // 100):
                await loud.write(frame * 100)

        async def hear() -> None:
            for _ in range(count):
                equal((await sip(loud)).status, 483, "status")

        poured = asyncio.gather(pour(), hear())
        for _ in range(20):
            await quiet.send(TEXT, exact(request()))
            (await server.next()).answer(200)
            equal((await sip(quiet)).status, 200, "the other client's answer")
        await poured
    server.end()
