"""HAProxy in front of the gateway: the client's address comes by the PROXY protocol, in both
versions, before HTTP and before TLS; and nobody else's word is taken for it.
"""

import asyncio
import json
import re
import ssl
from dataclasses import dataclass

from websockets.exceptions import InvalidHandshake

from backend import dial
from certificates import certificates
from fetch import Seen, fetch, raw
from gateway import Gateway
from harness import check, equal, eventually, expect
from origin import Origin
from processes import accepts, free_port

# Clients are told apart by their loopback addresses: HAProxy is 127.0.0.1 to the gateway where
# it is listed, 127.0.0.66 where it is not, and whoever asks HAProxy is 127.0.0.9.
CLIENT, LISTED, UNLISTED = "127.0.0.9", "127.0.0.1", "127.0.0.66"

CONFIG = """
listeners {
    listener "plain" {
        address "127.0.0.1:0"; protocol "http"
        proxy-protocol { from "127.0.0.1" }
    }
    listener "tls" {
        address "127.0.0.1:0"; protocol "https"
        proxy-protocol { from "127.0.0.1" }
        tls { cert-file "$folder/localhost.pem"; key-file "$folder/localhost.key" }
    }
    listener "trusting" { address "127.0.0.1:0"; protocol "http"; trusted-proxies "127.0.0.1" }
}
routes { route "all" { upstream "origin" } }
upstreams { upstream "origin" { target "$origin" } }
"""

HAPROXY = """
global
    stats socket {stats} level admin
defaults
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    timeout check 1s
{sections}
"""
SECTION = """
listen {name}
    mode {mode}
    bind 127.0.0.1:{port}
    server gateway 127.0.0.1:{gateway} {options}
"""


@dataclass
class Way:
    """One way through HAProxy to the gateway."""

    name: str
    mode: str
    listener: str
    options: str


WAYS = (
    Way("http-v1", "http", "plain", "send-proxy"),
    Way("http-v2", "http", "plain", "send-proxy-v2"),
    Way("tcp-v1", "tcp", "plain", "send-proxy"),
    Way("tcp-v2", "tcp", "plain", "send-proxy-v2"),
    Way("tls-v1", "tcp", "tls", "send-proxy"),
    Way("tls-v2", "tcp", "tls", "send-proxy-v2"),
    # With what HAProxy can add: CRC32c, a unique id, the name asked for by TLS.
    Way("options", "http", "plain", "send-proxy-v2 proxy-v2-options crc32c,unique-id"),
    Way("checked", "tcp", "plain", "send-proxy-v2 check check-send-proxy inter 200"),
    Way("silent", "http", "plain", ""),
    Way("unlisted-v1", "tcp", "plain", f"send-proxy source {UNLISTED}"),
    Way("unlisted-v2", "tcp", "plain", f"send-proxy-v2 source {UNLISTED}"),
    Way("unlisted-tls", "tcp", "tls", f"send-proxy-v2 source {UNLISTED}"),
    Way("unlisted-silent", "http", "plain", f"source {UNLISTED}"),
    Way("forwarding", "http", "trusting", "\n    option forwardfor"),
)
THROUGH = {
    "http-v1": "in HTTP mode, PROXY v1",
    "http-v2": "in HTTP mode, PROXY v2",
    "tcp-v1": "in TCP mode, PROXY v1",
    "tcp-v2": "in TCP mode, PROXY v2",
    "tls-v1": "in TCP mode, TLS passed through behind PROXY v1",
    "tls-v2": "in TCP mode, TLS passed through behind PROXY v2",
    "options": "PROXY v2 with CRC32c and a unique id",
}


@dataclass
class Stage:
    """HAProxy with a port for each way, and the gateway behind it."""

    ports: dict[str, int]
    gateway: Gateway
    stats: str
    tls: ssl.SSLContext
    authority: str

    def fetching(self, way: str) -> tuple[str, list[str]]:
        """A URL that leads that way, and the options that curl needs for it."""
        if way.startswith("tls"):
            return f"https://localhost:{self.ports[way]}", ["--cacert", self.authority]
        return f"http://127.0.0.1:{self.ports[way]}", []


async def stage(rig) -> Stage:
    """Everything at once: one HAProxy with all ways."""
    made = await rig.shared(certificates)
    origin = await Origin.start(rig, "haproxy")
    values = {"folder": made.folder, "origin": origin.address}
    front = await rig.configured("haproxy", CONFIG, **values)
    ports = {way.name: free_port() for way in WAYS}
    sections = [
        SECTION.format(
            name=way.name,
            mode=way.mode,
            port=ports[way.name],
            gateway=front.port_of(way.listener),
            options=way.options,
        )
        for way in WAYS
    ]
    stats = str(rig.folder / "haproxy.sock")
    config = rig.logs / "haproxy.cfg"
    config.write_text(HAPROXY.format(stats=stats, sections="".join(sections)))
    child = await rig.child(["haproxy", "-db", "-f", str(config)], rig.logs / "haproxy.log")
    await eventually(
        lambda: f"HAProxy listens; it printed: {child.output()}",
        lambda: all(accepts(port) for port in ports.values()),
    )
    return Stage(ports, front, stats, made.trust(), made.path("ca.pem"))


def register_through(way: str, sentence: str) -> None:
    @check(f"HAProxy {sentence}: requests and sessions bear their client's address")
    async def body(rig) -> None:
        on = await rig.shared(stage)
        url, options = on.fetching(way)
        answer = await fetch(f"{url}/{way}", *options, "--interface", CLIENT)
        equal(answer.status, 200, f"status ({answer.error})")
        told = answer.seen()
        equal(told.all("X-Forwarded-For"), [CLIENT], "X-Forwarded-For at the backend")
        scheme = "https" if way.startswith("tls") else "http"
        equal(told.all("X-Forwarded-Proto"), [scheme], "X-Forwarded-Proto")
        record = await on.gateway.record("request", path=f"/{way}")
        equal(record["client"].rpartition(":")[0], CLIENT, "client on record")

        address = url.replace("http", "ws", 1) + f"/who/{way}"
        tls = {"ssl": on.tls} if way.startswith("tls") else {}
        async with dial(address, local_addr=(CLIENT, 0), **tls) as client:
            seen = Seen(**json.loads(await client.recv()))
            equal(seen.all("X-Forwarded-For"), [CLIENT], "X-Forwarded-For of a session")
            await client.send("x" * 100_000)
            equal(len(await client.recv()), 100_000, "characters that came back")
        record = await on.gateway.record("open", path=f"/who/{way}")
        equal(record["client"].rpartition(":")[0], CLIENT, "client of the session on record")


for way, sentence in THROUGH.items():
    register_through(way, sentence)


@check("HAProxy with PROXY v2 keeps connections, and each request has the client of its connection")
async def reuse(rig) -> None:
    on = await rig.shared(stage)
    for number in range(20):
        own = f"127.0.1.{number + 1}"
        url, _ = on.fetching("http-v2")
        answer = await fetch(f"{url}/hello", "--interface", own)
        equal(answer.seen().all("X-Forwarded-For"), [own], "X-Forwarded-For")


@check("HAProxy's own health checks (LOCAL) find the gateway up")
async def checked(rig) -> None:
    on = await rig.shared(stage)
    await eventually("the server's state is UP", lambda: state(on.stats, "checked", "UP"))
    url, _ = on.fetching("checked")
    equal((await fetch(f"{url}/hello")).status, 200, "status")


async def state(stats: str, way: str, wanted: str) -> bool:
    """Whether HAProxy calls the gateway's server so."""
    reader, writer = await asyncio.open_unix_connection(stats)
    writer.write(b"show stat\n")
    text = (await reader.read()).decode()
    writer.close()
    # Where nothing is checked the state is `no check`.
    return bool(re.search(rf"^{way},gateway,.*,{wanted},", text, re.M))


@check("HAProxy is listed and does not speak PROXY: it gets no answer, and the client its 502")
async def silent(rig) -> None:
    on = await rig.shared(stage)
    url, _ = on.fetching("silent")
    answer = await fetch(f"{url}/silent")
    equal(answer.status, 502, "status from HAProxy")
    expect(not arrived(on, "/silent"), "the request was taken")
    # The same without HAProxy: 127.0.0.1 is listed.
    answer = await raw(
        on.gateway.port_of("plain"), "GET /silent HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    )
    equal(answer.status, 0, "status of a request from a listed address without PROXY")


@check("HAProxy speaks PROXY and is not listed: it is refused, and its word is not believed")
async def unlisted(rig) -> None:
    on = await rig.shared(stage)
    for way in ("unlisted-v1", "unlisted-v2"):
        url, _ = on.fetching(way)
        answer = await fetch(f"{url}/{way}", "--interface", CLIENT)
        expect(answer.status in (0, 400), f"{way}: {answer}")
        expect(not arrived(on, f"/{way}"), f"{way}: the request was taken")
        try:
            async with dial(f"ws://127.0.0.1:{on.ports[way]}/{way}"):
                raise AssertionError(f"{way}: there is a session")
        except (InvalidHandshake, OSError, EOFError):
            pass
    answer = await fetch(f"https://localhost:{on.ports['unlisted-tls']}/", "--cacert", on.authority)
    expect(answer.status == 0 and answer.code, f"TLS behind PROXY: {answer}")


@check("HAProxy is not listed and does not speak PROXY: it is a client like any other")
async def unlisted_silent(rig) -> None:
    on = await rig.shared(stage)
    url, _ = on.fetching("unlisted-silent")
    answer = await fetch(f"{url}/hello", "--interface", CLIENT)
    equal(answer.status, 200, "status")
    equal(answer.seen().all("X-Forwarded-For"), [UNLISTED], "X-Forwarded-For at the backend")


BROKEN = (
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1 99999\r\n",
    b"PROXY TCP4 1.2.3.4.5 5.6.7.8 1 2\r\n",
    b"PROXY " + b"x" * 200 + b"\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c" + b"\x01\x02\x03\x04" * 3,
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x04" + b"\x01\x02\x03\x04",
)


@check("a PROXY header that is wrong gets no answer")
async def broken(rig) -> None:
    on = await rig.shared(stage)
    request = b"GET /broken HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    for header in BROKEN:
        answer = await raw(on.gateway.port_of("plain"), header + request)
        equal(answer.status, 0, f"status behind {header!r}")
    expect(not arrived(on, "/broken"), "a request was taken")
    good = b"PROXY TCP6 2001:db8::9 2001:db8::1 4711 80\r\n"
    answer = await raw(on.gateway.port_of("plain"), good + request)
    equal(answer.status, 200, "status behind a good one")
    expect(b"2001:db8::9" in answer.body, f"the client at the backend: {answer.body}")


@check("HAProxy with X-Forwarded-For, from a trusted address: the client is whom it names")
async def forwarding(rig) -> None:
    on = await rig.shared(stage)
    url, _ = on.fetching("forwarding")
    answer = await fetch(f"{url}/forwarding", "--interface", CLIENT)
    chain = ", ".join(answer.seen().all("X-Forwarded-For"))
    equal(chain, f"{CLIENT}, {LISTED}", "X-Forwarded-For at the backend")
    record = await on.gateway.record("request", path="/forwarding")
    equal(record["client"].partition(":")[0], CLIENT, "client on record")


def arrived(on: Stage, path: str) -> bool:
    """Whether a request for this path was taken, whatever its answer."""
    return any(record.get("path") == path for record in on.gateway.records())
