"""Sessions through the gateway, many at once: what one side writes, and every byte that either
side gets.

A trial is one session. Its sender writes a prepared stream as soon as it may; both sides answer a
Close and wait for the end of the connection. Whether that was right is for others to say.
"""

import asyncio
from dataclasses import dataclass, field
from enum import Enum

from wire import CLOSE, accept, closing, request

from .frames import frame, split

# Sessions at the same time, unless told otherwise, and seconds for each.
WIDTH = 96
PATIENCE = 15.0


class Sender(Enum):
    """Who writes the stream."""

    CLIENT = "client to upstream"
    UPSTREAM = "upstream to client"


@dataclass
class Side:
    """What one side of a session got, behind the handshake."""

    received: bytearray = field(default_factory=bytearray)
    # The `Sec-WebSocket-Extensions` that it was sent: asked for at an upstream, agreed on at a
    # client.
    extensions: str = ""
    ended: bool = False


@dataclass
class Trial:
    """One session: what is sent, and then what came."""

    sender: Sender
    route: str
    stream: bytes
    offer: str = ""
    # Ends its stream (FIN) behind the last byte, without waiting for a Close.
    half_close: bool = False
    # Its last frame is a Close.
    says_goodbye: bool = False
    client: Side = field(default_factory=Side)
    upstream: Side = field(default_factory=Side)
    refusal: str = ""
    # The client has its 101.
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    # What the client waits for before it sends; None: nothing.
    go: asyncio.Event | None = None
    finished: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def near(self) -> Side:
        """The side that sends."""
        return self.client if self.sender is Sender.CLIENT else self.upstream

    @property
    def far(self) -> Side:
        """The side that may not get it."""
        return self.upstream if self.sender is Sender.CLIENT else self.client


class _End(asyncio.Protocol):
    """Either side behind its handshake."""

    masks: bool

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self.head: bytes | None = b""
        self.trial: Trial | None = None
        self.side = Side()
        self.seen = 0
        self.said_goodbye = False

    def connection_made(self, transport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.head is not None:
            self.head += data
            head, mark, data = self.head.partition(b"\r\n\r\n")
            if not mark:
                return
            self.head = None
            if not self.shake_hands(head.decode("latin-1")):
                self.transport.close()
                return
        self.side.received += data
        self._answer_a_close()

    def _answer_a_close(self) -> None:
        """Goes on at the first frame that has not been looked at."""
        for first, payload, whole in split(bytes(self.side.received[self.seen :])):
            if first < 0:
                return
            self.seen += len(whole)
            if first & 0x0F == CLOSE:
                self._take_leave(payload)

    def _take_leave(self, payload: bytes) -> None:
        if not self.said_goodbye:
            self.said_goodbye = True
            self.transport.write(frame(CLOSE, payload[:2] or closing(1000), self.masks))
        # The server ends the connection first (RFC 6455 section 7.1.1).
        if not self.masks:
            self.transport.close()

    def shake_hands(self, head: str) -> bool:
        raise NotImplementedError

    def speak(self) -> None:
        """Writes the trial's stream."""
        trial = self.trial
        self.transport.write(trial.stream)
        self.said_goodbye = trial.says_goodbye
        if trial.half_close:
            self.transport.write_eof()

    def connection_lost(self, reason) -> None:
        self.side.ended = True
        trial = self.trial
        if trial and trial.client.ended and (trial.upstream.ended or trial.refusal):
            trial.finished.set()


def _field(head: str, name: str) -> str:
    """All fields of that name, as one list."""
    lines = (line.partition(":") for line in head.split("\r\n")[1:])
    return ", ".join(value.strip() for has, _, value in lines if has.lower() == name)


class _Client(_End):
    masks = True

    def __init__(self, trial: Trial, port: int, target: str) -> None:
        super().__init__()
        self.trial, self.side = trial, trial.client
        self._ask = (target, port)
        self._waits: asyncio.Task | None = None

    def connection_made(self, transport) -> None:
        super().connection_made(transport)
        offer = self.trial.offer
        lines = [f"Sec-WebSocket-Extensions: {offer}"] if offer else []
        transport.write(request(*self._ask, *lines))

    def shake_hands(self, head: str) -> bool:
        if not head.startswith("HTTP/1.1 101 "):
            self.trial.refusal = head.split("\r\n")[0]
            return False
        self.side.extensions = _field(head, "sec-websocket-extensions")
        self.trial.opened.set()
        if self.trial.go:
            self._waits = asyncio.create_task(self._when_told())
        elif self.trial.sender is Sender.CLIENT:
            self.speak()
        return True

    async def _when_told(self) -> None:
        await self.trial.go.wait()
        self.speak()


class _Upstream(_End):
    masks = False

    def __init__(self, trials: dict[str, Trial]) -> None:
        super().__init__()
        self._trials = trials

    def shake_hands(self, head: str) -> bool:
        target = head.split(" ")[1]
        trial = self._trials.get(target)
        key = _field(head, "sec-websocket-key")
        if not trial or not key:
            return False
        self.trial, self.side = trial, trial.upstream
        self.side.extensions = _field(head, "sec-websocket-extensions")
        self.transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + f"Sec-WebSocket-Accept: {accept(key)}\r\n{_agreed(self.side.extensions)}\r\n".encode()
        )
        if trial.sender is Sender.UPSTREAM:
            self.speak()
        return True


def _agreed(offer: str) -> str:
    """Takes up an offer of compression with all that it asks of this side and of the other."""
    if "permessage-deflate" not in offer:
        return ""
    asked = [name for name in ("client", "server") if f"{name}_no_context_takeover" in offer]
    answer = "; ".join(["permessage-deflate", *(f"{name}_no_context_takeover" for name in asked)])
    return f"Sec-WebSocket-Extensions: {answer}\r\n"


class Stage:
    """The upstream of all trials, and the clients that go to it through a gateway."""

    def __init__(self) -> None:
        self._trials: dict[str, Trial] = {}
        self._server: asyncio.Server | None = None
        self._count = 0
        self.port = 0

    async def start(self) -> "Stage":
        """Listens on a port of the system's choice."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Upstream(self._trials), "127.0.0.1", 0, backlog=4_096
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def end(self) -> None:
        """Listens no more."""
        if self._server:
            self._server.close()

    async def run(
        self, trials: list[Trial], gateway_port: int, width: int = WIDTH, patience=PATIENCE
    ) -> None:
        """Holds all these sessions, some at a time, and gives up on each after `patience`
        seconds."""
        waiting = iter(trials)

        async def worker() -> None:
            for trial in waiting:
                await self._hold(trial, gateway_port, patience)

        async with asyncio.TaskGroup() as group:
            for _ in range(width):
                group.create_task(worker())

    async def _hold(self, trial: Trial, gateway_port: int, patience: float) -> None:
        self._count += 1
        target = f"/{trial.route}/{self._count}"
        self._trials[target] = trial
        loop = asyncio.get_running_loop()
        # Many sources, so that there are ports enough while ended connections linger.
        source = f"127.0.{self._count % 8}.{1 + self._count % 200}"
        transport, _ = await loop.create_connection(
            lambda: _Client(trial, gateway_port, target),
            "127.0.0.1",
            gateway_port,
            local_addr=(source, 0),
        )
        try:
            await asyncio.wait_for(trial.finished.wait(), patience)
        except TimeoutError:
            pass
        finally:
            transport.abort()
            del self._trials[target]
