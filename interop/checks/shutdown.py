"""SIGTERM: no new clients, 1001 for those there are, exit code 0."""

import asyncio
import signal
from contextlib import AsyncExitStack

from backend import pair
from harness import check, equal, expect
from processes import accepts, send

CLIENTS = 20


@check("SIGTERM closes every session with 1001 on both sides and exits 0", deadline=30)
async def sigterm(rig) -> None:
    gateway = await rig.new_gateway(
        "sigterm", rig.backend.port, "--shutdown-grace", "6s", "--shutdown-spread", "2s"
    )
    async with AsyncExitStack() as stack:
        pairs = [
            await stack.enter_async_context(pair(rig, gateway=gateway)) for _ in range(CLIENTS)
        ]
        send(gateway.child.process, signal.SIGTERM)
        code = await asyncio.wait_for(gateway.child.process.wait(), 15)
        equal(code, 0, "exit code")
        expect(not accepts(gateway.port), "somebody still listens")
        for client, server in pairs:
            await asyncio.gather(client.wait_closed(), server.wait_closed())
            equal((client.close_code, server.close_code), (1001, 1001), "close codes")
    equal(len(gateway.records("open")), CLIENTS, "open records")
    equal(len(gateway.records("close")), CLIENTS, "close records")


@check("SIGTERM does not wait for a client that never answers the close", deadline=30)
async def stubborn_client(rig) -> None:
    gateway = await rig.new_gateway(
        "stubborn", rig.backend.port, "--shutdown-grace", "3s", "--shutdown-spread", "0s"
    )
    async with pair(rig, gateway=gateway) as (client, _):
        # A client that neither reads nor answers.
        client.transport.pause_reading()
        send(gateway.child.process, signal.SIGTERM)
        code = await asyncio.wait_for(gateway.child.process.wait(), 15)
        equal(code, 0, "exit code")
        client.transport.abort()
    equal(len(gateway.records("close")), 1, "close records")
