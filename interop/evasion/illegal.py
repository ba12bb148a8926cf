"""An attack in a stream that breaks the rules, in the hope that who looks and who receives read it
differently, or that nobody looks at what cannot be read.

All of it ends the session with the code that names the fault, before a byte of it has passed.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from wire import BINARY, CLOSE, CONTINUATION, PING, TEXT, closing, xor

from .attacks import ATTACKS
from .encodings import ENCODINGS
from .frames import MASK, PLAIN_OFFER, continued, frame, independent, raw
from .matrix import GREETING
from .sessions import Sender, Trial

FIN, RSV1, RSV2, RSV3 = 0x80, 0x40, 0x20, 0x10

# What is told to the side that did not offend: the client is told 1011, the upstream 1001.
BYSTANDER = {Sender.CLIENT: 1001, Sender.UPSTREAM: 1011}


@dataclass(frozen=True)
class Trick:
    """A way to break the rules. `write` is given an attack and whether the sender masks."""

    name: str
    code: int
    write: Callable[[bytes, bool], bytes]
    offer: str = ""
    # Told to the other side, where it is not that of a bystander.
    other: int = 0
    half_close: bool = False


def _in_two(payload: bytes) -> tuple[bytes, bytes]:
    return payload[: len(payload) // 2], payload[len(payload) // 2 :]


def _overlong(payload: bytes) -> bytes:
    """The first character that is neither letter nor digit written with two bytes."""
    at = next(n for n, byte in enumerate(payload) if byte < 128 and not chr(byte).isalnum())
    return (
        payload[:at]
        + bytes((0xC0 | payload[at] >> 6, 0x80 | payload[at] & 0x3F))
        + payload[at + 1 :]
    )


def _long_length(payload: bytes, masked: bool) -> bytes:
    """With a length of eight bytes where one is enough."""
    mark = 0x80 if masked else 0
    head = bytes((FIN | TEXT, mark | 127)) + len(payload).to_bytes(8, "big")
    return head + (MASK + xor(payload, MASK) if masked else payload)


def _huge_length(payload: bytes, masked: bool) -> bytes:
    """With a length whose first bit is set."""
    mark = 0x80 if masked else 0
    head = bytes((FIN | TEXT, mark | 127)) + (1 << 63 | len(payload)).to_bytes(8, "big")
    return head + (MASK + xor(payload, MASK) if masked else payload)


def _foreign_window(payload: bytes, masked: bool) -> bytes:
    """Two messages of which the second refers to the first, though that was agreed not to be."""
    compress = continued()
    compress(payload)
    return frame(TEXT, compress(payload), masked, rsv1=True)


def _compressed(payload: bytes) -> bytes:
    return independent(9)()(payload)


def _bomb(payload: bytes, masked: bool) -> bytes:
    """256 MiB of nothing before the attack."""
    compress = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = bytes(1 << 20)
    parts = [compress.compress(zeros) for _ in range(256)]
    parts += [compress.compress(payload), compress.flush(zlib.Z_SYNC_FLUSH)]
    return frame(TEXT, b"".join(parts).removesuffix(b"\x00\x00\xff\xff"), masked, rsv1=True)


def _many_fragments(payload: bytes, masked: bool) -> bytes:
    parts = [frame(TEXT, b"", masked, fin=False)]
    parts += [frame(CONTINUATION, b"", masked, fin=False)] * 1_100
    return b"".join([*parts, frame(CONTINUATION, payload, masked)])


def _two_messages(payload: bytes, masked: bool) -> bytes:
    first, second = _in_two(payload)
    return frame(TEXT, first, masked, fin=False) + frame(TEXT, second, masked)


def _rsv1_later(payload: bytes, masked: bool) -> bytes:
    first, second = _in_two(_compressed(payload))
    return frame(BINARY, first, masked, fin=False) + frame(CONTINUATION, second, masked, rsv1=True)


TRICKS = (
    Trick("a byte that is no UTF-8 before it", 1007, lambda p, m: frame(TEXT, b"\xff" + p, m)),
    Trick("a byte that is no UTF-8 behind it", 1007, lambda p, m: frame(TEXT, p + b"\xff", m)),
    Trick("a character in overlong UTF-8", 1007, lambda p, m: frame(TEXT, _overlong(p), m)),
    Trick("half a surrogate pair", 1007, lambda p, m: frame(TEXT, p + b"\xed\xa0\xbd", m)),
    Trick("half a character at the end", 1007, lambda p, m: frame(TEXT, p + b"\xf0\x9f", m)),
    Trick("RSV1 without compression", 1002, lambda p, m: raw(FIN | RSV1 | TEXT, p, m)),
    Trick("RSV2", 1002, lambda p, m: raw(FIN | RSV2 | TEXT, p, m)),
    Trick("RSV3", 1002, lambda p, m: raw(FIN | RSV3 | BINARY, p, m)),
    Trick("a reserved data opcode", 1002, lambda p, m: raw(FIN | 3, p, m)),
    Trick("a reserved control opcode", 1002, lambda p, m: raw(FIN | 11, p, m)),
    Trick("masked by who must not, or not by who must", 1002, lambda p, m: frame(TEXT, p, not m)),
    Trick("a continuation of nothing", 1002, lambda p, m: frame(CONTINUATION, p, m)),
    Trick("a message within a message", 1002, _two_messages),
    Trick("a fragmented Ping", 1002, lambda p, m: frame(PING, p, m, fin=False)),
    Trick("a Ping of more than 125 bytes", 1002, lambda p, m: frame(PING, p * 8, m)),
    Trick(
        "a compressed Ping",
        1002,
        lambda p, m: frame(PING, _compressed(p), m, rsv1=True),
        PLAIN_OFFER,
    ),
    Trick("a length in more bytes than needed", 1002, _long_length),
    Trick("a length with the first bit set", 1002, _huge_length),
    Trick(
        "a Close of one byte before it",
        1002,
        lambda p, m: frame(CLOSE, b"\x03", m) + frame(TEXT, p, m),
    ),
    Trick(
        "in the reason of a Close with 1005",
        1002,
        lambda p, m: frame(CLOSE, closing(1005) + p[:120], m),
    ),
    Trick("RSV1 on the second fragment", 1002, _rsv1_later, PLAIN_OFFER),
    Trick(
        "called compressed, but it is not",
        1007,
        lambda p, m: frame(TEXT, b"\x07" + p, m, rsv1=True),
        PLAIN_OFFER,
    ),
    Trick(
        "compressed, the end cut off",
        1007,
        lambda p, m: frame(TEXT, _compressed(p)[:-4], m, rsv1=True),
        PLAIN_OFFER,
    ),
    Trick("compressed with another message's window", 1007, _foreign_window, PLAIN_OFFER),
    Trick("behind 256 MiB of compressed zeros", 1009, _bomb, PLAIN_OFFER),
    Trick("behind 2 MiB of spaces", 1009, lambda p, m: frame(TEXT, b" " * (2 << 20) + p, m)),
    Trick("behind 1,100 empty fragments", 1008, _many_fragments),
    Trick(
        "a message without its last fragment, then FIN",
        0,
        lambda p, m: frame(TEXT, p, m, fin=False),
        half_close=True,
    ),
    Trick(
        "a frame without its last byte, then FIN",
        0,
        lambda p, m: frame(TEXT, p, m)[:-1],
        half_close=True,
    ),
)

# Deeper than anybody looks: then that is the finding.
DEEP = {
    "under 80 arrays": lambda text: "[" * 80 + ENCODINGS[1].encode(text).decode() + "]" * 80,
    "in base64 seven times": lambda text: _repeated(ENCODINGS[13].encode, text, 7),
    "in percent signs seven times": lambda text: _percent_signs(text, 7),
}


def _repeated(encode: Callable[[str], bytes], text: str, times: int) -> str:
    for _ in range(times):
        text = encode(text).decode()
    return text


def _percent_signs(text: str, times: int) -> str:
    """All of it once, and then the percent signs again and again."""
    return ENCODINGS[7].encode(text).decode().replace("%", "%" + "25" * (times - 1))


def tricks() -> list[Trick]:
    """All of them, with those that are legal and too deep."""

    def deep(name: str, write: Callable[[str], str]) -> Trick:
        def stream(payload: bytes, masked: bool) -> bytes:
            return frame(TEXT, write(payload.decode()).encode(), masked)

        return Trick(name, 1008, stream, other=1008)

    return [*TRICKS, *(deep(name, write) for name, write in DEEP.items())]


def cells() -> Iterator[tuple[Trick, Sender, Trial, bytes, tuple[int, int]]]:
    """A session for each trick, side and attack; what may pass, and who is told what. The costly
    ones are tried with one attack."""
    for trick in tricks():
        costly = trick.code == 1009 or "1,100" in trick.name
        for sender in Sender:
            for what in ATTACKS[: 1 if costly else None]:
                masked = sender is Sender.CLIENT
                prelude = frame(TEXT, GREETING, masked)
                stream = prelude + trick.write(what.text.encode(), masked)
                trial = Trial(sender, "inspected", stream, trick.offer, trick.half_close)
                codes = trick.code, trick.other or BYSTANDER[sender]
                yield trick, sender, trial, prelude, codes
