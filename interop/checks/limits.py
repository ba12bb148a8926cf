"""Limits given on the command line end a session with the code that says so."""

import asyncio

from websockets.exceptions import InvalidStatus

from backend import dial, pair
from harness import check, equal, expect


async def closed_with(rig, gateway, send) -> tuple[int, int]:
    """The close codes that (client, backend) receive once `send(client)` has gone too far."""
    try:
        async with pair(rig, gateway=gateway) as (client, server):
            await send(client)
            await asyncio.gather(client.wait_closed(), server.wait_closed())
            return client.close_code, server.close_code
    finally:
        await gateway.end()


@check("a frame over --max-frame-size is closed with 1009, its backend with 1001")
async def frame_size(rig) -> None:
    gateway = await rig.new_gateway("frame", rig.backend.port, "--max-frame-size", "1KiB")

    async def send(client) -> None:
        await client.send(b"x" * 1_024)
        await client.send(b"x" * 1_025)

    equal(await closed_with(rig, gateway, send), (1009, 1001), "close codes")


@check("a message over --max-message-size is closed with 1009 though its frames are small")
async def message_size(rig) -> None:
    gateway = await rig.new_gateway("message", rig.backend.port, "--max-message-size", "1KiB")

    async def send(client) -> None:
        await client.send([b"x" * 512, b"x" * 512])
        await client.send([b"x" * 512, b"x" * 512, b"x"])

    equal(await closed_with(rig, gateway, send), (1009, 1001), "close codes")


@check("a message over --max-fragments is closed with 1008")
async def fragments(rig) -> None:
    gateway = await rig.new_gateway("fragments", rig.backend.port, "--max-fragments", "8")

    async def send(client) -> None:
        await client.send([b"x"] * 20)

    equal(await closed_with(rig, gateway, send), (1008, 1001), "close codes")


@check("a client over --max-connections gets its 101 and then 1013; the backend sees nothing")
async def connections(rig) -> None:
    gateway = await rig.new_gateway("one", rig.backend.port, "--max-connections", "1")
    try:
        async with pair(rig, gateway=gateway) as (first, server):
            before = rig.backend.requests
            async with dial(gateway.url("/")) as second:
                await second.wait_closed()
                equal(second.close_code, 1013, "close code")
                equal(second.close_reason, "Try Again Later", "reason")
            equal(rig.backend.requests, before, "requests that reached the backend")
            await first.send("still here")
            equal(await server.recv(), "still here", "message")
    finally:
        await gateway.end()


STORM = """
listeners { listener "front" { address "127.0.0.1:0" } }
routes { route "storm" { upstream "backend"; websocket { connection-rate "2/h"; on-limit "reject" } } }
upstreams { upstream "backend" { target "127.0.0.1:$port" } }
"""


@check(
    "clients that come faster than connection-rate are answered 429 with a Retry-After they can read"
)
async def connection_rate(rig) -> None:
    gateway = await rig.configured("storm", STORM, port=rig.backend.port)
    for _ in range(2):
        async with pair(rig, gateway=gateway) as (client, server):
            await client.send("in time")
            equal(await server.recv(), "in time", "message")
    before = rig.backend.requests
    try:
        async with dial(gateway.url("/")):
            raise AssertionError("the third client got in")
    except InvalidStatus as error:
        equal(error.response.status_code, 429, "status")
        told = int(error.response.headers["Retry-After"])
        expect(1700 <= told <= 1800, f"Retry-After is half an hour, not {told} s")
    equal(rig.backend.requests, before, "requests that reached the backend")
    record = await gateway.record("refused", reason="connection_rate_route")
    equal(record["status"], 429, "status in the record")
