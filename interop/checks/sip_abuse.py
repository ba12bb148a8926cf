"""SIP that is broken, misleading or forged: refused as it should be, passed on to nobody whom the
client chose, and nothing breaks."""

import asyncio
import os

from harness import check, equal, expect
from sip.message import Message, token
from sip.raw import client, exact, request, sip
from sip.server import Peer
from sip.stage import front
from sip.torture import CASES, Case
from wire import BINARY, TEXT

assert len(CASES) >= 25


async def stage(rig, name: str, transport: str = "udp", **values: object):
    """A gateway before a server that keeps what comes, and the server."""
    server = await Peer.start(transport)
    file = await front(rig, f"abuse-{name}", server.address, **values)
    return file.gateway, server


async def outcome(end, server: Peer, raw: bytes) -> tuple[str, bytes]:
    """What becomes of a message: `passed` with the bytes at the server, `refused` with the answer,
    or `silent`. A request behind it, which must pass, tells that no more comes."""
    mark = request("OPTIONS")
    await end.send(TEXT, raw)
    await end.send(TEXT, exact(mark))
    became, came = ("silent", b""), await server.next()
    if came.message_id() != mark.get("call-id"):
        became, came = ("passed", came.raw), await server.next()
    equal(came.message_id(), mark.get("call-id"), f"what comes behind {became}")
    came.answer(200)
    while (frame := await end.frame()) is not None:
        answer = frame.payload
        if mark.get("call-id").encode() in answer:
            return became
        equal(became[0], "silent", f"before an answer: {answer!r}")
        became = ("refused", answer)
    raise AssertionError(f"the connection ended behind {raw!r}")


def register(case: Case) -> None:
    @check(f"SIP torture (RFC 4475), {case.name}: {wanted(case)}")
    async def body(rig) -> None:
        gateway, server = await rig.shared(torture)
        async with client(gateway.port_of("main")) as end:
            became, data = await outcome(end, server, case.raw)
            if case.either:
                allowed = became == "passed" or data.startswith(b"SIP/2.0 400 ")
                expect(allowed, f"passed or refused with 400; it was {became}, {data!r}")
            elif case.passes:
                equal(became, "passed", f"what became of it ({data!r})")
            elif case.silent:
                equal(became, "silent", f"what became of it ({data!r})")
            else:
                equal(became, "refused", f"what became of it ({data!r})")
                expect(int(data.split()[1]) in case.statuses, f"{case.statuses}: {data!r}")
            if became == "passed":
                kept(case.raw, data)


def wanted(case: Case) -> str:
    """What must become of it, in words."""
    if case.either:
        return "passed on, or refused with 400"
    if case.statuses:
        return "refused with " + " or ".join(map(str, case.statuses))
    return "passed on unchanged" if case.passes else "goes nowhere, unanswered"


async def torture(rig):
    """The gateway of the torture messages and its server."""
    return await stage(rig, "torture")


def kept(sent: bytes, came: bytes) -> None:
    """Fails unless the start line, the body and every line of a header that is none of a proxy's
    came as they were sent."""
    head, _, body = sent.partition(b"\r\n\r\n")
    other, _, through = came.partition(b"\r\n\r\n")
    equal(through, body, "body")
    first, *lines = head.split(b"\r\n")
    equal(other.split(b"\r\n")[0], first, "start line")
    proxys = (
        b"via",
        b"v",
        b"max-forwards",
        b"route",
        b"record-route",
        b"path",
        b"content-length",
        b"l",
    )
    mine = True
    for line in lines:
        # A line that is folded belongs to the one before it.
        if not line[:1].isspace():
            mine = line.partition(b":")[0].strip().lower() not in proxys
        expect(not mine or line in other.split(b"\r\n"), f"{line!r} is in {other!r}")


for case in CASES:
    register(case)


@check("SIP: random bytes, text and binary, are dropped or refused; the gateway goes on")
async def noise(rig) -> None:
    gateway, server = await stage(rig, "noise")
    async with client(gateway.port_of("main")) as end:
        for size in (1, 2, 3, 4, 16, 100, 1_000, 30_000):
            await end.send(BINARY, os.urandom(size))
            await end.send(TEXT, os.urandom(size).hex().encode())
        for start in (
            b"SIP/2.0 ",
            b"INVITE ",
            b"\r\n\r\n\r\n",
            b"\0" * 50,
            b"INVITE a SIP/2.0\r\n",
        ):
            await end.send(TEXT, start)
        mark = request()
        await end.send(TEXT, exact(mark))
        equal((await server.next()).message_id(), mark.get("call-id"), "what reaches the server")
    expect(not gateway.child.died(), "the gateway is there")
    server.end()


@check("SIP: what a client writes into Route and Request-URI takes nothing to a host of its choice")
async def chosen_host(rig) -> None:
    gateway, server = await stage(rig, "chosen")
    victim, stream = await Peer.start("udp"), await Peer.start("tcp")
    async with client(gateway.port_of("main")) as end:
        for port in (victim.port, stream.port):
            there = f"sip:x@127.0.0.1:{port}"
            for routes in (
                {"target": there},
                {"Route": f"<{there};lr>"},
                {"target": there, "Route": f"<{there};transport=tcp;lr>, <sip:a@b;lr>"},
                {"Via": f"SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{token()};maddr=127.0.0.1"},
            ):
                message = request(**routes)
                await end.send(TEXT, exact(message))
                came = await server.next()
                equal(came.message_id(), message.get("call-id"), "what reaches the upstream")
                came.answer(200)
                equal((await end.frame()).opcode, TEXT, "the answer comes to the client")
    equal((victim.came.qsize(), stream.connections), (0, 0), "what came to the chosen hosts")
    for one in (server, victim, stream):
        one.end()


@check("SIP: forged and foreign tokens reach no client: 403 or 430, or 404 where there is none")
async def forged(rig) -> None:
    gateway, server = await stage(rig, "forged", back=0)
    back = ("127.0.0.1", gateway.port_of("back"))

    async def asked(route: str | None, target: str = "sip:alice@client.invalid") -> int:
        via = f"SIP/2.0/UDP 127.0.0.1:{server.port};branch=z9hG4bK{token()}"
        server.send(exact(request("OPTIONS", target=target, Via=via, Route=route)), back)
        return (await server.next()).message.status

    async with client(gateway.port_of("main")) as end:
        await end.send(TEXT, exact(request("REGISTER", Contact="<sip:alice@client.invalid>")))
        path = (await server.next()).message.get("path")
        user, at, rest = path.partition("@")
        flipped = user[:-1] + ("A" if user[-1] != "A" else "B")
        for name, route in {
            "one bit": flipped + at + rest,
            "cut": user[:-4] + at + rest,
            "longer": user + "AAAA" + at + rest,
            "made up": "<sip:" + "A" * 44 + at + rest,
        }.items():
            status = await asked(route)
            expect(status in (403, 404, 430), f"{name}: {status}")
        equal(await asked(None), 404, "without a token")
        # Nobody answers an ACK, whatever its token.
        via = f"SIP/2.0/UDP 127.0.0.1:{server.port};branch=z9hG4bK{token()}"
        ack = request("ACK", target="sip:alice@client.invalid", Via=via, Route=flipped + at + rest)
        server.send(exact(ack), back)
        # A response along a Via that nobody pushed.
        via = f"SIP/2.0/UDP 127.0.0.1:{back[1]};branch=z9hG4bK{'A' * 60}"
        answer = request("OPTIONS", Via=via).reply(200, "OK", "server")
        answer.headers.append(("Via", "SIP/2.0/WS client.invalid;branch=z9hG4bKx"))
        server.send(answer.bytes(), back)
        good = asyncio.create_task(asked(path))
        came = await sip(end)
        equal(came.method, "OPTIONS", "the first that the client sees")
        await end.send(TEXT, came.reply(200, "OK", "alice").bytes())
        equal(await good, 200, "the answer with the good token")
        equal(server.came.qsize(), 0, "more answers")
    server.end()


@check("SIP: a client's answer goes back where the request came from, not where its Via says")
async def answers(rig) -> None:
    gateway, server = await stage(rig, "answers", back=0)
    victim = await Peer.start("udp")
    async with client(gateway.port_of("main")) as end:
        await end.send(TEXT, exact(request("REGISTER", Contact="<sip:alice@client.invalid>")))
        path = (await server.next()).message.get("path")
        via = f"SIP/2.0/UDP 127.0.0.1:{server.port};branch=z9hG4bK{token()}"
        ask = request("OPTIONS", target="sip:alice@client.invalid", Via=via, Route=path)
        server.send(exact(ask), ("127.0.0.1", gateway.port_of("back")))
        came = await sip(end)
        bent = came.reply(200, "OK", "alice")
        bent.headers = [
            (name, value.replace(f":{server.port}", f":{victim.port}"))
            for name, value in bent.headers
        ]
        await end.send(TEXT, bent.bytes())
        await end.send(TEXT, came.reply(200, "OK", "alice").bytes())
        statuses = [(await server.next()).message.status]
        equal(statuses, [200], "answers at the server")
    equal(victim.came.qsize(), 0, "what came to another host")
    server.end()
    victim.end()


@check("SIP: junk on a listener for datagrams goes nowhere, and behind it messages pass")
async def junk(rig) -> None:
    server = await Peer.start("ws")
    listener = 'listener "in" { address "127.0.0.1:0"; protocol "sip-udp"; upstream "server" }'
    file = await front(rig, "abuse-junk", server.address, listeners=listener)
    sender = await Peer.start("udp")
    to = ("127.0.0.1", file.gateway.port_of("in"))
    for data in (
        b"",
        b"\r\n\r\n",
        b"\0\0\0\0",
        b"jaK",
        os.urandom(1_000),
        b"x" * 60_000,
        b"SIP/2.0 200",
    ):
        sender.send(data, to)
    via = f"SIP/2.0/UDP 127.0.0.1:{sender.port};branch=z9hG4bK{token()}"
    for number in range(3):
        sender.send(exact(request(Via=via, Call_ID=f"junk-{number}")), to)
        came = await server.next()
        equal(came.message_id(), f"junk-{number}", "what reaches the server")
        came.answer(200)
        equal((await sender.next()).message.status, 200, "status")
    server.end()
    sender.end()


@check("SIP: a stream that is no SIP, or whose lengths are wrong, is answered 400 and closed")
async def streams(rig) -> None:
    server = await Peer.start("ws")
    listener = 'listener "in" { address "127.0.0.1:0"; protocol "sip-tcp"; upstream "server" }'
    file = await front(rig, "abuse-streams", server.address, listeners=listener)
    wrong = request(Via=f"SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK{token()}")
    for name, data, answered in (
        ("no Content-Length", exact(without(wrong, "Content-Length")), True),
        (
            "two lengths",
            exact(wrong).replace(b"Content-Length: 0", b"Content-Length: 0\r\nl: 5"),
            True,
        ),
        ("no number", exact(wrong).replace(b"Content-Length: 0", b"Content-Length: x"), True),
        ("a head without end", b"MESSAGE sip:a@b SIP/2.0\r\n" + b"X: y\r\n" * 100_000, False),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", False),
        ("noise", os.urandom(5_000), False),
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", file.gateway.port_of("in"))
        try:
            writer.write(data)
            if name == "noise":
                writer.write_eof()
            got = await asyncio.wait_for(reader.read(), 10)
        except ConnectionError:
            got = b""
        expect(got.startswith(b"SIP/2.0 400 ") or not answered, f"{name}: {got!r}")
        expect(got.count(b"SIP/2.0 ") <= 2 + answered, f"{name}: {got!r}")
        writer.close()
    equal(server.came.qsize(), 0, "messages at the server")
    server.end()


def without(message: Message, name: str) -> Message:
    """The message without a header."""
    message = Message(message.first, list(message.headers), message.body)
    message.headers = [pair for pair in message.headers if pair[0] != name]
    return message
