"""Who is let in: limits of connections and of their rate under thousands of clients, how they are
told, and the pages that a browser may come from."""

import asyncio
import ipaddress
import random
import time
from collections import Counter
from contextlib import suppress

from fetch import fetch
from checks.curl import upgrade
from gateway import Gateway
from harness import check, equal, eventually, expect
from wire import CLOSE, PONG, TEXT, End, Scene, Server, dial, echo, session

CONFIG = """
server { worker-threads 3; $server }
listeners { listener "main" { address "127.0.0.1:0"; $listener } }
routes {
    route "all" { upstream "backend"; websocket { $websocket } }
    route "free" { matches { path-prefix "/free" }; upstream "backend" }
}
upstreams { upstream "backend" { targets { target { address "$backend" } } } }
"""

CLIENTS = 2_000


async def stage(rig, name: str, **settings: str) -> tuple[Gateway, Server]:
    """A gateway with several workers and settings for `server`, the listener or the route."""
    server = await Server().start()
    server.scenes["/greet"] = Scene(greet)
    values = {"server": "", "listener": "", "websocket": ""} | settings
    gateway = await rig.configured(name, CONFIG, backend=server.address, **values)
    return gateway, server


async def greet(end: End) -> None:
    """Says a word, so that a client knows that it is through."""
    await end.send(TEXT, b"welcome")
    await echo(end)


async def enter(gateway: Gateway, source: str = "", path: str = "/greet") -> End | None:
    """A session, or nothing where the gateway closed it with 1013."""
    end = await dial(gateway.port, path, source=source)
    equal(end.head.status, 101, "status")
    frame = await end.frame(15)
    if frame and frame.payload == b"welcome":
        return end
    expect(frame, "the connection ended without a word")
    equal((frame.opcode, frame.code, frame.reason), (CLOSE, 1013, "Try Again Later"), "refusal")
    with suppress(ConnectionError):
        await end.send(CLOSE, frame.payload)
    expect(await end.ended(), "something came behind the Close")
    await end.end()
    return None


async def all_at_once(gateway: Gateway, sources: list[str]) -> list[tuple[str, End]]:
    """Who gets in of clients from these addresses, who come at once."""
    entered = await asyncio.gather(*(enter(gateway, source) for source in sources))
    return [(source, end) for source, end in zip(sources, entered) if end]


async def idle(gateway: Gateway) -> None:
    """Waits until the gateway counts no session."""

    async def none() -> bool:
        return (await gateway.metrics()).sum("framegate_connections_active") == 0

    await eventually("no session is counted", none)


async def go(end: End) -> None:
    """Leaves in one of three ways."""
    with suppress(ConnectionError):
        await random.choice((End.leave, End.end, reset))(end)


async def reset(end: End) -> None:
    end.reset()


@check("limits: of 2,000 clients at once exactly max-connections get in, again and again", 60)
async def exact(rig) -> None:
    for place in ("server", "listener", "websocket"):
        gateway, server = await stage(rig, f"exact-{place}", **{place: "max-connections 300"})
        clients = CLIENTS if place == "server" else 500
        for _ in range(2):
            inside = await all_at_once(gateway, [""] * clients)
            equal(len(inside), 300, f"clients that got in, with the limit in {place}")
            equal(server.active, 300, "sessions at the backend")
            await asyncio.gather(*(go(end) for _, end in inside))
            await idle(gateway)
        await gateway.end()


@check("limits: clients that come and go in all ways are never above, and nothing leaks", 60)
async def never_above(rig) -> None:
    gateway, _ = await stage(rig, "churn", websocket="max-connections 50")
    inside = most = refused = admitted = 0

    async def client(number: int) -> None:
        nonlocal inside, most, refused, admitted
        for _ in range(8):
            # A client that is gone before its answer must leave no trace either.
            if number % 10 == 0:
                _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
                writer.close()
            end = await enter(gateway)
            if not end:
                refused += 1
                await asyncio.sleep(random.uniform(0, 0.05))
                continue
            # A client counts itself only while the gateway certainly counts it.
            inside, admitted = inside + 1, admitted + 1
            most = max(most, inside)
            await asyncio.sleep(random.uniform(0, 0.05))
            inside -= 1
            await go(end)

    await asyncio.gather(*(client(number) for number in range(250)))
    expect(most <= 50, f"{most} at a time")
    expect(most > 40 and refused > 100, f"the limit was not tried: {most=}, {refused=}")
    equal(admitted + refused, 2_000, "clients that were answered")
    await idle(gateway)
    equal(len(await all_at_once(gateway, [""] * 60)), 50, "clients that get in afterwards")


@check("limits: max-connections-per-ip is exact for each address, also for 2,000 clients", 60)
async def per_address(rig) -> None:
    gateway, _ = await stage(rig, "per-ip", server="max-connections-per-ip 10")
    addresses = [f"127.0.1.{number}" for number in range(1, 21)]
    for _ in range(2):
        sources = addresses * (CLIENTS // len(addresses))
        random.shuffle(sources)
        inside = await all_at_once(gateway, sources)
        got = Counter(source for source, _ in inside)
        equal(got, Counter({address: 10 for address in addresses}), "clients that got in")
        await asyncio.gather(*(go(end) for _, end in inside))
        await idle(gateway)


@check("limits: of IPv6 the addresses of a /64 are one")
async def per_network(rig) -> None:
    listener = 'proxy-protocol { from "127.0.0.1" }; max-connections-per-ip 3'
    gateway, _ = await stage(rig, "per-64", listener=listener)

    async def come(address: str) -> bool:
        family = "TCP6" if ipaddress.ip_address(address).version == 6 else "TCP4"
        to = "::1" if family == "TCP6" else "127.0.0.1"
        proxied = f"PROXY {family} {address} {to} 5000 80\r\n".encode()
        end = await dial(gateway.port, "/greet", before=proxied)
        frame = await end.frame()
        kept.append(end)
        return frame is not None and frame.payload == b"welcome"

    kept: list[End] = []
    one = [f"2001:db8:0:1::{number}" for number in range(1, 5)]
    equal([await come(address) for address in one], [True] * 3 + [False], "one /64")
    equal(await come("2001:db8:0:1:ffff::9"), False, "the far end of it")
    equal(await come("2001:db8:0:2::1"), True, "the next /64")
    four = ["192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.1", "192.0.2.1"]
    equal([await come(address) for address in four], [True] * 4 + [False], "IPv4")


@check("limits: a connection rate lets a burst in, and then so many a second")
async def rate(rig) -> None:
    for name, setting, place in (
        ("rate", 'connection-rate "20/s" burst=10', "websocket"),
        ("rate-ip", 'connection-rate-per-ip "20/s" burst=10', "listener"),
    ):
        gateway, _ = await stage(rig, name, **{place: setting})
        started = time.monotonic()
        inside = len(await all_at_once(gateway, ["127.0.0.1"] * 100))
        most = 10 + 20 * (time.monotonic() - started) + 1
        expect(10 <= inside <= most, f"{name}: {inside} of a burst of 10 got in")
        await asyncio.sleep(0.5)
        started = time.monotonic()
        inside = len(await all_at_once(gateway, ["127.0.0.1"] * 100))
        # Half a second is 10, and the bucket holds no more.
        most = 10 + 20 * (time.monotonic() - started) + 1
        expect(9 <= inside <= most, f"{name}: {inside} got in half a second later")
        if name == "rate-ip":
            inside = len(await all_at_once(gateway, ["127.0.0.9"] * 10))
            equal(inside, 10, "clients of another address")


@check("limits: what is no WebSocket, and what other routes have, counts for nothing")
async def others(rig) -> None:
    gateway, server = await stage(rig, "others", websocket="max-connections 1")
    server.scenes["/free"] = Scene(echo)
    async with session(gateway.port, "/greet"), session(gateway.port, "/free"):
        equal(await enter(gateway), None, "a second session")
        equal((await fetch(gateway.http("/greet"))).status, 200, "status of a plain request")


@check("limits: over a limit the 101 echoes an offered subprotocol, and the backend sees nothing")
async def echoed_subprotocol(rig) -> None:
    gateway, server = await stage(rig, "subprotocol", websocket="max-connections 1")
    async with session(gateway.port, "/greet"):
        before = server.requests
        end = await dial(gateway.port, "/greet", "Sec-WebSocket-Protocol: v2.chat, v1.chat")
        equal(end.head.status, 101, "status")
        expect(
            end.head.get("sec-websocket-protocol") in ("v2.chat", "v1.chat"),
            f"subprotocol: {end.head.fields}",
        )
        frame = await end.frame()
        equal((frame.opcode, frame.code, frame.reason), (CLOSE, 1013, "Try Again Later"), "Close")
        # An answer that is late must find somebody: a reset would take the Close from a client
        # that has not read it yet.
        await asyncio.sleep(0.3)
        await end.send(CLOSE, frame.payload)
        await asyncio.sleep(0.2)
        equal(await end.reader.read(), b"", "what comes behind the Close")
        await end.end()
        equal(server.requests, before, "requests at the backend")


@check("limits: over a limit a client that never answers the Close is given up")
async def silent(rig) -> None:
    gateway, _ = await stage(rig, "silent", websocket="max-connections 1")
    async with session(gateway.port, "/greet"):
        end = await dial(gateway.port, "/greet")
        equal((await end.frame()).code, 1013, "code")
        # The deadline of a close handshake is 5 s; behind it nobody takes what comes.
        await asyncio.sleep(4)
        await end.send(PONG)
        await asyncio.sleep(2)
        try:
            for _ in range(2):
                await end.send(PONG)
                await asyncio.sleep(0.2)
        except ConnectionError:
            return
        raise AssertionError("somebody still waits for the answer")


@check("limits: on-limit reject answers 503 or 429 with Retry-After, before any upgrade")
async def rejected(rig) -> None:
    cases = (
        ("max-connections 1", 503),
        ("max-connections-per-ip 1", 429),
        ('connection-rate "1/m" burst=1', 429),
        ('connection-rate-per-ip "1/m" burst=1', 429),
    )
    for number, (setting, status) in enumerate(cases):
        gateway, server = await stage(
            rig, f"reject-{number}", websocket=f'{setting}; on-limit "reject"'
        )
        async with session(gateway.port, "/greet"):
            before = server.requests
            answer = await fetch(gateway.http("/greet"), *upgrade())
            equal(answer.status, status, f"status with {setting}")
            expect((answer.get("retry-after") or "").isdigit(), f"{setting}: {answer.fields}")
            equal(server.requests, before, "requests at the backend")
        record = await gateway.record("refused", status=status)
        expect(record["reason"], "the record gives no reason")
        await gateway.end()


ORIGINS = (
    ("https://example.org", 101),
    ("HTTPS://EXAMPLE.ORG:443", 101),
    ("https://example.org:8443", 403),
    ("http://example.org", 403),
    ("https://example.org.evil.test", 403),
    ("https://evil-example.org", 403),
    ("https://a.wild.test", 101),
    ("https://b.a.wild.test", 101),
    ("https://wild.test", 403),
    ("https://wild.test.evil.test", 403),
    ("null", 101),
    ("sip.example.org", 101),
    ("sip.example.net", 403),
    # No browser, and no cookies that one would have sent along.
    (None, 101),
)


@check("origins: exact ones, those below a domain, null and bare hosts get in, others not")
async def origins(rig) -> None:
    allowed = 'origins "https://example.org" "https://*.wild.test" "null" "//sip.example.org"'
    gateway, server = await stage(rig, "origins", websocket=allowed)
    for origin, status in ORIGINS:
        before = server.requests
        lines = [f"Origin: {origin}"] if origin else []
        end = await dial(gateway.port, "/greet", *lines)
        equal(end.head.status, status, f"status of {origin}")
        equal(server.requests - before, int(status == 101), f"requests at the backend, {origin}")
        end.reset()
    page = await gateway.metrics()
    refused = sum(status == 403 for _, status in ORIGINS)
    counted = sum(
        value
        for name, labels, value in page.samples
        if name == "framegate_handshake_failures_total" and "origin" in labels["reason"]
    )
    equal(counted, refused, "refusals that are counted")


@check("origins: a missing one is refused beside cookies, or always, or never; null is not missing")
async def missing_origin(rig) -> None:
    cases = (("", 101, 403), ("allow-missing-origin true", 101, 101))
    for number, (setting, bare, beside_cookies) in enumerate(
        (*cases, ("allow-missing-origin false", 403, 403))
    ):
        allowed = f'origins "https://example.org"; {setting}'
        gateway, _ = await stage(rig, f"missing-{number}", websocket=allowed)
        asked = (([], bare), (["Cookie: session=1"], beside_cookies), (["Origin: null"], 403))
        for lines, status in asked:
            end = await dial(gateway.port, "/greet", *lines)
            equal(end.head.status, status, f"status with {setting!r} and {lines}")
            end.reset()


@check("subprotocols: one that is allowed gets in, others are 403, and the backend sees no other")
async def subprotocols(rig) -> None:
    gateway, server = await stage(rig, "allowed", websocket='subprotocols "v1" "v2"')
    for offered, status in (("v2", 101), ("v3, v1", 101), ("v3", 403), ("", 403)):
        lines = [f"Sec-WebSocket-Protocol: {offered}"] if offered else []
        end = await dial(gateway.port, "/greet", *lines)
        equal(end.head.status, status, f"status with {offered!r}")
        end.reset()
