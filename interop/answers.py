"""An agent of protocol version 1 in this process, whose answers are a function of a check."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

# What an event of this type is answered with: parts of an answer, put over one that allows.
Decide = Callable[[str, dict], dict]

PLAIN = {
    "version": 1,
    "decision": "allow",
    "request_headers": [],
    "response_headers": [],
    "routing_metadata": {},
    "audit": {"tags": [], "rule_ids": [], "confidence": None, "reason_codes": [], "custom": {}},
    "needs_more": False,
    "request_body_mutation": None,
    "response_body_mutation": None,
    "websocket_decision": None,
}


class Answers:
    """Listens on a unix socket and answers each event in turn, after `delay` seconds."""

    def __init__(self, socket: Path, decide: Decide, delay: float = 0) -> None:
        self.socket = socket
        self.events: list[tuple[str, dict]] = []
        self._decide = decide
        self._delay = delay
        self._server: asyncio.Server | None = None

    async def start(self) -> "Answers":
        """Listens."""
        self._server = await asyncio.start_unix_server(self._serve, self.socket)
        return self

    async def _serve(self, reader, writer) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                size = int.from_bytes(await reader.readexactly(4), "big")
                asked = json.loads(await reader.readexactly(size))
                event, payload = asked["event_type"], asked["payload"]
                self.events.append((event, payload))
                if self._delay:
                    await asyncio.sleep(self._delay)
                answer = json.dumps(PLAIN | self._decide(event, payload)).encode()
                writer.write(len(answer).to_bytes(4, "big") + answer)
        writer.close()
