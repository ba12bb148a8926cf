"""How SIP lies in WebSocket messages, in streams and in datagrams: put together from any pieces on
one side, whole on the other."""

import asyncio
from pathlib import Path

from harness import check, equal, eventually, expect
from sip.message import parameter, token
from sip.raw import SUBPROTOCOL, client, exact, request, sip
from sip.server import Peer
from sip.stage import front
from wire import BINARY, CONTINUATION, PING, PONG, TEXT, closing, dial
from wire import request as handshake

ROUTES = (
    ("edge", "udp"),
    ("edge", "tcp"),
    ("edge", "ws"),
    ("transparent", "tcp"),
    ("transparent", "ws"),
)
BODY = "Grüße 👋 ".encode() * 300


async def stage(rig, mode: str, transport: str, name: str = "framing", **values: object):
    """A gateway before a server that keeps what comes: its port and the server."""
    server = await Peer.start(transport)
    file = await front(rig, f"{name}-{mode}-{transport}", server.address, mode, **values)
    return file.gateway.port_of("main"), server


async def in_pieces(end, data: bytes) -> None:
    """Five fragments with a ping within, some of them byte by byte."""
    size = len(data) // 5
    for part in range(5):
        last = part == 4
        piece = data[part * size :] if last else data[part * size : (part + 1) * size]
        frame = end.bytes(TEXT if part == 0 else CONTINUATION, piece, fin=last)
        await end.dribble(frame, 12)
        if part == 2:
            await end.send(PING, b"are you there")


def register(mode: str, transport: str) -> None:
    @check(f"SIP, {mode}, {transport}: five dribbled fragments around a ping arrive as one message")
    async def fragments(rig) -> None:
        port, server = await stage(rig, mode, transport)
        async with client(port) as end:
            sent = request(body=BODY)
            await in_pieces(end, exact(sent))
            equal((await end.frame()).opcode, PONG, "answer to the ping")
            came = await server.next()
            if mode == "transparent":
                equal(came.raw, exact(sent), "bytes at the server")
            equal(came.message.body, BODY, "body at the server")
            came.answer(202)
            answer = await sip(end)
            equal(answer.status, 202, "status")
            equal(
                answer.all("via")[0].partition(";")[0], sent.all("via")[0].partition(";")[0], "Via"
            )
        server.end()

    @check(f"SIP, {mode}, {transport}: CRLFCRLF is answered by CRLF and goes no further")
    async def keepalive(rig) -> None:
        port, server = await stage(rig, mode, transport)
        async with client(port) as end:
            for opcode in (TEXT, BINARY):
                await end.send(opcode, b"\r\n\r\n")
                frame = await end.frame()
                equal((frame.opcode, frame.payload), (opcode, b"\r\n"), "opcode and payload")
            # What is answered behind it was not held up, and nothing came before it.
            await end.send(TEXT, exact(request()))
            equal((await server.next()).message.method, "MESSAGE", "what the server sees")
            equal(server.keepalives.qsize(), 0, "keepalives at the server")
        server.end()


for mode, transport in ROUTES:
    register(mode, transport)


def register_streams(mode: str) -> None:
    @check(f"SIP, {mode}: what a server's stream brings in pieces or in one go is a frame each")
    async def stream(rig) -> None:
        port, server = await stage(rig, mode, "tcp", "stream")
        async with client(port) as end:
            sent = [request(), request()]
            for message in sent:
                await end.send(TEXT, exact(message))
            came = [await server.next(), await server.next()]
            expect(came[0].source == came[1].source, "both came on one connection")
            answers = []
            for one in came:
                reply = one.message.reply(200, "OK", "server")
                reply.body = BODY
                answers.append(reply.bytes())
            # Blank lines in front, then both at once but for the end, then byte by byte.
            burst = b"\r\n" + answers[0] + answers[1]
            came[0].write(burst[:-200])
            for byte in burst[-200:]:
                await asyncio.sleep(0)
                came[0].write(bytes((byte,)))
            ids = []
            for _ in sent:
                answer = await sip(end)
                equal((answer.status, answer.body), (200, BODY), "status and body")
                ids.append(answer.get("call-id"))
            equal(ids, [message.get("call-id") for message in sent], "Call-IDs")
        server.end()

    @check(
        f"SIP, {mode}: a server's CRLFCRLF on its stream is answered by CRLF; clients see neither"
    )
    async def ping(rig) -> None:
        port, server = await stage(rig, mode, "tcp", "stream-ping")
        async with client(port) as end:
            await end.send(TEXT, exact(request()))
            came = await server.next()
            came.write(b"\r\n\r\n")
            pong = await asyncio.wait_for(server.pong(), 10)
            equal(pong, b"\r\n", "answer on the stream")
            came.answer(200)
            equal((await sip(end)).status, 200, "the first that the client sees")
        server.end()

    @check(f"SIP, {mode}: a message without Content-Length has one on a stream")
    async def length(rig) -> None:
        port, server = await stage(rig, mode, "tcp", "length")
        async with client(port) as end:
            await end.send(TEXT, exact(request(body=BODY, Content_Length=None)))
            came = (await server.next()).message
            equal(
                (came.get("content-length"), came.body), (str(len(BODY)), BODY), "length and body"
            )
        server.end()


for mode in ("edge", "transparent"):
    register_streams(mode)


@check("SIP: the 101 names the protocol, says Switching Protocols, and is alone in its segment")
async def alone(rig) -> None:
    greeting = exact(request("OPTIONS"))
    server = await Peer.start("tcp")
    server.greeting = greeting
    file = await front(rig, "alone", server.address, "transparent")
    port = file.gateway.port_of("main")
    heads = []
    # A reader that is late gets both at once, whoever wrote them together or apart.
    for _ in range(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(handshake("/sip", port, SUBPROTOCOL))
        first = await asyncio.wait_for(reader.read(1 << 16), 10)
        head, _, rest = first.partition(b"\r\n\r\n")
        heads.append((head, rest))
        if not rest:
            rest = await asyncio.wait_for(reader.read(1 << 16), 10)
        expect(b"OPTIONS" in rest, f"the greeting comes, too: {rest!r}")
        writer.close()
        if not heads[-1][1]:
            break
    else:
        raise AssertionError(f"the 101 never came alone: {heads[-1]}")
    lines = head.decode().split("\r\n")
    equal(lines[0], "HTTP/1.1 101 Switching Protocols", "status line")
    expect("sec-websocket-protocol: sip" in [line.lower() for line in lines], f"{lines}")
    expect(not any(line.lower().startswith("sec-websocket-ext") for line in lines), f"{lines}")
    server.end()


@check("SIP: clients that do not offer the subprotocol are refused, also with others on offer")
async def refused(rig) -> None:
    port, server = await stage(rig, "edge", "udp", "refused")
    for lines in ((), ("Sec-WebSocket-Protocol: chat, xmpp",)):
        end = await dial(port, "/sip", *lines)
        equal(end.head.status, 400, f"status with {lines}")
        end.reset()
    for offer in ("sip", "chat, sip", "chat,sip,xmpp"):
        end = await dial(port, "/sip", f"Sec-WebSocket-Protocol: {offer}")
        equal((end.head.status, end.head.get("sec-websocket-protocol")), (101, "sip"), offer)
        end.reset()
    server.end()


@check("SIP: no extension is negotiated, and a frame that says it is compressed ends with 1002")
async def extension(rig) -> None:
    port, server = await stage(rig, "edge", "udp", "extension")
    offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
    end = await dial(port, "/sip", SUBPROTOCOL, offer)
    equal((end.head.status, end.head.get("sec-websocket-extensions")), (101, None), "answer")
    await end.send(TEXT, b"x", rsv1=True)
    equal((await end.closes()).code, 1002, "close code")
    end.reset()
    server.end()


@check("SIP: a message over max-message-size ends with 1009, in fragments too")
async def too_large(rig) -> None:
    port, server = await stage(rig, "edge", "udp", "large", websocket='max-message-size "4KB"')
    big = exact(request(body=b"x" * 5_000))
    for fragments in (False, True):
        async with client(port) as end:
            if fragments:
                await end.send(TEXT, big[:2_500], fin=False)
                await end.send(CONTINUATION, big[2_500:])
            else:
                await end.send(TEXT, big)
            equal((await end.closes()).code, 1009, "close code")
    equal(server.came.qsize(), 0, "messages at the server")
    server.end()


@check("SIP: max-message-chunks counts reads that leave a message incomplete: at four, 1008")
async def chunks(rig) -> None:
    port, server = await stage(rig, "edge", "udp", "chunks", sip="max-message-chunks 4")
    async with client(port) as end:
        frame = end.bytes(TEXT, exact(request()))
        await apart(end, frame, 3)
        await server.next()
        await apart(end, frame, 4)
        equal((await end.closes()).code, 1008, "close code")
    server.end()


async def apart(end, frame: bytes, cuts: int) -> None:
    """Sends a frame in this many pieces and one more, each when the one before has been read."""
    size = len(frame) // (cuts + 1)
    for part in range(cuts):
        await end.write(frame[part * size : (part + 1) * size])
        await eventually("what was sent is read", lambda: is_read(end))
    await end.write(frame[cuts * size :])


def is_read(end) -> bool:
    """Whether nothing waits to be read at the other end, by the system's table of sockets."""
    here = end.writer.get_extra_info("sockname")[1]
    there = end.writer.get_extra_info("peername")[1]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, _, queues, *_ = line.split()
        if (local[-4:], remote[-4:]) == (f"{there:04X}", f"{here:04X}"):
            return queues.endswith(":00000000")
    return False


@check("SIP: with message-opcode mirror, messages go out with the opcode that came last")
async def mirror(rig) -> None:
    port, server = await stage(rig, "edge", "udp", "mirror", sip='message-opcode "mirror"')
    async with client(port) as end:
        for opcode in (TEXT, BINARY, TEXT):
            await end.send(opcode, exact(request()))
            (await server.next()).answer(200)
            equal((await end.frame()).opcode, opcode, "opcode of the answer")
    server.end()


@check("SIP: clients are pinged by timer, and one that does not answer is cut off")
async def pings(rig) -> None:
    port, server = await stage(
        rig, "edge", "udp", "pings", websocket="ping-interval-secs 1; ping-timeout-secs 4"
    )
    async with client(port) as end:
        frame = await end.frame()
        equal(frame.opcode, PING, "opcode")
        await end.send(PONG, frame.payload)
        equal((await end.frame()).opcode, PING, "opcode")
        expect(await end.ended(), "nothing comes but the end")
    server.end()


@check(
    "SIP, edge: the server sees a Via, a Path and a Record-Route of the gateway's, and the source"
)
async def inserted(rig) -> None:
    port, server = await stage(rig, "edge", "udp", "inserted")
    async with client(port) as end:
        for method, header in (("REGISTER", "path"), ("INVITE", "record-route"), ("MESSAGE", "")):
            sent = request(method, Contact="<sip:alice@client.invalid;transport=ws>")
            await end.send(TEXT, exact(sent))
            came = await server.next()
            message, local = came.message, end.writer.get_extra_info("sockname")
            own, theirs = message.all("via")
            expect(own.startswith(f"SIP/2.0/UDP 127.0.0.1:{came.source[1]};"), f"Via {own}")
            expect(parameter(own, "branch").startswith("z9hG4bK"), f"branch of {own}")
            equal(parameter(theirs, "received"), local[0], f"received of {theirs}")
            equal(parameter(theirs, "rport"), str(local[1]), f"rport of {theirs}")
            equal(message.get("max-forwards"), "69", "Max-Forwards")
            equal(message.target, sent.target, "Request-URI")
            for name in ("path", "record-route"):
                equal(len(message.all(name)), int(name == header), f"{name} in {method}")
            if header:
                expect(";lr" in message.all(header)[0], f"loose routing: {message.all(header)}")
            came.answer(200)
            equal(len((await sip(end)).all("via")), 1, "Vias of the answer")
    server.end()


@check("SIP, edge: what has one Call-ID goes to one target, and others to others")
async def affinity(rig) -> None:
    servers = [await Peer.start("udp") for _ in range(3)]
    targets = "".join(f'target {{ address "{server.address}" }}; ' for server in servers[1:])
    file = await front(rig, "affinity", servers[0].address, targets=targets)
    async with client(file.gateway.port_of("main")) as end:
        dialogs = [token() for _ in range(30)]
        for method in ("INVITE", "ACK", "INFO", "BYE"):
            for dialog in dialogs:
                await end.send(TEXT, exact(request(method, Call_ID=dialog)))
        whole = 4 * len(dialogs)
        await eventually(
            "all of it has come", lambda: sum(server.came.qsize() for server in servers) == whole
        )
    of_each = []
    for server in servers:
        of_each.append({server.came.get_nowait().message_id() for _ in range(server.came.qsize())})
        expect(of_each[-1], "every target has some dialogs")
    equal(sum(map(len, of_each)), len(dialogs), "dialogs, counted at each target")
    for server in servers:
        server.end()


@check("SIP: pages of other origins are refused, also where they offer the subprotocol")
async def origins(rig) -> None:
    server = await Peer.start("udp")
    only = 'origins "https://phone.example.test"'
    file = await front(rig, "origins", server.address, websocket=only)
    port = file.gateway.port_of("main")
    for origin, status in (("https://phone.example.test", 101), ("https://evil.example.test", 403)):
        end = await dial(port, "/sip", SUBPROTOCOL, f"Origin: {origin}")
        equal(end.head.status, status, f"status for {origin}")
        end.reset()
    server.end()


@check("SIP: a close is answered with its code")
async def close(rig) -> None:
    port, server = await stage(rig, "edge", "udp", "close")
    for code in (1000, 1001, 4000):
        async with client(port) as end:
            await end.send(8, closing(code, "bye"))
            equal((await end.closes()).code, code, "close code")
    server.end()
