"""SIP over IPv6 and, in reverse, over TLS, with Kamailio, sipp and a user agent; and copies by HEP
over TCP and TLS."""

from certificates import certificates
from harness import check, equal, eventually, expect
from sip.agent import DOMAIN, agent
from sip.capture import Collector
from sip.kamailio import Kamailio, free_sip_port, listens
from sip.kamailio import PROGRAM as KAMAILIO
from sip.raw import client, exact, request, sip
from sip.server import Peer
from sip.sipp import SCENARIOS, Sipp, answers
from sip.stage import front, kamailio, user
from wire import TEXT

SIX = "[::1]"
FRONT = 'listener "six" { address "[::1]:0" }\n'


async def kamailio6(rig) -> Kamailio:
    """A Kamailio on IPv6; to be asked for by `rig.shared`."""
    return await Kamailio.start(rig, "kamailio6", SIX)


def six(transport: str) -> None:
    other = "tcp" if transport in ("tcp", "ws") else "udp"

    @check(f"SIP over IPv6, edge, {transport}: sipp over {other} and an agent call each other", 60)
    async def body(rig) -> None:
        server = await rig.shared(kamailio6)
        port = server.tls_port if transport in ("tls", "wss") else server.port
        back = 0 if transport in ("udp", "tcp", "tls") else None
        target = f"{transport}://{SIX}:{port}"
        place = {"back": back, "host": SIX, "listeners": FRONT}
        file = await front(rig, f"six-{transport}", target, **place)
        url = f"ws://{file.gateway.address('six')}/sip"
        async with agent(url, user("alice")) as alice:
            await alice.registered()
            source = f"{transport}:::1:" if back == 0 else ""
            await server.sees("REGISTER", f"user {alice.user} ", "path 1", source)
            calls = ["-s", alice.user, "-m", "2", "-l", "1"]
            caller = await Sipp.start(
                rig, "uac", *calls, remote=server.port, transport=other, host=SIX
            )
            for _ in range(2):
                dialog, _ = await alice.called()
                await dialog.next("ACK")
                await dialog.next("BYE")
            await caller.succeeds()
            there = f"sip:uas@{SIX}:%s;transport={other}"
            await answers(rig, alice, lambda sipp: there % sipp.port, transport=other, host=SIX)
            alice.check()


for transport in ("udp", "tcp", "tls", "ws", "wss"):
    six(transport)

IN = """
    listener "in" { address "[::1]:0"; protocol "sip-udp"; upstream "server" }
    listener "in-tcp" { address "[::1]:0"; protocol "sip-tcp"; upstream "server" }
"""


@check("SIP over IPv6, reverse: sipp over udp and tcp registers, calls, and is called", 60)
async def reverse(rig) -> None:
    server = await rig.shared(kamailio6)
    file = await front(rig, "six-reverse", f"ws://{SIX}:{server.port}", listeners=IN)
    gateway = file.gateway
    async with agent(f"ws://{SIX}:{server.port}/", user("alice")) as alice:
        await alice.registered()
        for listener, kind in (("in", "udp"), ("in-tcp", "tcp")):
            calls = ["-s", alice.user, "-m", "2", "-l", "1"]
            remote = gateway.port_of(listener)
            caller = await Sipp.start(rig, "uac", *calls, remote=remote, transport=kind, host=SIX)
            for _ in range(2):
                dialog, _ = await alice.called()
                await dialog.next("ACK")
                await dialog.next("BYE")
            await caller.succeeds()
        desk = user("desk")
        phone = await Sipp.start(
            rig, "register", "-s", desk, "-m", "1", remote=gateway.port_of("in"), host=SIX
        )
        await phone.succeeds()
        await answers(rig, alice, lambda _: f"sip:{desk}@{DOMAIN}", port=phone.port, host=SIX)
        alice.check()


async def relay(rig, name: str, host: str, target: str) -> int:
    """A Kamailio that sends all calls to a target; its port."""
    port, secure = free_sip_port(), free_sip_port()
    folder = rig.folder / f"{name}-{port}"
    folder.mkdir()
    chain, key = (await rig.shared(certificates)).pair("localhost")
    child = await rig.child(
        [KAMAILIO, "-DD", "-E", "-f", str(SCENARIOS.with_name("relay.cfg")), "-w", str(folder)]
        + ["-Y", str(folder), "-A", f'NEXT="{target}"', "-A", f'CERT_FILE="{chain}"']
        + ["-A", f'KEY_FILE="{key}"', "-l", f"udp:{host}:{port}", "-l", f"tls:{host}:{secure}"],
        rig.logs / f"{name}.log",
    )
    await eventually(
        lambda: f"the relay listens; it printed {child.output()}",
        lambda: child.died() or listens(port, "udp", host),
        10,
    )
    return port


def reverse_tls(host: str, transport: str) -> None:
    @check(
        f"SIP, reverse: Kamailio sends sipp's calls over TLS to {host}, the gateway by {transport}",
        60,
    )
    async def body(rig) -> None:
        server = await rig.shared(kamailio)
        folder = (await rig.shared(certificates)).folder
        pair = f'tls {{ cert-file "{folder}/localhost.pem"; key-file "{folder}/localhost.key" }}'
        port = server.tls_port if transport == "wss" else server.port
        name = f"reverse-tls-{transport}-{'six' if host == SIX else 'four'}"
        where = f'address "{host}:0"; protocol "sip-tls"; upstream "server"'
        listener = f'listener "in-tls" {{ {where}; {pair} }}'
        file = await front(rig, name, f"{transport}://127.0.0.1:{port}", listeners=listener)
        target = f"sip:{file.gateway.address('in-tls')};transport=tls"
        remote = await relay(rig, f"{name}-relay", host, target)
        async with agent(f"ws://127.0.0.1:{server.port}/", user("alice")) as alice:
            await alice.registered()
            calls = ["-s", alice.user, "-m", "3", "-l", "1"]
            caller = await Sipp.start(rig, "uac", *calls, remote=remote, host=host)
            for _ in range(3):
                dialog, invite = await alice.called()
                vias = invite.all("via")
                expect(any(via.startswith("SIP/2.0/TLS ") for via in vias), f"TLS in {vias}")
                await dialog.next("ACK")
                await dialog.next("BYE")
            await caller.succeeds()
            alice.check()
        page = await file.gateway.metrics()
        equal(page.sum("framegate_sip_connections_active"), 1, "connections of the relay")


for host, transport in (("127.0.0.1", "wss"), (SIX, "ws")):
    reverse_tls(host, transport)

TRACE = """
traces {
    trace "homer" {
        address "$address"; transport "$transport"; capture-id 2001; auth-key "open-sesame"; $more
    }
}
"""


def hep(transport: str, host: str) -> None:
    @check(f"SIP copies by HEP over {transport} to {host}: sipcapture reads every field")
    async def body(rig) -> None:
        made = await rig.shared(certificates)
        name = f"sip-hep-{transport}-{'six' if host == SIX else 'four'}"
        collector = await Collector.start(rig, name, transport, host, made.pair("localhost"))
        server = await Peer.start("udp")
        trust = f'tls {{ ca-file "{made.path("ca.pem")}"; sni "localhost" }}'
        trace = TRACE.replace("$address", collector.address).replace("$transport", transport)
        trace = trace.replace("$more", trust if transport == "tls" else "")
        both = dict.fromkeys(("websocket", "upstream"), 'trace "homer"')
        file = await front(rig, name, server.address, more=trace, workers=1, **both)
        async with client(file.gateway.port_of("main")) as end:
            sent = request(body="Grüße 👋".encode())
            await end.send(TEXT, exact(sent))
            came = await server.next()
            came.answer(200)
            equal((await sip(end)).status, 200, "status")
            copies = await eventually(
                lambda: f"four copies; it printed {collector.output()[-2000:]}",
                lambda: found if len(found := collector.copies()) >= 4 else [],
                10,
            )
        equal(len(copies), 4, "copies")
        for fields in copies:
            equal((fields["agent"], fields["key"]), ("2001", "open-sesame"), "agent and key")
            equal(fields["correlation"], sent.get("call-id"), "correlation")
        server.end()


for transport, host in (("udp", SIX), ("tcp", "127.0.0.1"), ("tls", "127.0.0.1"), ("tls", SIX)):
    hep(transport, host)
