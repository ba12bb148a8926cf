"""An attack where few look for one: in the payload of a Ping or Pong, in the reason of a Close."""

import itertools
from collections.abc import Iterator

from wire import CLOSE, PING, PONG, TEXT, closing

from .attacks import ATTACKS, Attack
from .encodings import ENCODINGS, Encoding
from .frames import CONTINUATION, frame
from .matrix import GREETING
from .sessions import Sender, Trial

PLACES = {
    "the payload of a Ping": PING,
    "the payload of a Ping between two fragments": PING,
    "the payload of a Pong": PONG,
    "the reason of a Close": CLOSE,
}
# Of a control frame's payload (RFC 6455 section 5.5).
ROOM = 125


def cells() -> Iterator[tuple[Sender, str, Encoding, Attack]]:
    """All that have room for their attack, and in a Close are text."""
    for sender, place, encoding, what in itertools.product(Sender, PLACES, ENCODINGS, ATTACKS):
        size = len(encoding.encode(what.text)) + 2 * (PLACES[place] == CLOSE)
        if size <= ROOM and (TEXT in encoding.opcodes or PLACES[place] != CLOSE):
            yield sender, place, encoding, what


def trial(sender: Sender, place: str, payload: bytes) -> tuple[Trial, bytes]:
    """A session with that payload in that place, and what of it may pass."""
    masked = sender is Sender.CLIENT
    opcode = PLACES[place]
    prelude = frame(TEXT, GREETING, masked)
    body = closing(1000) + payload if opcode == CLOSE else payload
    stream = prelude
    if "between" in place:
        stream += frame(TEXT, b"one ", masked, fin=False)
    stream += frame(opcode, body, masked)
    if "between" in place:
        stream += frame(CONTINUATION, b"two", masked)
    return Trial(sender, "inspected", stream), prelude
