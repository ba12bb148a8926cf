"""What the gateway says about its sessions: records and metrics agree with what was done."""

import asyncio
import collections

from backend import dial, pair
from checks.curl import curl, upgrade
from harness import check, equal, eventually, expect
from processes import free_port


# Labels of the metrics page: which side bytes, frames and messages came from.
CLIENT, BACKEND = {"from": "client"}, {"from": "upstream"}


async def close_record(gateway, path: str) -> dict:
    """The close record of the only session on this path, once it has been written."""

    def find() -> list[dict]:
        return [record for record in gateway.records("close") if record["path"] == path]

    (record,) = await eventually(f"a close record for {path}", find)
    return record


def part(record: dict, *keys: str) -> dict:
    """The named fields of a record; a missing one shows as None."""
    return {key: record.get(key) for key in keys}


@check("the open record says who, where and what was agreed on")
async def open_record(rig) -> None:
    async with pair(
        rig, subprotocols=["v2", "v1"], scene_options={"subprotocol": "v1"}, compression="deflate"
    ) as (client, server):
        path = server.request.path
        (record,) = await eventually(
            "an open record", lambda: [r for r in rig.gateway.records("open") if r["path"] == path]
        )
        host, port = client.local_address[:2]
        equal(record["client"], f"{host}:{port}", "client")
        equal(record["upstream"], f"127.0.0.1:{rig.backend.port}", "upstream")
        equal(record.get("subprotocol"), "v1", "subprotocol")
        equal(record.get("extensions"), "permessage-deflate", "extensions")


@check("the close record of a session that its client closed counts it to the byte")
async def client_closed(rig) -> None:
    async with pair(rig) as (client, server):
        await client.send("hello")
        await client.send(["ab", "c"])
        await server.recv()
        await server.recv()
        await server.send(b"x" * 300)
        await client.recv()
        await client.close(4001, "bye")
        await server.wait_closed()
        path = server.request.path
    record = await close_record(rig.gateway, path)
    # The Python peer ends a fragmented message with an empty final frame. A masked frame of
    # less than 126 bytes has 6 bytes of header: hello, ab, c, nothing, the close.
    equal(
        part(record, "client_messages", "client_frames", "client_bytes"),
        {"client_messages": 2, "client_frames": 5, "client_bytes": 5 * 6 + 5 + 2 + 1 + 0 + 5},
        "from the client",
    )
    # One of 300 bytes (4 of header, no mask), and the answer to the close (2 of header).
    equal(
        part(record, "upstream_messages", "upstream_frames", "upstream_bytes"),
        {"upstream_messages": 1, "upstream_frames": 2, "upstream_bytes": 4 + 300 + 2 + 5},
        "from the backend",
    )
    equal(
        part(record, "by", "client_close_received"),
        {"by": "client", "client_close_received": 4001},
        "end",
    )


@check("the close record names who ended the session, for every way to end one")
async def who_ended(rig) -> None:
    async with pair(rig) as (client, server):
        await server.close(4002)
        await client.wait_closed()
        path = server.request.path
    record = await close_record(rig.gateway, path)
    equal(
        part(record, "by", "upstream_close_received"),
        {"by": "upstream", "upstream_close_received": 4002},
        "backend closed",
    )

    async with pair(rig) as (client, server):
        client.transport.abort()
        await server.wait_closed()
        path = server.request.path
    record = await close_record(rig.gateway, path)
    equal(
        part(record, "by", "client_close_received"),
        {"by": "client", "client_close_received": None},
        "client lost",
    )

    async with pair(rig) as (client, server):
        client.transport.write(bytes([0xA1, 0x80, 0, 0, 0, 0]))
        await asyncio.gather(client.wait_closed(), server.wait_closed())
        path = server.request.path
    record = await close_record(rig.gateway, path)
    equal(
        part(record, "by", "client_close_sent", "upstream_close_sent"),
        {"by": "client", "client_close_sent": 1002, "upstream_close_sent": 1001},
        "client broke the protocol",
    )


@check("a refused handshake has a record with its status and its reason, and no open record")
async def refused_record(rig) -> None:
    gateway = await rig.new_gateway("refused", free_port())
    try:
        await curl(gateway.http("/absent"), *upgrade())
        (record,) = await eventually("a record", lambda: gateway.records("refused"))
        equal(part(record, "status", "path"), {"status": 502, "path": "/absent"}, "the record")
        expect(record["reason"], "the record gives no reason")
        equal(gateway.records("open") + gateway.records("close"), [], "session records")
    finally:
        await gateway.end()


@check("the metrics page parses, and its counters agree with what was sent")
async def metrics(rig) -> None:
    gateway = await rig.new_gateway("metrics", rig.backend.port)
    try:
        before = await gateway.metrics()
        expect("framegate_connections_active" in before.names(), f"page: {sorted(before.names())}")
        async with pair(rig, gateway=gateway) as (client, server):
            for text in ("one", "two", "three"):
                await client.send(text)
                equal(await server.recv(), text, "message")
            await server.send(b"x" * 70_000)
            await client.recv()
            await asyncio.wait_for(await client.ping(b"ping"), 5)
            during = await gateway.metrics()
            equal(during.sum("framegate_connections_active"), 1, "open sessions")
            await client.close(1000)
            await server.wait_closed()
        await eventually("the session is counted as ended", lambda: active(gateway, 0))
        after = await gateway.metrics()

        def counted(name: str, **labels: str) -> float:
            return after.sum(name, **labels) - before.sum(name, **labels)

        equal(counted("framegate_connections_opened_total"), 1, "sessions opened")
        equal(counted("framegate_connections_closed_total"), 1, "sessions closed")
        equal(
            counted("framegate_connections_closed_total", reason="close", by="client"),
            1,
            "by reason",
        )
        equal(counted("framegate_messages_total"), 4, "messages")
        equal(counted("framegate_messages_total", **CLIENT, opcode="text"), 3, "texts")
        equal(counted("framegate_messages_total", **BACKEND, opcode="binary"), 1, "binaries")
        # 3 texts, 1 ping, 1 close; 1 binary, 1 pong, 1 close.
        equal(counted("framegate_frames_total", **CLIENT), 5, "frames of the client")
        equal(counted("framegate_frames_total", **BACKEND), 3, "frames of the backend")
        for opcode, side in (("ping", CLIENT), ("pong", BACKEND)):
            equal(counted("framegate_frames_total", **side, opcode=opcode), 1, opcode)
        # Masked frames have 6 bytes of header: 11 of text, 4 of ping, 2 of close code.
        equal(counted("framegate_bytes_total", **CLIENT), 5 * 6 + 11 + 4 + 2, "bytes")
        # 10 bytes of header for a 64-bit length, 2 for a short one.
        equal(counted("framegate_bytes_total", **BACKEND), 10 + 70_000 + 2 * 2 + 4 + 2, "bytes")
        equal(await gateway.failed_handshakes(), 0, "failed handshakes")
        await curl(gateway.http("/"), *upgrade(Sec_WebSocket_Key="short"))
        await eventually("the failed handshake is counted", gateway.failed_handshakes)
        equal(await gateway.failed_handshakes(), 1, "failed handshakes")
    finally:
        await gateway.end()


async def active(gateway, count: int) -> bool:
    return (await gateway.metrics()).sum("framegate_connections_active") == count


@check("after everything above, each session has exactly one open and one close record")
async def exactly_once(rig) -> None:
    for gateway in (rig.gateway, rig.node_gateway):
        async with dial(gateway.url("/")) as client:
            await client.send("at least one")
            await client.recv()

        def counts() -> tuple[collections.Counter, collections.Counter]:
            return tuple(
                collections.Counter(record["session"] for record in gateway.records(event))
                for event in ("open", "close")
            )

        # Sessions that were cut off may still be on their way out.
        await eventually(
            "as many close records as open ones",
            lambda: len(set(counts()[0])) == len(set(counts()[1])),
            10,
        )
        opened, closed = counts()
        expect(opened, "no session on record")
        equal(opened, closed, "sessions opened and closed")
        equal(set(opened.values()), {1}, "records per session")
