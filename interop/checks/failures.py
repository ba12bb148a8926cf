"""Backends that are absent, silent or wrong: the client gets 502 or 504 and never a session."""

import asyncio
from contextlib import asynccontextmanager

from checks.curl import ACCEPT, curl, upgrade
from harness import check, equal, eventually, expect
from processes import free_port


@asynccontextmanager
async def raw_backend(answer: bytes | None):
    """A TCP server that reads a request head and writes `answer`, or nothing and waits."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            if answer is None:
                await reader.read()
            else:
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            # The gateway may give up first; what the client got is what counts.
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def status_before(rig, name: str, backend_port: int, *options: str) -> int:
    """The status that a proper upgrade gets from a gateway in front of this backend."""
    gateway = await rig.new_gateway(name, backend_port, *options)
    try:
        status, _ = await curl(gateway.http("/"), *upgrade())
        await eventually("the failed handshake is counted", gateway.failed_handshakes)
        expect(not gateway.records("open"), "an open record for a session that never was")
        return status
    finally:
        await gateway.end()


@check("a backend that is not there gives 502")
async def absent(rig) -> None:
    equal(await status_before(rig, "absent", free_port()), 502, "status")


@check("a backend that accepts and never answers gives 504")
async def silent(rig) -> None:
    async with raw_backend(None) as port:
        status = await status_before(rig, "silent", port, "--upstream-handshake-timeout", "1s")
    equal(status, 504, "status")


WRONG_ANSWERS = {
    "closes at once": b"",
    "speaks something else": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "computes a wrong Sec-WebSocket-Accept": (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n"
    ),
    "leaves Sec-WebSocket-Accept out": (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    ),
    "selects a subprotocol that nobody offered": (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + ACCEPT.encode() + b"\r\nSec-WebSocket-Protocol: v9\r\n\r\n"
    ),
    "selects an extension that nobody offered": (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + ACCEPT.encode() + b"\r\n"
        b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    ),
}


def register_wrong_answer(what: str, answer: bytes) -> None:
    @check(f"a backend that {what} gives 502")
    async def body(rig) -> None:
        async with raw_backend(answer) as port:
            equal(await status_before(rig, "wrong", port), 502, "status")


for what, answer in WRONG_ANSWERS.items():
    register_wrong_answer(what, answer)


@check("a backend that answers an upgrade with 200 gives the client a response, not a tunnel")
async def ordinary_response(rig) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-From: backend\r\n\r\nhello"
    async with raw_backend(answer) as port:
        gateway = await rig.new_gateway("ordinary", port)
        try:
            status, headers = await curl(gateway.http("/"), *upgrade())
            equal((status, headers.get("x-from")), (200, "backend"), "the answer")
            # The backend's connection is of no further use, and the client is told so.
            equal(headers.get("connection", "").lower(), "close", "Connection")
        finally:
            await gateway.end()
