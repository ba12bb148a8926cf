"""A SIP server with a script, for what Kamailio would not do or would not show: every byte that
comes is kept, and what goes out is the check's own."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import wire
from harness import eventually
from sip.message import Message

TRANSPORTS = ("udp", "tcp", "ws")


@dataclass
class Came:
    """A message as it came, and the way back to where it came from."""

    raw: bytes
    source: tuple[str, int]
    write: Callable[[bytes], None]

    @property
    def message(self) -> Message:
        """The message, read."""
        return Message.parse(self.raw)

    def message_id(self) -> str:
        """Its Call-ID, also of messages that are strange otherwise."""
        lines = self.raw.partition(b"\r\n\r\n")[0].decode(errors="replace").split("\r\n")
        named = [line.partition(":") for line in lines]
        return next((v.strip() for n, _, v in named if n.strip().lower() in ("call-id", "i")), "")

    def answer(self, status: int, reason: str = "As asked", *more: tuple[str, str]) -> None:
        """Answers the request with a response of its own making."""
        self.write(self.message.reply(status, reason, "server", *more).bytes())


class Peer:
    """A server on a loopback port. `came` has the messages, `keepalives` what was CRLF alone."""

    def __init__(self, transport: str) -> None:
        self.transport = transport
        self.port = 0
        self.came: asyncio.Queue[Came] = asyncio.Queue()
        self.keepalives: asyncio.Queue[Came] = asyncio.Queue()
        # Connections that were made, and those that there are.
        self.connections = 0
        self.writers: set[asyncio.StreamWriter] = set()
        # Sent on every connection of TCP as soon as it is there.
        self.greeting = b""
        # The request heads of opening handshakes.
        self.handshakes: list[str] = []
        self._status = 0
        self._close: Callable[[], None] = lambda: None

    @classmethod
    async def start(cls, transport: str, port: int = 0) -> "Peer":
        """Listens on a port of the system's choice, or on this one."""
        peer = cls(transport)
        listen = {"udp": peer._udp, "tcp": peer._tcp, "ws": peer._ws}[transport]

        async def listens() -> bool:
            # Who ended a moment ago may still have the port.
            with suppress(OSError):
                await listen(port)
            return bool(peer.port)

        await eventually(f"port {port} is free for {transport}", listens)
        return peer

    @property
    def address(self) -> str:
        """What a target's address is to say."""
        return f"{self.transport}://127.0.0.1:{self.port}"

    async def next(self, within: float = 10) -> Came:
        """The next message."""
        return await asyncio.wait_for(self.came.get(), within)

    def answers(self, status: int) -> None:
        """Has every request but ACK answered with this status from here on."""
        self._status = status

    async def pong(self) -> bytes:
        """The next CRLF that came for itself."""
        return (await self.keepalives.get()).raw

    def send(self, data: bytes, to: tuple[str, int]) -> None:
        """Sends a datagram."""
        self._datagrams.sendto(data, to)

    def drop(self) -> None:
        """Cuts all connections off."""
        for writer in self.writers:
            writer.transport.abort()

    def end(self) -> None:
        """Takes nothing more and cuts all connections off."""
        self._close()
        self.drop()

    def take(self, raw: bytes, source: tuple[str, int], write: Callable[[bytes], None]) -> None:
        """Keeps what came."""
        came = Came(raw, source, write)
        if not raw.strip(b"\r\n\0"):
            self.keepalives.put_nowait(came)
            return
        self.came.put_nowait(came)
        if self._status and not raw.startswith((b"ACK ", b"SIP/2.0 ")):
            came.answer(self._status)

    async def _udp(self, port: int) -> None:
        peer = self

        class Reader(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
                peer.take(data, source, lambda answer: peer.send(answer, source))

        loop = asyncio.get_running_loop()
        self._datagrams, _ = await loop.create_datagram_endpoint(
            Reader, local_addr=("127.0.0.1", port)
        )
        self.port = self._datagrams.get_extra_info("sockname")[1]
        self._close = self._datagrams.close

    async def _tcp(self, port: int) -> None:
        server = await asyncio.start_server(self._stream, "127.0.0.1", port, limit=1 << 20)
        self.port = server.sockets[0].getsockname()[1]
        self._close = server.close

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.add(writer)
        source = writer.get_extra_info("peername")
        writer.write(self.greeting)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while raw := await one_message(reader):
                self.take(raw, source, writer.write)
        self.writers.discard(writer)
        writer.close()

    async def _ws(self, port: int) -> None:
        server = wire.Server()
        scene = wire.Scene(self._frames, "Sec-WebSocket-Protocol: sip\r\n")
        for path in ("/", "/sip", "/ws"):
            server.scenes[path] = scene
        await server.start(port)
        self.port = server.port
        self._close = server.stop

    async def _frames(self, end: wire.End) -> None:
        self.connections += 1
        self.handshakes.append(end.request)
        self.writers.add(end.writer)
        source = end.writer.get_extra_info("peername")

        def write(data: bytes) -> None:
            end.writer.write(end.bytes(wire.TEXT, data))

        with suppress(ConnectionError):
            while (frame := await end.frame(3_600)) is not None:
                if frame.opcode == wire.CLOSE:
                    await end.send(wire.CLOSE, frame.payload[:2])
                    break
                if frame.opcode == wire.PING:
                    await end.send(wire.PONG, frame.payload)
                elif frame.opcode in (wire.TEXT, wire.BINARY):
                    self.take(frame.payload, source, write)
        self.writers.discard(end.writer)


async def one_message(reader: asyncio.StreamReader) -> bytes:
    """The next message of a stream, or a CRLF that stands before one."""
    first = await reader.readuntil(b"\r\n")
    if first == b"\r\n":
        return first
    head = first + await reader.readuntil(b"\r\n\r\n")
    said = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return head + await reader.readexactly(int(said[0].partition(b":")[2]) if said else 0)
