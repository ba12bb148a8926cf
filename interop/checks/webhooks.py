"""Webhooks with HTTP servers that others wrote: aiohttp and Node's own."""

import asyncio
import base64
import hashlib
import hmac
import json
import os
from dataclasses import dataclass, field

from aiohttp import web

from backend import left, pair
from fetch import fetch
from gateway import Gateway
from harness import check, equal, eventually, expect
from origin import said
from processes import free_port

CONFIG = """
listeners { listener "main" { address "127.0.0.1:0"; protocol "http" } }
routes {
    route "scanned" {
        upstream "backend"
        websocket {
            webhook "inbound" url="http://127.0.0.1:$hook/in?list=strict" method="PUT" {
                timeout-ms 2000; header "X-Api-Key" "k-123"; hmac-key-file "$key"; rewrite true
            }
            webhook "outbound" url="http://127.0.0.1:$hook/out" { timeout-ms 2000 }
        }
    }
}
upstreams { upstream "backend" { target "127.0.0.1:$port" } }
"""
KEY = "a key of at least sixteen bytes"


@dataclass
class Hook:
    """An aiohttp server that keeps what it is asked and answers by the words of a message."""

    asked: list[dict] = field(default_factory=list)
    # Requests under way, and the most there were at a time.
    active: int = 0
    most: int = 0
    port: int = 0
    runner: web.AppRunner | None = None

    async def start(self, port: int = 0) -> "Hook":
        """Listens."""
        application = web.Application(client_max_size=1 << 24)
        application.router.add_route("*", "/{rest:.*}", self._answer)
        self.runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", port)
        await site.start()
        self.port = self.runner.addresses[0][1]
        return self

    async def end(self) -> None:
        """Listens no more, and ends connections."""
        if self.runner:
            await self.runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        self.active += 1
        self.most = max(self.most, self.active)
        try:
            return await self._judge(request)
        finally:
            self.active -= 1

    async def _judge(self, request: web.Request) -> web.Response:
        body = await request.read()
        peer = request.transport.get_extra_info("peername")[1] if request.transport else 0
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append(
            {
                "method": request.method,
                "url": request.path_qs,
                "headers": headers,
                "body": body,
                "port": peer,
            }
        )
        text = body.decode(errors="replace")
        if "slow" in text:
            await asyncio.sleep(0.2)
        if "hang" in text:
            await asyncio.sleep(60)
        if "forbidden" in text:
            return web.Response(status=403, text="no")
        if "elsewhere" in text:
            return web.Response(status=302, headers={"Location": "/moved"})
        if "broken" in text:
            return web.Response(status=500)
        if "secret" in text:
            changed = text.replace("secret", "******")
            return web.Response(text=changed, headers={"X-Framegate-Action": "rewrite"})
        return web.Response(status=204)


async def front(rig, name: str, hook: int) -> Gateway:
    """A gateway that asks this hook."""
    key = rig.folder / "hook.key"
    key.write_text(KEY + "\n")
    return await rig.configured(name, CONFIG, hook=hook, key=key, port=rig.backend.port)


async def with_aiohttp(rig) -> tuple[Gateway, Hook]:
    """A gateway and a hook on aiohttp."""
    hook = await Hook().start()
    return await front(rig, "webhook-aiohttp", hook.port), hook


async def codes(client, server) -> tuple[int, int]:
    """What both ends are told."""
    async with asyncio.timeout(10):
        await asyncio.gather(client.wait_closed(), server.wait_closed())
    return client.close_code, server.close_code


@check("webhook on aiohttp: 2xx lets messages through in order, also behind a slow one, both ways")
async def passes(rig) -> None:
    gateway, _ = await rig.shared(with_aiohttp)
    async with pair(rig, gateway=gateway, compression="deflate") as (client, server):
        messages = [
            "slow first",
            *(f"message {n}" for n in range(50)),
            bytes(range(256)),
            os.urandom(100_000).hex(),
        ]
        for sender, receiver in ((client, server), (server, client)):
            for message in messages:
                await sender.send(message)
            for message in messages:
                equal(await receiver.recv(), message, "message")


@check(
    "webhook on aiohttp: it is asked with the payload, what it is about, and a signature that fits"
)
async def asks(rig) -> None:
    gateway, hook = await rig.shared(with_aiohttp)
    async with pair(rig, gateway=gateway) as (client, server):
        await client.send("the first")
        await client.send(["the ", "second ", "Grüße"])
        await server.recv()
        await server.recv()
        await server.send(b"\x00\xff")
        await client.recv()
    up = next(one for one in hook.asked if one["body"] == "the second Grüße".encode())
    equal((up["method"], up["url"]), ("PUT", "/in?list=strict"), "method and target")
    headers = up["headers"]
    expect(
        headers["content-type"].startswith("text/plain"), f"Content-Type: {headers['content-type']}"
    )
    equal(headers["x-api-key"], "k-123", "a field that was configured")
    told = {
        name: headers.get(f"x-framegate-{name}")
        for name in ("direction", "opcode", "sequence", "route")
    }
    equal(
        told,
        {"direction": "inbound", "opcode": "text", "sequence": "1", "route": "scanned"},
        "told",
    )
    expect(headers["x-framegate-client-address"].startswith("127.0.0.1"), "the client's address")
    down = next(one for one in hook.asked if one["body"] == b"\x00\xff")
    equal((down["method"], down["url"]), ("POST", "/out"), "method and target, outbound")
    told = [down["headers"][f"x-framegate-{name}"] for name in ("direction", "opcode", "sequence")]
    equal(told, ["outbound", "binary", "0"], "told, outbound")
    same = [one["headers"]["x-framegate-connection-id"] for one in (up, down)]
    equal(len(set(same)), 1, "connection ids of one session")
    expect(fits(up), f"the signature does not fit: {headers.get('x-framegate-signature')}")


def fits(asked: dict) -> bool:
    """Whether the signature is what docs/webhooks.md says."""
    headers = asked["headers"]
    fields = dict(
        part.strip().split("=", 1) for part in headers["x-framegate-signature"].split(",")
    )
    signed = signed_string(fields["t"], asked)
    made = hmac.new(KEY.encode(), signed, hashlib.sha256).hexdigest()
    return hmac.compare_digest(made, fields["v1"])


def signed_string(at: str, asked: dict) -> bytes:
    """What is signed: a line for each thing that is told, then the payload."""
    headers = asked["headers"]
    names = "timestamp connection-id request-id route direction opcode sequence client-address"
    told = [headers[f"x-framegate-{name}"] for name in names.split()]
    equal(at, told[0], "time of the signature")
    lines = ["framegate-webhook-v1", f"{asked['method']} {asked['url']}", *told, ""]
    return "\n".join(lines).encode() + asked["body"]


@check("webhook on aiohttp: connections are kept and shared")
async def kept(rig) -> None:
    gateway, hook = await rig.shared(with_aiohttp)
    before = len(hook.asked)
    for _ in range(10):
        async with pair(rig, gateway=gateway) as (client, server):
            for number in range(10):
                await client.send(str(number))
                await server.recv()
    ports = {one["port"] for one in hook.asked[before:]}
    expect(len(ports) <= 8, f"100 calls in turn took {len(ports)} connections")


def register_refusal(words: str, sentence: str) -> None:
    @check(f"webhook on aiohttp: {sentence}: nothing of it arrives, both are told 1008")
    async def body(rig) -> None:
        gateway, hook = await rig.shared(with_aiohttp)
        for upwards in (True, False):
            async with pair(rig, gateway=gateway) as (client, server):
                sender, receiver = (client, server) if upwards else (server, client)
                await sender.send("before")
                equal(await receiver.recv(), "before", "message")
                await sender.send(f"this is {words}")
                await sender.send("behind it")
                equal(await codes(client, server), (1008, 1008), "codes")
                equal(await left(receiver), [], "what arrived")
        expect(not any("moved" in one["url"] for one in hook.asked), "the redirect was followed")


for words, sentence in {
    "forbidden": "403",
    "broken": "500",
    "elsewhere": "a redirect, which is not followed",
}.items():
    register_refusal(words, sentence)


@check("webhook on aiohttp: what it rewrites arrives rewritten, uncompressed and of the same kind")
async def rewrites(rig) -> None:
    gateway, _ = await rig.shared(with_aiohttp)
    async with pair(rig, gateway=gateway, compression="deflate") as (client, server):
        await client.send("my secret is secret, Grüße")
        equal(await server.recv(), "my ****** is ******, Grüße", "what arrives")
        # The other webhook may not, so that its answer is a failure.
        await server.send("your secret")
        equal(await codes(client, server), (1011, 1011), "codes")
        equal(await left(client), [], "what arrived")


@check("webhook on aiohttp that hangs: within its timeout both are told 1011")
async def hangs(rig) -> None:
    gateway, _ = await rig.shared(with_aiohttp)
    async with pair(rig, gateway=gateway) as (client, server):
        started = asyncio.get_running_loop().time()
        await client.send("hang")
        equal(await codes(client, server), (1011, 1011), "codes")
        took = asyncio.get_running_loop().time() - started
        expect(1.9 <= took <= 4, f"after {took:.2f} s, not after 2 s")


@check("webhook that is gone: 1011, nothing arrives; there again, messages pass")
async def gone(rig) -> None:
    port = free_port()
    gateway = await front(rig, "webhook-gone", port)

    async def attempt() -> bool:
        async with pair(rig, gateway=gateway) as (client, server):
            await client.send("hello")
            done, _ = await asyncio.wait(
                [asyncio.create_task(server.recv()), asyncio.create_task(client.wait_closed())],
                return_when=asyncio.FIRST_COMPLETED,
                timeout=5,
            )
            for task in done:
                task.exception()
            if client.close_code:
                equal(client.close_code, 1011, "code")
                return False
            return True

    expect(not await attempt(), "a message passed")
    hook = await Hook().start(port)
    await eventually("messages pass", attempt, 10)
    await hook.end()


@check(
    "webhook on Node's http: it lets through, refuses with 1008, rewrites, and is asked in order"
)
async def on_node(rig) -> None:
    child = await rig.child(["node", rig.peer("hook.js")], rig.logs / "hook.log")
    port = int(await said(child, "listening "))
    gateway = await front(rig, "webhook-node", port)
    async with pair(rig, gateway=gateway) as (client, server):
        sent = [f"{number}" for number in range(40)]
        for message in sent:
            await client.send(message)
        for message in sent:
            equal(await server.recv(), message, "message")
        await client.send("a secret")
        equal(await server.recv(), "a ******", "what is rewritten")
        await client.send("forbidden")
        equal(await codes(client, server), (1008, 1008), "codes")
    asked = json.loads((await fetch(f"http://127.0.0.1:{port}/asked")).body)
    bodies = [base64.b64decode(one["body"]).decode() for one in asked]
    equal(sorted(bodies[:40], key=int), sent, "what it was asked about")
