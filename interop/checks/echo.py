"""Messages of every length class, through both backends, with and without permessage-deflate."""

import asyncio
import random

from websockets.asyncio.client import ClientConnection

from backend import dial, pair
from harness import check, equal, eventually, expect

# Either side of each length encoding (RFC 6455 section 5.2), then sizes that need many reads.
SIZES = (0, 1, 125, 126, 65_535, 65_536, 1 << 20, 16 << 20)


def text_of(size: int) -> str:
    """Text of exactly `size` bytes in UTF-8, with characters of one to four bytes."""
    pattern = "aé€😀"
    whole, rest = divmod(size, len(pattern.encode()))
    return pattern * whole + "x" * rest


def bytes_of(size: int) -> bytes:
    """Bytes that do not compress, the same in every run."""
    return random.Random(size).randbytes(size)


async def echo_sizes(client: ClientConnection, make) -> None:
    for size in SIZES:
        message = make(size)
        await client.send(message)
        answer = await client.recv()
        equal(type(answer), type(message), f"kind of the answer to {size} bytes")
        # Compared here, not by `equal`: 16 MiB make a poor error message.
        expect(answer == message, f"{size} bytes did not come back as they went")


def register(backend: str, compression: str | None, kind: str, make) -> None:
    how = "with deflate" if compression else "without compression"

    @check(f"Python client, {backend} backend, {how}: {kind} of every size is echoed", deadline=60)
    async def body(rig) -> None:
        gateway = rig.gateway if backend == "Python" else rig.node_gateway
        async with dial(gateway.url("/"), compression=compression) as client:
            expect(
                bool(client.protocol.extensions) == bool(compression),
                f"extensions in use: {client.protocol.extensions}",
            )
            await echo_sizes(client, make)


for backend in ("Python", "Node"):
    for compression in (None, "deflate"):
        register(backend, compression, "text", text_of)
        register(backend, compression, "binary", bytes_of)


@check("fragments arrive as they were cut, in both directions")
async def fragments(rig) -> None:
    pieces = [b"a", b"", bytes_of(126), bytes_of(70_000), b"end"]
    async with pair(rig) as (client, server):
        for sender, receiver in ((client, server), (server, client)):
            await sender.send(pieces)
            got = [piece async for piece in receiver.recv_streaming()]
            # The Python peer ends a fragmented message with an empty final frame.
            equal([len(piece) for piece in got], [len(p) for p in pieces] + [0], "fragments")
            equal(b"".join(got), b"".join(pieces), "the message")


@check("a character cut in two by a fragment boundary arrives")
async def split_character(rig) -> None:
    euro = "€".encode()
    async with pair(rig) as (client, server):
        await client.send([euro[:1], euro[1:]], text=True)
        equal(await server.recv(), "€", "text")


@check("10,000 small messages keep their order in both directions at once", deadline=60)
async def order(rig) -> None:
    count = 10_000

    async def send(peer) -> None:
        for number in range(count):
            await peer.send(str(number))

    async def receive(peer) -> None:
        for number in range(count):
            equal(await peer.recv(), str(number), "message")

    async with pair(rig) as (client, server):
        await asyncio.gather(send(client), send(server), receive(client), receive(server))


@check("a late reader holds up the sender, costs no memory and misses nothing", deadline=60)
async def late_reader(rig) -> None:
    message = bytes_of(1 << 20)
    count = 64
    sent = 0

    async def send(peer) -> None:
        nonlocal sent
        for _ in range(count):
            await peer.send(message)
            sent += 1

    async with pair(rig, max_queue=1) as (client, server):
        before = rig.gateway.resident_bytes()
        sending = asyncio.create_task(send(server))
        # Held up: nothing more was taken over 25 looks in a row.
        history: list[int] = []

        def held_up() -> bool:
            history.append(sent)
            return len(history) > 25 and history[-25] == sent

        await eventually("the backend is held up", held_up)
        expect(sent < count, f"{count} MiB were taken though nobody read them")
        grown = rig.gateway.resident_bytes() - before
        expect(grown < 8 << 20, f"the gateway grew by {grown} bytes to hold what nobody reads")
        for _ in range(count):
            expect(await client.recv() == message, "a message changed on its way")
        await sending


@check("200 sessions at once each get their own answers", deadline=60)
async def many_sessions(rig) -> None:
    async def one(number: int) -> None:
        async with dial(rig.node_gateway.url("/")) as client:
            for turn in range(10):
                await client.send(f"{number}/{turn}")
                equal(await client.recv(), f"{number}/{turn}", "answer")

    await asyncio.gather(*(one(number) for number in range(200)))
