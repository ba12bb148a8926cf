"""Copies of SIP messages by HEP: what Kamailio's sipcapture and hep-js read of them."""

from harness import check, equal, eventually, expect
from sip.capture import Capture
from sip.raw import client, exact, request, sip
from sip.server import Peer
from sip.stage import front
from wire import TEXT

TRACE = """
traces {
    trace "homer" {
        address "127.0.0.1:$port"; capture-id 2001; auth-key "open-sesame"; $more
    }
}
"""


async def stage(rig, name: str, transport: str, more: str = "") -> tuple[object, Peer, Capture]:
    """A gateway that tells of its SIP, the server behind it and both receivers."""
    capture = await Capture.start(rig, f"sip-trace-{name}")
    server = await Peer.start(transport)
    trace = TRACE.replace("$port", str(capture.port)).replace("$more", more)
    both = dict.fromkeys(("websocket", "upstream"), 'trace "homer"')
    file = await front(rig, f"trace-{name}", server.address, more=trace, workers=1, **both)
    return file.gateway, server, capture


def register(transport: str) -> None:
    @check(
        f"SIP copies by HEP, {transport}: sipcapture and hep-js agree on every field of all four"
    )
    async def copies(rig) -> None:
        gateway, server, capture = await stage(rig, transport, transport)
        port = gateway.port_of("main")
        async with client(port) as end:
            local = "{}:{}".format(*end.writer.get_extra_info("sockname")[:2])
            sent = request(body="Grüße 👋".encode())
            await end.send(TEXT, exact(sent))
            came = await server.next()
            came.answer(200)
            answer = await sip(end)
            copies = await capture.messages(4)
            await eventually(
                "sipcapture has read them, too",
                lambda: len(capture.of_sipcapture()) >= len(capture.packets),
                10,
            )
            by_hep_js, by_sipcapture = capture.of_hep_js(), capture.of_sipcapture()
            equal(by_sipcapture, by_hep_js, "what both read")
            for fields in by_hep_js:
                equal((fields["agent"], fields["key"]), ("2001", "open-sesame"), "agent and key")
            legs = [(one["rcinfo"]["srcPort"], one["rcinfo"]["dstPort"]) for one in copies]
            client_port, upstream_port = int(local.rpartition(":")[2]), came.source[1]
            equal(
                sorted(legs),
                sorted(
                    [
                        (client_port, port),
                        (upstream_port, server.port),
                        (server.port, upstream_port),
                        (port, client_port),
                    ]
                ),
                "source and destination ports",
            )
            protocol = {"udp": 17, "tcp": 6, "ws": 6}[transport]
            for one in copies:
                info = one["rcinfo"]
                equal(info["correlation_id"], sent.get("call-id"), "correlation")
                upstream = server.port in (info["srcPort"], info["dstPort"])
                equal(info["protocol"], protocol if upstream else 6, f"protocol of {info}")
            texts = {
                (one["rcinfo"]["srcPort"], one["rcinfo"]["dstPort"]): one["payload"]
                for one in copies
            }
            equal(texts[client_port, port], exact(sent).decode(), "copy of what the client sent")
            equal(
                texts[upstream_port, server.port], came.raw.decode(), "copy of what the server got"
            )
            equal(texts[port, client_port].split("\r\n")[0], answer.first, "copy of the answer")
        server.end()


for transport in ("udp", "tcp", "ws"):
    register(transport)


@check("SIP copies by HEP: none with sip-messages false, while events still come")
async def off(rig) -> None:
    gateway, server, capture = await stage(rig, "off", "udp", "sip-messages false")
    async with client(gateway.port_of("main")) as end:
        await end.send(TEXT, exact(request()))
        (await server.next()).answer(200)
        equal((await sip(end)).status, 200, "status")
    await eventually("an event comes", capture.decoded)
    types = {one["rcinfo"]["payloadType"] for one in capture.decoded()}
    expect(1 not in types, f"types of packets: {types}")
    server.end()


@check("SIP copies by HEP: what the gateway answers itself is copied, too, and what it refuses")
async def own(rig) -> None:
    gateway, server, capture = await stage(rig, "own", "udp")
    async with client(gateway.port_of("main")) as end:
        refused = request(Max_Forwards="0")
        await end.send(TEXT, exact(refused))
        equal((await sip(end)).status, 483, "status")
        copies = await capture.messages(2)
        starts = [one["payload"].split("\r\n")[0] for one in copies]
        equal(starts, [refused.first, "SIP/2.0 483 Too Many Hops"], "start lines")
    server.end()
