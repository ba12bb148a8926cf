"""Events of connections by HEP: hep-js, the library of Homer's makers, decodes every packet."""

import json
import ssl
from pathlib import Path

from cryptography import x509
from websockets.exceptions import InvalidStatus

from backend import dial
from certificates import certificates, trust
from gateway import Gateway
from harness import check, equal, eventually, expect
from origin import said
from processes import free_port, output_of

CONFIG = """
listeners {
    listener "wss" {
        address "127.0.0.1:0"; protocol "https"; trace "homer"
        tls {
            cert-file "$folder/localhost.pem"; key-file "$folder/localhost.key"
            ca-file "$folder/ca.pem"; client-auth "request"
        }
    }
    listener "ws" { address "127.0.0.1:0"; trace "homer" }
}
routes {
    route "echo" { matches { path-prefix "/echo" }; upstream "echo"; websocket { trace "homer" } }
}
upstreams { upstream "echo" { target "ws://127.0.0.1:$echo" } }
traces {
    trace "homer" {
        address "127.0.0.1:$port"; transport "$transport"
        capture-id 2001; auth-key "open-sesame"; node-name "gw1"; $more
    }
}
admin { address "$admin" }
"""


class Traced:
    """A gateway, and what hep-js has decoded of its packets."""

    def __init__(self, rig, gateway: Gateway, node, admin: str) -> None:
        self.rig = rig
        self.gateway = gateway
        self.admin = admin
        self._node = node

    @classmethod
    async def run(cls, rig, name: str, transport: str, more: str = "") -> "Traced":
        """Starts both."""
        log = rig.logs / f"trace-{name}-hep-js.log"
        node = await rig.child(["node", rig.peer("hep.js"), transport], log)
        admin = f"127.0.0.1:{free_port()}"
        values = {
            "folder": (await rig.shared(certificates)).folder,
            "echo": rig.node_port,
            "port": int(await said(node, "listening ")),
            "transport": transport,
            "more": more,
            "admin": admin,
        }
        return cls(rig, await rig.configured(f"trace-{name}", CONFIG, **values), node, admin)

    def packets(self) -> list[dict]:
        """All that was decoded."""
        found = [json.loads(line) for line in self._node.output().split("\n")[1:-1]]
        expect(all("undecoded" not in one for one in found), f"undecoded packets in {found}")
        return found

    async def until(self, count: int) -> list[dict]:
        """The same once there are this many; more are a mistake."""
        found = await eventually(
            lambda: f"{count} packets; there are {self.packets()}",
            lambda: self.packets() if len(self.packets()) >= count else [],
        )
        equal(len(found), count, "packets")
        return found

    async def ctl(self, *command: str) -> str:
        """What `framegate ctl` prints."""
        argv = [str(self.rig.binary), "ctl", "--admin", self.admin, *command]
        status, out, error = await output_of(argv)
        equal(status, 0, f"status of {command}: {error}")
        return out

    def url(self, path: str, listener: str = "wss") -> str:
        """An address under the name that the certificate is for."""
        scheme = "wss" if listener == "wss" else "ws"
        return f"{scheme}://localhost:{self.gateway.port_of(listener)}{path}"


async def names(rig, name: str) -> tuple[str, str]:
    """Whom a certificate names, and who has signed it."""
    pem = Path((await rig.shared(certificates)).path(f"{name}.pem")).read_bytes()
    certificate = x509.load_pem_x509_certificate(pem)
    return certificate.subject.rfc4514_string(), certificate.issuer.rfc4514_string()


def event_of(packet: dict) -> dict:
    """What a packet tells. A key that stands twice is a mistake."""

    def once(pairs: list) -> dict:
        keys = [key for key, _ in pairs]
        equal(len(keys), len(set(keys)), f"distinct keys of {keys}")
        return dict(pairs)

    return json.loads(packet["payload"], object_pairs_hook=once)


def one(packets: list[dict], **wanted: object) -> tuple[dict, dict]:
    """The packet that tells this, and its event."""
    for packet in packets:
        event = event_of(packet)
        if wanted.items() <= event.items():
            return packet["rcinfo"], event
    raise AssertionError(f"{wanted} in {[event_of(packet) for packet in packets]}")


def register(transport: str) -> None:
    @check(f"Trace by HEP, {transport}: hep-js decodes all that a session over TLS tells")
    async def session(rig) -> None:
        traced = await Traced.run(rig, transport, transport)
        context = await trust(rig, "alice")
        async with dial(traced.url("/echo?token=s3cret"), ssl=context) as client:
            own = client.transport.get_extra_info("sockname")[:2]
            await client.send("Grüße 👋")
            equal(await client.recv(), "Grüße 👋", "echo")
            opened = await traced.until(2)
        packets = await traced.until(4)
        here = ("127.0.0.1", traced.gateway.port_of("wss"))
        for packet in packets:
            info = packet["rcinfo"]
            fields = (info["captureId"], info["capturePass"], info["payloadType"], info["protocol"])
            equal(tuple(map(str, fields)), ("2001", "open-sesame", "100", "6"), "fields")
            expect("s3cret" not in packet["payload"], f"a token in {packet['payload']}")
            expect("BEGIN" not in packet["payload"], f"a key in {packet['payload']}")

        info, event = one(opened, Event="ACCEPTED")
        equal((info["srcIp"], info["srcPort"]), own, "source")
        equal((info["dstIp"], info["dstPort"]), here, "destination")
        told = event["Protocol"], event["Status"], event["Route"]
        equal(told, ("WSS", "SUCCESS", "echo"), "event")
        equal(event["TLS-Version"], "TLSv1.3", "version")
        for whose, name in (("server", "localhost"), ("client", "alice")):
            told = event[f"{whose}-subject"], event[f"{whose}-issuer"]
            equal(told, await names(rig, name), f"certificate of the {whose}")
        first = event["Ws-Request"].split("\r\n")[0], event["Ws-Reply"].split("\r\n")[0]
        lines = ("GET /echo?token=*** HTTP/1.1", "HTTP/1.1 101 Switching Protocols")
        equal(first, lines, "first lines")
        same = info["correlation_id"]
        closed = [packet for packet in packets if packet["rcinfo"]["correlation_id"] == same]
        _, end = one(closed, Event="CLOSED")
        told = end["Reason"], end["Close-Code-Received"], end["Messages-Received"]
        equal(told, ("close", 1000, 1), "end")

        info, event = one(opened, Event="CONNECTED")
        there = ("127.0.0.1", rig.node_port)
        equal((info["dstIp"], info["dstPort"]), there, "the upstream's address")
        equal((event["Protocol"], event["Upstream"]), ("WS", "echo"), "event")


for transport in ("udp", "tcp"):
    register(transport)


@check("Trace by HEP: a refused handshake and one that fails in TLS are told of with their cause")
async def failures(rig) -> None:
    traced = await Traced.run(rig, "failures", "udp")
    try:
        async with dial(traced.url("/nowhere", "ws")):
            raise AssertionError("there is no such route")
    except InvalidStatus:
        pass
    found = await traced.until(2)
    _, event = one(found, Event="ACCEPTED", Status="FAILURE")
    equal((event["Http-Status"], event["Reason"]), (404, "no_route"), "refused")
    expect(event["Ws-Reply"].startswith("HTTP/1.1 404 "), f"reply: {event}")
    one(found, Event="CLOSED", Reason="refused")
    try:
        async with dial(traced.url("/echo"), ssl=ssl.create_default_context()):
            raise AssertionError("nobody vouches for that certificate")
    except ssl.SSLError:
        pass
    found = (await traced.until(4))[2:]
    _, event = one(found, Event="ACCEPTED", Status="FAILURE", Protocol="WSS")
    equal(event["Reason"], "tls_handshake", "reason")


@check("Trace by HEP: `framegate ctl wss_trace` acts on a connection that is open")
async def switch(rig) -> None:
    traced = await Traced.run(rig, "switch", "udp", "enabled false")
    expect("off" in await traced.ctl("wss_trace"), "it begins switched off")
    async with dial(traced.url("/echo"), ssl=await trust(rig)) as client:
        await traced.ctl("wss_trace", "on")
        await client.send("x")
        await client.recv()
    found = await traced.until(1)
    _, event = one(found, Event="CLOSED", Protocol="WSS")
    equal(event["Close-Code-Received"], 1000, "code")


@check("Trace by HEP: delimited values for Homer 5 stand in OpenSIPS' order")
async def homer5(rig) -> None:
    traced = await Traced.run(rig, "homer5", "udp", 'form "homer5"; protocol-type 89')
    async with dial(traced.url("/echo", "ws")):
        pass
    found = await traced.until(4)
    equal({packet["rcinfo"]["payloadType"] for packet in found}, {89}, "types")
    texts = sorted(packet["payload"] for packet in found)
    expect(texts[0].startswith("WS:ACCEPTED:GET /echo HTTP/1.1\r\n"), f"texts: {texts}")
    expect(texts[0].endswith(":Connection accepted..."), f"texts: {texts}")
    expect(":SUCCESS:HTTP/1.1 101 Switching Protocols\r\n" in texts[0], f"texts: {texts}")
    equal(texts[1:3], ["WS:CLOSED:SUCCESS:close by client"] * 2, "ends")
    expect(texts[3].startswith("WS:CONNECTED:GET /echo HTTP/1.1\r\n"), f"texts: {texts}")
