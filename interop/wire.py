"""WebSocket by hand, for what libraries are too polite to do: frames byte by byte, several in one
segment, half of one, none at all, and the end of a connection without a word."""

import asyncio
import base64
import hashlib
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from fetch import Answer, read_head

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

KEY = "dGhlIHNhbXBsZSBub25jZQ=="


@dataclass
class Frame:
    """A frame as it came, unmasked."""

    opcode: int
    payload: bytes
    fin: bool = True
    rsv1: bool = False

    @property
    def code(self) -> int:
        """The code of a Close; 1005 without one."""
        return int.from_bytes(self.payload[:2], "big") if self.payload else 1005

    @property
    def reason(self) -> str:
        """The reason of a Close."""
        return self.payload[2:].decode()


def closing(code: int, reason: str = "") -> bytes:
    """The payload of a Close."""
    return code.to_bytes(2, "big") + reason.encode()


def encode(frame: Frame, masked: bool) -> bytes:
    """The bytes of a frame; a mask is random."""
    first = frame.opcode | (0x80 if frame.fin else 0) | (0x40 if frame.rsv1 else 0)
    size, mark = len(frame.payload), 0x80 if masked else 0
    if size < 126:
        head = struct.pack("!BB", first, mark | size)
    elif size < 65_536:
        head = struct.pack("!BBH", first, mark | 126, size)
    else:
        head = struct.pack("!BBQ", first, mark | 127, size)
    if not masked:
        return head + frame.payload
    key = os.urandom(4)
    return head + key + xor(frame.payload, key)


def xor(payload: bytes, key: bytes) -> bytes:
    """A payload masked, or unmasked."""
    stream = (key * (len(payload) // 4 + 1))[: len(payload)]
    mixed = int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")
    return mixed.to_bytes(len(payload), "big")


class End:
    """One end of a connection behind its handshake; a client's masks."""

    def __init__(self, reader, writer, masks: bool, head: Answer | None = None) -> None:
        self.reader: asyncio.StreamReader = reader
        self.writer: asyncio.StreamWriter = writer
        self.masks = masks
        # Of a client: what the handshake was answered with.
        self.head = head or Answer()
        # Of a server: the request's head.
        self.request = ""

    def bytes(self, opcode: int, payload: bytes = b"", fin: bool = True, rsv1=False) -> bytes:
        """A frame as this end writes it."""
        return encode(Frame(opcode, payload, fin, rsv1), self.masks)

    async def write(self, data: bytes) -> None:
        """Sends these very bytes."""
        self.writer.write(data)
        await self.writer.drain()

    async def send(self, opcode: int, payload: bytes = b"", fin: bool = True, rsv1=False) -> None:
        """Sends a frame."""
        await self.write(self.bytes(opcode, payload, fin, rsv1))

    async def dribble(self, data: bytes, count: int) -> None:
        """Sends the first `count` bytes each in a segment of its own, then the rest."""
        for at in range(count):
            await self.write(data[at : at + 1])
            # Without a delay the system may put them together again.
            await asyncio.sleep(0.002)
        await self.write(data[count:])

    async def frame(self, within: float = 10) -> Frame | None:
        """The next frame; `None` is the end of the stream, also one within a frame."""
        try:
            return await asyncio.wait_for(self._frame(), within)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    async def _frame(self) -> Frame:
        first, second = await self.reader.readexactly(2)
        size = second & 0x7F
        if size >= 126:
            size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
        key = await self.reader.readexactly(4) if second & 0x80 else b""
        payload = await self.reader.readexactly(size)
        payload = xor(payload, key) if key else payload
        return Frame(first & 0x0F, payload, bool(first & 0x80), bool(first & 0x40))

    async def ended(self, within: float = 10) -> bool:
        """Waits for the end of the stream and says whether nothing came before it."""
        return await self.frame(within) is None

    async def closes(self, within: float = 10) -> Frame | None:
        """The next Close, whatever comes before it; it is answered. `None`: the stream ended."""
        while (frame := await self.frame(within)) is not None:
            if frame.opcode == CLOSE:
                with suppress(ConnectionError):
                    await self.send(CLOSE, frame.payload[:2])
                return frame
        return None

    async def leave(self, code: int = 1000, reason: str = "") -> None:
        """Closes, waits for the answer and ends the connection."""
        await self.send(CLOSE, closing(code, reason))
        while (frame := await self.frame()) is not None and frame.opcode != CLOSE:
            pass
        await self.end()

    async def end(self) -> None:
        """Ends the connection (FIN), without a Close."""
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()

    def half_close(self) -> None:
        """FIN, but what comes is still read."""
        self.writer.write_eof()

    def reset(self) -> None:
        """RST, unless the connection has ended."""
        sock = self.writer.get_extra_info("socket")
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Script = Callable[[End], Awaitable[None]]


async def hold(end: End) -> None:
    """Answers the Close and nothing else."""
    await end.closes(3_600)


async def echo(end: End) -> None:
    """Sends every frame back as it came; answers pings, and the Close as it came."""
    while (frame := await end.frame(3_600)) is not None:
        opcode = PONG if frame.opcode == PING else frame.opcode
        await end.send(opcode, frame.payload, frame.fin, frame.rsv1)
        if frame.opcode == CLOSE:
            return


async def swallow(end: End) -> None:
    """Reads whatever comes, without looking at it, to the end of the stream."""
    while await end.reader.read(1 << 18):
        pass


@dataclass
class Scene:
    """What a server does on one path."""

    script: Script
    # Lines added to the 101.
    fields: str = ""
    # Answers instead of the upgrade, when set.
    refusal: bytes = b""


class Server:
    """A WebSocket server whose paths have scripts; `/` echoes frames, `/hold` answers nothing but
    the Close, `/swallow` not even that."""

    def __init__(self) -> None:
        self.scenes = {"/": Scene(echo), "/hold": Scene(hold), "/swallow": Scene(swallow)}
        # Requests that came, and sessions that there are.
        self.requests = 0
        self.active = 0
        self.port = 0
        self._server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> "Server":
        """Listens on a port of the system's choice, or on this one."""
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", port, backlog=4_096, limit=256 * 1_024
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    @property
    def address(self) -> str:
        """What a target's address is to say."""
        return f"127.0.0.1:{self.port}"

    def stop(self) -> None:
        """Takes no more connections; those that there are go on."""
        if self._server:
            self._server.close()

    async def _serve(self, reader, writer) -> None:
        end = End(reader, writer, masks=False)
        try:
            end.request = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            await self._answer(end)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(self, end: End) -> None:
        self.requests += 1
        target = end.request.split(" ")[1]
        scene = self.scenes.get(target.partition("?")[0])
        key = header_of(end.request, "sec-websocket-key")
        if not scene or scene.refusal or not key:
            status = "200 OK" if scene else "404 Not Found"
            plain = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()
            await end.write((scene and scene.refusal) or plain)
            return
        await end.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: "
            + accept(key).encode()
            + b"\r\n"
            + scene.fields.encode()
            + b"\r\n"
        )
        self.active += 1
        try:
            await scene.script(end)
        finally:
            self.active -= 1


def header_of(head: str, name: str) -> str:
    """The value of the first field of that name; empty when there is none."""
    lines = (line.partition(":") for line in head.split("\r\n")[1:])
    return next((value.strip() for has, _, value in lines if has.lower() == name), "")


def accept(key: str) -> str:
    """Sec-WebSocket-Accept for a key (RFC 6455 section 4.2.2)."""
    digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
    return base64.b64encode(digest).decode()


def request(target: str, port: int, *lines: str) -> bytes:
    """The head of an opening handshake; a line among `lines` may replace one that is here."""
    fields = {
        "host": f"Host: 127.0.0.1:{port}",
        "upgrade": "Upgrade: websocket",
        "connection": "Connection: Upgrade",
        "sec-websocket-key": f"Sec-WebSocket-Key: {KEY}",
        "sec-websocket-version": "Sec-WebSocket-Version: 13",
    }
    fields |= {line.partition(":")[0].lower(): line for line in lines}
    head = "\r\n".join([f"GET {target} HTTP/1.1", *fields.values()]) + "\r\n\r\n"
    return head.encode("latin-1")


async def dial(
    port: int,
    target: str = "/",
    *lines: str,
    early: bytes = b"",
    before: bytes = b"",
    source: str = "",
    host: str = "127.0.0.1",
) -> End:
    """Asks for a session, with `early` in the same segment and `before` in front of it; whatever
    the answer is, it is in the `head` of what is returned."""
    local = (source, 0) if source else None
    reader, writer = await asyncio.open_connection(host, port, local_addr=local, limit=256 * 1_024)
    try:
        writer.write(before + request(target, port, *lines) + early)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 15)
    except BaseException:
        writer.transport.abort()
        raise
    return End(reader, writer, masks=True, head=read_head(head))


@asynccontextmanager
async def session(port: int, target: str = "/", *lines: str, **options) -> AsyncIterator[End]:
    """A session that was granted; it is cut off at the end, if it still is there."""
    end = await dial(port, target, *lines, **options)
    try:
        if end.head.status != 101:
            raise AssertionError(f"{target}: the answer is {end.head.status}, not 101")
        yield end
    finally:
        end.reset()
