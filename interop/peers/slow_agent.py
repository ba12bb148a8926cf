"""An agent of protocol version 1 that allows everything, each time a while after it was asked.

    slow_agent.py SOCKET MILLISECONDS

Answers on one connection are in order, and so many connections wait beside each other.
"""

import asyncio
import json
import sys

ANSWER = json.dumps({"version": 1, "decision": "allow", "websocket_decision": "allow"}).encode()
ANSWER = len(ANSWER).to_bytes(4, "big") + ANSWER


class Line(asyncio.Protocol):
    """A connection; whatever comes is answered once it has come whole."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._held = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._held += data
        while len(self._held) >= 4 and len(self._held) >= (
            end := 4 + int.from_bytes(self._held[:4], "big")
        ):
            self._held = self._held[end:]
            asyncio.get_running_loop().call_later(self._delay, self._transport.write, ANSWER)


async def main(path: str, milliseconds: str) -> None:
    """Listens until it is ended."""
    loop = asyncio.get_running_loop()
    server = await loop.create_unix_server(
        lambda: Line(int(milliseconds) / 1000), path, backlog=4_096
    )
    print("listening", flush=True)
    await server.serve_forever()


asyncio.run(main(*sys.argv[1:]))
