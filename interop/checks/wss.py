"""WebSocket over TLS by its own clients: Python `websockets` and Node `ws` trust a private
authority and nothing else.
"""

import asyncio
import hashlib
import json
import os
import ssl

from websockets.exceptions import InvalidMessage

from backend import dial
from certificates import certificates, trust
from fetch import Seen
from gateway import Gateway
from harness import check, equal, expect
from origin import Origin
from processes import output_of

CONFIG = """
listeners {
    listener "wss" {
        address "127.0.0.1:0"; protocol "https"
        tls { cert-file "$folder/localhost.pem"; key-file "$folder/localhost.key" }
    }
    listener "mutual" {
        address "127.0.0.1:0"; protocol "https"
        tls {
            cert-file "$folder/localhost.pem"; key-file "$folder/localhost.key"
            ca-file "$folder/ca.pem"; client-auth "require"
        }
    }
}
routes {
    route "echo" { matches { path-prefix "/echo" }; upstream "echo" }
    route "all" { upstream "origin" }
}
upstreams {
    upstream "echo" { target "ws://127.0.0.1:$echo" }
    upstream "origin" { target "$origin" }
}
"""


async def gateway(rig) -> Gateway:
    """TLS in front of an echo with permessage-deflate and of a backend that says what it saw."""
    folder = (await rig.shared(certificates)).folder
    origin = await Origin.start(rig, "wss")
    values = {"folder": folder, "origin": origin.address, "echo": rig.node_port}
    return await rig.configured("wss", CONFIG, **values)


def url(front: Gateway, path: str, listener: str = "wss") -> str:
    """An address under the name that the certificate is for."""
    return f"wss://localhost:{front.port_of(listener)}{path}"


SIZES = (0, 1, 125, 126, 16_383, 16_384, 16_385, 65_536, 1 << 20, 8 << 20)


@check("wss, Python client: messages on either side of a TLS record's size are echoed")
async def sizes(rig) -> None:
    front = await rig.shared(gateway)
    async with dial(url(front, "/echo"), ssl=await trust(rig)) as client:
        for size in SIZES:
            message = os.urandom(size)
            await client.send(message)
            expect(await client.recv() == message, f"{size} bytes came back changed")


@check("wss, Python client: 32 MiB each way at once, in the middle of each other", deadline=40)
async def both_ways(rig) -> None:
    front = await rig.shared(gateway)
    async with dial(url(front, "/echo"), ssl=await trust(rig)) as client:
        message = os.urandom(256 * 1024)
        count = 128

        async def send() -> None:
            for _ in range(count):
                await client.send(message)

        sending = asyncio.create_task(send())
        arrived = hashlib.sha256()
        for _ in range(count):
            arrived.update(await client.recv())
        await sending
    expect(arrived.digest() == hashlib.sha256(message * count).digest(), "the bytes differ")


@check("wss, Python client: 100 sessions at once, each with its own messages")
async def many(rig) -> None:
    front = await rig.shared(gateway)
    context = await trust(rig)

    async def one(number: int) -> None:
        async with dial(url(front, "/echo"), ssl=context) as client:
            for turn in range(5):
                await client.send(f"{number}/{turn}")
                equal(await client.recv(), f"{number}/{turn}", "message")

    await asyncio.gather(*(one(number) for number in range(100)))


@check("wss, Python client: the backend hears that it was https, and by which name")
async def told(rig) -> None:
    front = await rig.shared(gateway)
    async with dial(url(front, "/who"), ssl=await trust(rig)) as client:
        seen = Seen(**json.loads(await client.recv()))
    equal(seen.all("X-Forwarded-Proto"), ["https"], "X-Forwarded-Proto")
    equal(seen.all("Host"), [f"localhost:{front.port_of('wss')}"], "Host")


@check("wss, Python client: without the authority there is no session")
async def untrusted(rig) -> None:
    front = await rig.shared(gateway)
    try:
        async with dial(url(front, "/echo"), ssl=ssl.create_default_context()):
            raise AssertionError("there is one")
    except ssl.SSLCertVerificationError:
        pass


@check("wss, Python client: where a certificate is asked for, a good one opens and nothing else")
async def mutual(rig) -> None:
    front = await rig.shared(gateway)
    address = url(front, "/echo", "mutual")
    async with dial(address, ssl=await trust(rig, "alice")) as client:
        await client.send("hello")
        equal(await client.recv(), "hello", "message")
    for name in (None, "stranger"):
        try:
            async with dial(address, ssl=await trust(rig, name)):
                raise AssertionError(f"{name} has a session")
        except (OSError, EOFError, InvalidMessage):
            # TLS 1.3 tells a client only after its first words that it was not let in.
            pass


TOPICS = {
    "echo": "messages of every size are echoed",
    "fragments": "fragments and a ping between them make one message",
    "close": "close codes and reasons come back",
}


def register(topic: str, sentence: str, deflate: str) -> None:
    how = "with deflate" if deflate else "without compression"

    @check(f"wss, Node client, {how}: {sentence}", deadline=60)
    async def body(rig) -> None:
        front = await rig.shared(gateway)
        authority = (await rig.shared(certificates)).path("ca.pem")
        argv = ["node", rig.peer("client.js"), topic, url(front, "/echo")]
        env = rig.node_env() | {"NODE_EXTRA_CA_CERTS": authority}
        code, _, error = await output_of(argv + [deflate] * bool(deflate), env)
        expect(code == 0, error.strip() or f"exit code {code}")


for topic, sentence in TOPICS.items():
    for deflate in ("", "true"):
        register(topic, sentence, deflate)


@check("wss, Node client: without the authority there is no session")
async def node_untrusted(rig) -> None:
    front = await rig.shared(gateway)
    argv = ["node", rig.peer("client.js"), "echo", url(front, "/echo")]
    code, _, error = await output_of(argv, rig.node_env())
    expect(code == 1 and "certificate" in error, f"{code}: {error}")
