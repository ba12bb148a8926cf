"""Every way in which a session ends by its peers' own doing arrives at the other end."""

import asyncio

from websockets.exceptions import ConnectionClosed
from websockets.frames import Close

from backend import dial, pair
from harness import check, equal, expect

# What may stand in a close frame (RFC 6455 section 7.4), with reasons up to the 123 bytes
# that fit.
CLOSES = (
    (1000, ""),
    (1000, "done"),
    (1001, "going away"),
    (1003, "no binary, please"),
    (1007, "not UTF-8"),
    (1008, "policy"),
    (1009, "too big"),
    (1010, "extension missing"),
    (1011, "internal"),
    (1012, "restart"),
    (1013, "later"),
    (1014, "bad gateway"),
    (3000, "registered"),
    (4000, "first private one"),
    (4999, "é" * 61 + "x"),
)


@check("the client's close code and reason reach the backend, and its answer the client", 30)
async def client_closes(rig) -> None:
    for code, reason in CLOSES:
        async with pair(rig) as (client, server):
            await client.close(code, reason)
            await server.wait_closed()
            equal(server.protocol.close_rcvd, Close(code, reason), "the backend received")
            equal(client.protocol.close_rcvd, Close(code, reason), "the client got in answer")


@check("the backend's close code and reason reach the client, and its answer the backend", 30)
async def backend_closes(rig) -> None:
    for code, reason in CLOSES:
        async with pair(rig) as (client, server):
            await server.close(code, reason)
            await client.wait_closed()
            equal(client.protocol.close_rcvd, Close(code, reason), "the client received")
            equal(server.protocol.close_rcvd, Close(code, reason), "the backend got in answer")


@check("a close without a status stays without one (1005), from either end")
async def no_status(rig) -> None:
    for closing_end in (0, 1):
        async with pair(rig) as ends:
            async with ends[closing_end].send_context():
                ends[closing_end].protocol.send_close()
            other = ends[1 - closing_end]
            await other.wait_closed()
            equal(other.close_code, 1005, "close code at the other end")


@check("messages sent just before a close arrive before it")
async def last_words(rig) -> None:
    async with pair(rig) as (client, server):
        for number in range(100):
            await server.send(str(number))
        closing = asyncio.create_task(server.close(1000, "done"))
        got = [message async for message in client]
        await closing
        equal(got, [str(number) for number in range(100)], "messages")


@check("a connection cut without a close is cut at the other end, and no close is invented")
async def cut(rig) -> None:
    for cut_end in (0, 1):
        # A reset, then an orderly end of the stream.
        for how in ("abort", "write_eof"):
            async with pair(rig) as ends:
                await ends[0].send("hello")
                await ends[1].recv()
                getattr(ends[cut_end].transport, how)()
                other = ends[1 - cut_end]
                await asyncio.wait_for(other.wait_closed(), 5)
                equal(other.protocol.close_rcvd, None, f"close frame after {how}")


@check("a client that breaks the protocol is closed with 1002 and its backend with 1001")
async def violation(rig) -> None:
    async with pair(rig) as (client, server):
        # RSV2 has no meaning that anyone negotiated (RFC 6455 section 5.2).
        client.transport.write(bytes([0xA1, 0x80, 0, 0, 0, 0]))
        await asyncio.gather(client.wait_closed(), server.wait_closed())
        equal(client.protocol.close_rcvd.code, 1002, "the client received")
        equal(server.protocol.close_rcvd.code, 1001, "the backend received")


@check("text that is not UTF-8 is closed with 1007 and does not reach the backend whole")
async def bad_text(rig) -> None:
    async with pair(rig) as (client, server):
        await client.send(b"\xc3\x28", text=True)
        await asyncio.gather(client.wait_closed(), server.wait_closed())
        equal(client.protocol.close_rcvd.code, 1007, "the client received")
        equal(server.protocol.close_rcvd.code, 1001, "the backend received")
        try:
            message = await server.recv()
        except ConnectionClosed:
            return
        raise AssertionError(f"the backend received {message!r}")


@check("one session that breaks the protocol does not disturb its neighbour")
async def neighbour(rig) -> None:
    async with dial(rig.node_gateway.url("/")) as good, dial(rig.node_gateway.url("/")) as bad:
        bad.transport.write(bytes([0x83, 0x80, 0, 0, 0, 0]))
        await bad.wait_closed()
        await good.send("still here")
        equal(await good.recv(), "still here", "answer")
        expect(bad.protocol.close_rcvd is not None, "the offender was told why")
