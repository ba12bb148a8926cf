"""The gateway as the client of a SIP server that speaks WebSocket: user agents come over udp, tcp
and tls."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from certificates import certificates
from harness import check, equal, eventually, expect
from sip.agent import DOMAIN, agent
from sip.message import Message, parameter
from sip.raw import exact, request
from sip.server import Peer
from sip.sipp import Sipp, answers
from sip.stage import front, kamailio, user
from wire import header_of

IN = """
    listener "in" { address "127.0.0.1:0"; protocol "sip-udp"; upstream "server"; $in }
    listener "in-tcp" { address "127.0.0.1:0"; protocol "sip-tcp"; upstream "server"; $in }
"""


async def behind(rig, name: str, target: str, more: str = "", **values: object):
    """A gateway that takes SIP over udp and tcp."""
    return await front(rig, name, target, listeners=IN.replace("$in", more), **values)


def register(transport: str) -> None:
    @check(
        f"SIP, reverse: {transport}: sipp registers, calls, and is called",
        60,
    )
    async def calls(rig) -> None:
        server = await rig.shared(kamailio)
        secure = transport == "wss"
        port = server.tls_port if secure else server.port
        file = await behind(rig, f"reverse-{transport}", f"{transport}://127.0.0.1:{port}")
        gateway = file.gateway
        async with agent(f"ws://127.0.0.1:{server.port}/", user("alice")) as alice:
            await alice.registered()
            for listener, kind in (("in", "udp"), ("in-tcp", "tcp")):
                remote = gateway.port_of(listener)
                calls = ["-s", alice.user, "-m", "2", "-l", "1"]
                caller = await Sipp.start(rig, "uac", *calls, remote=remote, transport=kind)
                for _ in range(2):
                    dialog, _ = await alice.called()
                    await dialog.next("ACK")
                    await dialog.next("BYE")
                await caller.succeeds()
            desk = user("desk")
            phone = await Sipp.start(
                rig, "register", "-s", desk, "-m", "1", remote=gateway.port_of("in")
            )
            await phone.succeeds()
            await server.sees("REGISTER", f"user {desk} ", f"from {transport}:", "path 1")
            await answers(rig, alice, lambda _: f"sip:{desk}@{DOMAIN}", port=phone.port)
            alice.check()


for transport in ("ws", "wss"):
    register(transport)


class Datagrams:
    """A user agent of datagrams."""

    def __init__(self, port: int) -> None:
        self._gateway = ("127.0.0.1", port)
        self._socket = socket.socket(type=socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.port = self._socket.getsockname()[1]

    def request(self, method: str = "MESSAGE", **headers: str) -> Message:
        """A request of this agent's."""
        via = f"SIP/2.0/UDP 127.0.0.1:{self.port};rport;branch=z9hG4bK{self.port}{method}"
        return request(method, **({"Via": via} | headers))

    def send(self, data: bytes) -> None:
        """Sends a datagram to the gateway."""
        self._socket.sendto(data, self._gateway)

    async def next(self, within: float = 10) -> Message:
        """The next message that comes."""
        loop = asyncio.get_running_loop()
        return Message.parse(await asyncio.wait_for(loop.sock_recv(self._socket, 65_536), within))

    async def nothing(self) -> bool:
        """Whether nothing is there to be read."""
        try:
            self._socket.recv(65_536)
        except BlockingIOError:
            return True
        return False

    def close(self) -> None:
        """Gives the socket back."""
        self._socket.close()


@asynccontextmanager
async def datagrams(port: int) -> AsyncIterator[Datagrams]:
    """A user agent of datagrams that ends with the block."""
    one = Datagrams(port)
    try:
        yield one
    finally:
        one.close()


@check("SIP, reverse: all sources share one connection, made with the upstream's path and origin")
async def shared(rig) -> None:
    server = await Peer.start("ws")
    settings = 'path "/ws"; origin "https://gw.example.test"'
    file = await behind(rig, "shared", server.address, upstream=settings, workers=1)
    port = file.gateway.port_of("in")
    async with datagrams(port) as first, datagrams(port) as second, datagrams(port) as third:
        for one in (first, second, third, first):
            one.send(exact(one.request()))
            came = await server.next()
            own, theirs = came.message.all("via")
            expect(own.startswith("SIP/2.0/WS "), f"Via {own}")
            equal(parameter(theirs, "rport"), str(one.port), f"rport of {theirs}")
            came.answer(200)
            answer = await one.next()
            equal((answer.status, len(answer.all("via"))), (200, 1), "status and Vias")
        equal(server.connections, 1, "connections")
        (head,) = server.handshakes
        equal(head.split(" ")[1], "/ws", "path")
        equal(header_of(head, "origin"), "https://gw.example.test", "Origin")
        equal(header_of(head, "sec-websocket-protocol"), "sip", "subprotocol")
        equal(header_of(head, "sec-websocket-extensions"), "", "extensions")
    server.end()


@check(
    "SIP, reverse: a server's request comes to the source that registered, and its answer goes back"
)
async def asked(rig) -> None:
    server = await Peer.start("ws")
    file = await behind(rig, "asked", server.address)
    port = file.gateway.port_of("in")
    async with datagrams(port) as desk, datagrams(port) as other:
        for one in (other, desk):
            contact = f"<sip:desk@127.0.0.1:{one.port}>"
            one.send(exact(one.request("REGISTER", Contact=contact)))
            came = await server.next()
            path = came.message.get("path")
            came.answer(200)
            equal((await one.next()).status, 200, "answer to REGISTER")
        via = "SIP/2.0/WS server.invalid;branch=z9hG4bKdown"
        ask = request("OPTIONS", target=f"sip:desk@127.0.0.1:{desk.port}", Via=via, Route=path)
        came.write(exact(ask))
        asked = await desk.next()
        equal((asked.method, asked.target), ("OPTIONS", ask.target), "what comes")
        equal((asked.all("route"), len(asked.all("via"))), ([], 2), "Routes and Vias")
        desk.send(asked.reply(200, "OK", "desk").bytes())
        answer = await server.next()
        (back,) = answer.message.all("via")
        expect(back.startswith(via), f"{via} comes back: {back}")
        equal(answer.message.status, 200, "answer")
        expect(await other.nothing(), "nothing comes to the other source")
    server.end()


@check("SIP, reverse: sources that are no peers of the listener are not heard")
async def strangers(rig) -> None:
    server = await Peer.start("ws")
    file = await behind(rig, "strangers", server.address, 'peers "10.0.0.0/8"')
    gateway = file.gateway
    async with datagrams(gateway.port_of("in")) as one:
        one.send(exact(one.request()))
        page = await eventually("the refusal is counted", lambda: refusals(gateway), 10)
        expect(page > 0, "counted")
        expect(await one.nothing(), "nothing is answered")
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port_of("in-tcp"))
    equal(await asyncio.wait_for(reader.read(), 10), b"", "what comes over TCP before its end")
    writer.close()
    equal(server.connections, 0, "connections to the server")
    server.end()


async def refusals(gateway) -> float:
    """Datagrams of strangers, by the metrics page."""
    page = await gateway.metrics()
    return page.sum("framegate_sip_dropped_total", reason="peer_not_allowed")


@check(
    "SIP, reverse: one connection is used for two upstreams only where TLS settings are the same"
)
async def identity(rig) -> None:
    server = await rig.shared(kamailio)
    folder = (await rig.shared(certificates)).folder
    target = f"wss://127.0.0.1:{server.tls_port}"
    pair = f'client-cert "{folder}/alice.pem"; client-key "{folder}/alice.key"'
    for strict, expected in (("true", 2), ("false", 1)):
        path = f"/identity/{strict}"
        reuse = f'path "{path}"; cert-check-on-reuse {strict}'
        other = f"""upstream "other" {{
            targets {{ target {{ address "{target}" }} }}
            tls {{ ca-file "{folder}/ca.pem"; sni "localhost"; {pair} }}
            {reuse}
        }}"""
        more = 'listener "in-other" { address "127.0.0.1:0"; protocol "sip-udp"; upstream "other" }'
        file = await front(
            rig,
            f"identity-{strict}",
            target,
            listeners=IN.replace("$in", "") + more,
            upstream=reuse,
            more=f"upstreams {{ {other} }}",
            workers=1,
        )
        for listener in ("in", "in-other"):
            async with datagrams(file.gateway.port_of(listener)) as one:
                one.send(exact(one.request("OPTIONS", target=f"sip:{DOMAIN}")))
                equal((await one.next()).status, 200, f"answer through {listener}")
        equal(len(server.seen("handshake", path)), expected, f"connections, {reuse}")
