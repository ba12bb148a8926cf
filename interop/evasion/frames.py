"""How a message is cut into frames and compressed, byte by byte; nothing here is left to a
library that knows WebSocket.

Masks are not random, so that every run sends the same bytes.
"""

import itertools
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from wire import CLOSE, CONTINUATION, PING, closing, xor

MASK = bytes.fromhex("9a3c5e71")


def frame(opcode: int, payload: bytes, masked: bool, fin: bool = True, rsv1: bool = False) -> bytes:
    """One frame in the shortest form; RSV2 and RSV3 are not for this one."""
    return raw(opcode | (0x80 if fin else 0) | (0x40 if rsv1 else 0), payload, masked)


def raw(first: int, payload: bytes, masked: bool) -> bytes:
    """One frame with this first byte."""
    size, mark = len(payload), 0x80 if masked else 0
    if size < 126:
        head = bytes((first, mark | size))
    elif size < 65_536:
        head = bytes((first, mark | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, mark | 127)) + size.to_bytes(8, "big")
    return head + MASK + xor(payload, MASK) if masked else head + payload


def farewell(masked: bool) -> bytes:
    """The Close that ends a session without any fault."""
    return frame(CLOSE, closing(1000, "that is all"), masked)


@dataclass(frozen=True)
class Shape:
    """How a message is cut; after each `pings`-th piece that is not the last comes a Ping."""

    name: str
    cut: Callable[[bytes], list[bytes]]
    pings: int = 0


def _two(payload: bytes) -> list[bytes]:
    middle = len(payload) // 2
    return [payload[:middle], payload[middle:]]


def _single(payload: bytes) -> list[bytes]:
    return [payload[at : at + 1] for at in range(len(payload))]


def _with_empty(payload: bytes) -> list[bytes]:
    first, second = _two(payload)
    return [b"", first, b"", b"", second, b""]


def _within_characters(payload: bytes) -> list[bytes]:
    """Cut behind the first byte of every character and escape that has several; at least once."""
    openers = b"\\%&<'$"
    cuts = [at + 1 for at, byte in enumerate(payload) if byte >= 0xC0 or byte in openers]
    if len(payload) > 2:
        cuts += [1, len(payload) - 1]
    bounds = [0, *sorted(set(cuts)), len(payload)]
    return [payload[start:end] for start, end in itertools.pairwise(bounds) if start < end]


SHAPES = (
    Shape("one frame", lambda payload: [payload]),
    Shape("two fragments", _two),
    Shape("two fragments, a Ping between", _two, pings=1),
    Shape("fragments of one byte", _single),
    Shape("fragments of one byte, Pings between", _single, pings=16),
    Shape("empty fragments between", _with_empty),
    Shape("cut within characters and escapes", _within_characters),
)


def message(opcode: int, payload: bytes, shape: Shape, masked: bool, rsv1: bool) -> bytes:
    """The frames of a message."""
    pieces = shape.cut(payload)
    out = []
    for at, piece in enumerate(pieces):
        last = at == len(pieces) - 1
        out.append(frame(CONTINUATION if at else opcode, piece, masked, last, rsv1 and not at))
        if shape.pings and not last and at % shape.pings == 0:
            out.append(frame(PING, b"still here", masked))
    return b"".join(out)


@dataclass(frozen=True)
class Deflate:
    """How a payload is compressed. `offer` is what the client asks for; without one nothing is
    compressed."""

    name: str
    offer: str = ""
    # Of a new session: what compresses one message after the other.
    compressor: Callable[[], Callable[[bytes], bytes]] | None = None
    # Whether messages refer to those before, which only a route with context-takeover permits.
    takeover: bool = False


PLAIN_OFFER = "permessage-deflate"
WINDOW_OFFER = "permessage-deflate; client_max_window_bits"
MODEST_OFFER = "permessage-deflate; client_no_context_takeover; server_no_context_takeover"

TAIL = b"\x00\x00\xff\xff"


def _flushed(compress, payload: bytes) -> bytes:
    # The empty block that a flush ends with is taken off (section 7.2.1).
    return (compress.compress(payload) + compress.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)


def independent(level: int, bits: int = 15, strategy: int = zlib.Z_DEFAULT_STRATEGY):
    """Each message by itself."""

    def one(payload: bytes) -> bytes:
        return _flushed(zlib.compressobj(level, zlib.DEFLATED, -bits, 9, strategy), payload)

    return lambda: one


def continued() -> Callable[[bytes], bytes]:
    """Each message with the window of those before."""
    compress = zlib.compressobj(9, zlib.DEFLATED, -15)
    return lambda payload: _flushed(compress, payload)


def _final(payload: bytes) -> bytes:
    """In a block that says that it is the last (section 7.2.3.4)."""
    compress = zlib.compressobj(9, zlib.DEFLATED, -15)
    return compress.compress(payload) + compress.flush(zlib.Z_FINISH) + b"\x00"


def _many_blocks(payload: bytes) -> bytes:
    """A block for each few bytes, with an empty one behind it (section 7.2.3.5)."""
    compress = zlib.compressobj(9, zlib.DEFLATED, -15)
    parts = []
    for at in range(0, len(payload), 5):
        parts.append(compress.compress(payload[at : at + 5]) + compress.flush(zlib.Z_SYNC_FLUSH))
    return b"".join(parts).removesuffix(TAIL)


DEFLATES = (
    Deflate("uncompressed"),
    Deflate("uncompressed, though agreed on", PLAIN_OFFER, lambda: lambda payload: payload),
    Deflate("without context takeover", MODEST_OFFER, independent(9)),
    Deflate("takeover offered", WINDOW_OFFER, independent(1, 9, zlib.Z_FIXED)),
    Deflate("stored blocks", PLAIN_OFFER, independent(0)),
    Deflate("BFINAL", PLAIN_OFFER, lambda: _final),
    Deflate("many blocks", PLAIN_OFFER, lambda: _many_blocks),
    Deflate("with context takeover", WINDOW_OFFER, continued, takeover=True),
)
UNCOMPRESSED = DEFLATES[:2]


def split(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """The frames of a stream: the first byte, the payload, and all bytes. What is left over at
    the end comes as a frame whose first byte is -1."""
    at = 0
    while at < len(data):
        end, start, key = _bounds(data, at)
        if end > len(data):
            yield -1, b"", data[at:]
            return
        payload = data[start:end]
        yield data[at], xor(payload, key) if key else payload, data[at:end]
        at = end


def _bounds(data: bytes, at: int) -> tuple[int, int, bytes]:
    if at + 2 > len(data):
        return len(data) + 1, 0, b""
    size, start = data[at + 1] & 0x7F, at + 2
    if size >= 126:
        width = 2 if size == 126 else 8
        size, start = int.from_bytes(data[start : start + width], "big"), start + width
    key = data[start : start + 4] if data[at + 1] & 0x80 else b""
    start += len(key)
    return start + size, start, key
