"""Ping and pong, from either end, also in the middle of a fragmented message."""

import asyncio

from backend import pair
from harness import check, equal, expect


def ends(client, server):
    """(who pings, its name), for both."""
    return ((client, "client"), (server, "backend"))


@check("a ping of the client and one of the backend are answered by the other end")
async def ping(rig) -> None:
    async with pair(rig) as (client, server):
        for peer, name in ends(client, server):
            for payload in (b"", b"x", bytes(range(125))):
                # Resolves only when a pong with this payload has come back.
                latency = await asyncio.wait_for(await peer.ping(payload), 5)
                expect(latency >= 0, f"{name} ping of {len(payload)} bytes")


@check("pings overtake nothing and break nothing inside a fragmented message")
async def ping_between_fragments(rig) -> None:
    async with pair(rig) as (client, server):
        for sender, receiver in ((client, server), (server, client)):
            pongs = []

            async def pieces():
                for piece in ("one ", "two ", "three"):
                    yield piece
                    pongs.append(await sender.ping())

            receiving = asyncio.create_task(receiver.recv())
            await sender.send(pieces())
            equal(await receiving, "one two three", "the message")
            await asyncio.wait_for(asyncio.gather(*pongs), 5)


@check("a pong that nobody asked for does no harm")
async def unsolicited_pong(rig) -> None:
    async with pair(rig) as (client, server):
        await client.pong(b"hello")
        await server.pong(b"hello")
        await client.send("after")
        equal(await server.recv(), "after", "message")
