"""SIP by HEP: copies of messages, as Kamailio's sipcapture and hep-js read them, and the events of
connections to a Kamailio, as hep-js does."""

import re

from certificates import certificates
from checks.trace import event_of, names
from harness import check, equal, eventually, expect
from sip.agent import DOMAIN
from sip.capture import Capture
from sip.kamailio import Kamailio
from sip.raw import client, exact, request, sip
from sip.server import Peer
from sip.stage import front, kamailio
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


async def event(capture: Capture, **wanted: object) -> tuple[dict, dict]:
    """The first packet that tells this of a connection to the upstream, and its event."""

    def found() -> list[tuple[dict, dict]]:
        packets = [one for one in capture.decoded() if one["rcinfo"]["payloadType"] == 100]
        pairs = [(one["rcinfo"], event_of(one)) for one in packets]
        return [pair for pair in pairs if wanted.items() <= pair[1].items()]

    told = await eventually(lambda: f"{wanted} is told; there are {capture.decoded()}", found, 10)
    return told[0]


def ends(info: dict) -> tuple:
    """Source and destination."""
    return info["srcIp"], info["srcPort"], info["dstIp"], info["dstPort"]


async def asks(gateway, status: int) -> None:
    """A phone asks the server for its abilities."""
    async with client(gateway.port_of("main")) as end:
        await end.send(TEXT, exact(request("OPTIONS", target=f"sip:{DOMAIN}")))
        equal((await sip(end)).status, status, "status")


@check("SIP events by HEP: hep-js reads a shared wss connection to Kamailio, and its end")
async def link(rig) -> None:
    server = await Kamailio.start(rig, "kamailio-traced")
    capture = await Capture.start(rig, "sip-trace-link")
    folder = (await rig.shared(certificates)).folder
    pair = f'client-cert "{folder}/alice.pem"; client-key "{folder}/alice.key"'
    file = await front(
        rig,
        "trace-link",
        f"wss://127.0.0.1:{server.tls_port}",
        more=TRACE.replace("$port", str(capture.port)).replace("$more", "sip-messages false"),
        upstream='trace "homer"; path "/traced?token=s3cret"; origin "https://gw.example.test"',
        trusts=f'tls {{ ca-file "{folder}/ca.pem"; sni "localhost"; {pair} }}',
        workers=1,
    )
    await asks(file.gateway, 200)
    handshake = await server.sees("handshake", "/traced")
    port = int(re.search(r"from tls:127\.0\.0\.1:(\d+)", handshake)[1])
    info, told = await event(capture, Event="CONNECTED", Status="SUCCESS")
    own = ("127.0.0.1", port, "127.0.0.1", server.tls_port)
    equal(ends(info), own, "who and whom, as Kamailio saw it")
    fields = told["Protocol"], told["Upstream"], told["Route"], told["TLS-Server-Name"]
    equal(fields, ("WSS", "server", "sip", "localhost"), "fields")
    for whose, name in (("server", "localhost"), ("client", "alice")):
        shown = told[f"{whose}-subject"], told[f"{whose}-issuer"]
        equal(shown, await names(rig, name), f"certificate of the {whose}")
    lines = told["Ws-Request"].split("\r\n")
    equal(lines[0], "GET /traced?token=*** HTTP/1.1", "request")
    expect("Origin: https://gw.example.test" in lines, f"lines: {lines}")
    expect(told["Ws-Reply"].startswith("HTTP/1.1 101 "), f"reply: {told['Ws-Reply']}")
    await server.kill()
    closed, end = await event(capture, Event="CLOSED")
    same = info["correlation_id"], own
    equal((closed["correlation_id"], ends(closed)), same, "correlation and ends")
    expect(end["Reason"] in ("fin", "reset") and end["By"] == "upstream", f"end: {end}")
    info, told = await event(capture, Event="CONNECTED", Status="FAILURE")
    equal(told["Reason"], "upstream_unreachable", "reason")
    equal(ends(info), ("0.0.0.0", 0, "127.0.0.1", server.tls_port), "who and whom")
    expect(all("s3cret" not in one["payload"] for one in capture.decoded()), "a token is told")


@check("SIP events by HEP: a certificate of Kamailio's that is not trusted is told")
async def untrusted(rig) -> None:
    server = await rig.shared(kamailio)
    capture = await Capture.start(rig, "sip-trace-untrusted")
    file = await front(
        rig,
        "trace-untrusted",
        f"wss://127.0.0.1:{server.tls_port}",
        more=TRACE.replace("$port", str(capture.port)).replace("$more", "sip-messages false"),
        upstream='trace "homer"',
        trusts="",
        workers=1,
    )
    await asks(file.gateway, 503)
    info, told = await event(capture, Event="CONNECTED", Status="FAILURE")
    equal((told["Protocol"], told["Reason"]), ("WSS", "upstream_tls"), "event")
    shown = told["server-subject"], told["server-issuer"]
    equal(shown, await names(rig, "localhost"), "certificate of the server")
    expect("certificate" in told["Message"], f"message: {told['Message']}")
    expect(info["srcPort"] != 0 and info["dstPort"] == server.tls_port, f"addresses: {info}")
    expect("Ws-Request" not in told, f"nobody was asked: {told}")
