"""What becomes of SIP when the client, the server or the gateway is lost, and when it is back."""

import signal
from contextlib import suppress

from harness import check, equal, eventually
from processes import free_port, send
from sip.agent import agent
from sip.kamailio import free_sip_port
from sip.message import Message, token
from sip.raw import client, exact, request, sip
from sip.server import Peer
from sip.stage import before_kamailio, front, kamailio, url, user
from wire import TEXT

SECRET = b"a key that is long enough for this"


def register(transport: str) -> None:
    @check(
        f"SIP, edge, {transport}: a user who has gone is answered for with 430, and back is reached"
    )
    async def gone(rig) -> None:
        file = await before_kamailio(rig, f"gone-{transport}", transport, "edge")
        server = await rig.shared(kamailio)
        where, name = url(file.gateway), user("alice")
        async with agent(f"ws://127.0.0.1:{server.port}/", user("bob")) as bob:
            async with agent(where, name) as alice:
                await alice.registered()
                equal((await bob.say(name, "there?")).status, 200, "while the user is there")
                await alice.heard()
            status = (await bob.say(name, "and now?")).status
            equal(status, 430, "answer when the user has gone")
            async with agent(where, name) as alice:
                await alice.registered()
                equal((await bob.say(name, "back?")).status, 200, "when the user is back")
                equal((await alice.heard()).body, b"back?", "what the user hears")


for transport in ("udp", "tcp", "ws"):
    register(transport)


@check("SIP: a killed gateway's tokens are 430 for the next one, whether it knows their key or not")
async def tokens(rig) -> None:
    secret = rig.folder / "sip-token-secret"
    secret.write_bytes(SECRET)
    for number, settings in enumerate(("", f'sip-token-secret-file "{secret}"')):
        server = await Peer.start("udp")
        ports = {"port": free_port(), "back": free_sip_port(), "server": settings}
        name = f"tokens-{number}"
        file = await front(rig, name, server.address, **ports)
        async with client(ports["port"]) as end:
            await end.send(TEXT, exact(request("REGISTER", Contact="<sip:alice@client.invalid>")))
            path = (await server.next()).message.get("path")
        await file.gateway.child.kill()
        await front(rig, name, server.address, **ports)
        equal(await asked(server, ports["back"], path), 430, f"answer with {settings!r}")
        server.end()


async def asked(server: Peer, port: int, route: str) -> int:
    """The status of the gateway's answer to a server's request along a route."""
    server.send(exact(towards(server, route)), ("127.0.0.1", port))
    return (await server.next()).message.status


def towards(server: Peer, route: str, method: str = "OPTIONS") -> Message:
    """A request of the server's own along a route."""
    via = f"SIP/2.0/UDP 127.0.0.1:{server.port};branch=z9hG4bK{token()}"
    return request(method, target="sip:alice@client.invalid", Via=via, Route=route)


def register_upstream(transport: str) -> None:
    @check(
        f"SIP, edge, {transport}: while the server is lost requests are answered 503, then pass",
        40,
    )
    async def lost(rig) -> None:
        server = await Peer.start(transport)
        file = await front(rig, f"lost-{transport}", server.address)
        async with client(file.gateway.port_of("main")) as end:
            await end.send(TEXT, exact(request()))
            (await server.next()).answer(200)
            equal((await sip(end)).status, 200, "before")
            server.end()

            # What goes before the loss is seen is lost with the connection.
            await eventually("503 is the answer", lambda: answered(end, 503), 15)
            # Nobody may answer an ACK.
            await end.send(TEXT, exact(request("ACK")))
            server = await Peer.start(transport, server.port)
            server.answers(200)
            await eventually("200 is the answer again", lambda: answered(end, 200), 15)
        server.end()


async def answered(end, status: int) -> bool:
    """Whether the answer to a request, if there is one soon, has this status."""
    sent = request("OPTIONS")
    await end.send(TEXT, exact(sent))
    with suppress(TimeoutError):
        answer = await sip(end, 1)
        while answer.get("call-id") != sent.get("call-id"):
            equal(answer.method, "OPTIONS", "what is answered")
            answer = await sip(end, 1)
        return answer.status == status
    return False


for transport in ("tcp", "ws"):
    register_upstream(transport)


@check("SIP, edge, udp: a lost server costs requests only, and clients reach it when it is back")
async def unreachable(rig) -> None:
    server = await Peer.start("udp")
    file = await front(rig, "unreachable", server.address)
    async with client(file.gateway.port_of("main")) as end:
        server.end()
        for _ in range(3):
            await end.send(TEXT, exact(request()))
        server = await Peer.start("udp", server.port)

        async def reached() -> bool:
            await end.send(TEXT, exact(request("OPTIONS")))
            try:
                came = await server.next(0.5)
                while came.message.method != "OPTIONS":
                    came = await server.next(0.5)
            except TimeoutError:
                return False
            came.answer(200)
            return True

        await eventually("the server is reached", reached, 15)
        answer = await sip(end)
        while answer.status == 503:
            answer = await sip(end)
        equal(answer.status, 200, "answer")
    server.end()


def register_transparent(transport: str) -> None:
    @check(f"SIP, transparent, {transport}: a lost server ends clients with 1012, and vice versa")
    async def lost(rig) -> None:
        server = await Peer.start(transport)
        file = await front(rig, f"lost-transparent-{transport}", server.address, "transparent")
        port = file.gateway.port_of("main")
        async with client(port) as end, client(port) as other:
            for one in (end, other):
                await one.send(TEXT, exact(request()))
                (await server.next()).answer(200)
                equal((await sip(one)).status, 200, "before")
            equal((server.connections, len(server.writers)), (2, 2), "a connection for each client")
            other.reset()
            await eventually("the client's connection ends", lambda: len(server.writers) == 1)
            server.end()
            equal((await end.closes()).code, 1012, "close code")


for transport in ("tcp", "ws"):
    register_transparent(transport)


@check("SIP: a gateway that is told to end closes its clients with 1001")
async def drained(rig) -> None:
    server = await Peer.start("udp")
    file = await front(rig, "drained", server.address, server="graceful-shutdown-timeout-secs 3")
    async with client(file.gateway.port_of("main")) as end:
        await end.send(TEXT, exact(request()))
        (await server.next()).answer(200)
        equal((await sip(end)).status, 200, "before")
        send(file.gateway.child.process, signal.SIGTERM)
        equal((await end.closes()).code, 1001, "close code")
        equal(await file.gateway.end(), 0, "exit code")
    server.end()
