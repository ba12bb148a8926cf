"""What is tried, and what must come of it.

An attack is *closed* when the other side got nothing of its message, not a byte, when both sides
were told 1008 (Policy Violation), and when both connections ended. A twin has *passed* when the
other side got its very bytes.
"""

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from wire import CLOSE, PING, PONG, TEXT

from .attacks import ATTACKS, Attack
from .encodings import ENCODINGS, Encoding
from .frames import DEFLATES, SHAPES, UNCOMPRESSED, Deflate, Shape, farewell, frame, message, split
from .sessions import Sender, Trial

# Goes before every attack, so that a session that passes nothing at all proves nothing.
GREETING = b"hello, I am a message without any fault"
# Twins that share a session.
SHARED = 24


@dataclass
class Group:
    """Trials that are counted together, by the words of their row and of their column."""

    closed: Counter = field(default_factory=Counter)
    total: Counter = field(default_factory=Counter)

    def add(self, row: str, column: str, held: bool) -> None:
        """Counts one."""
        self.total[row, column] += 1
        self.closed[row, column] += held

    def axis(self, which: int) -> list[str]:
        """The rows (0) or the columns (1) in the order in which they came."""
        return list(dict.fromkeys(key[which] for key in self.total))


@dataclass(frozen=True)
class Dress:
    """Everything about a message but what it says."""

    sender: Sender
    deflate: Deflate
    shape: Shape
    encoding: Encoding
    opcode: int

    @property
    def masked(self) -> bool:
        """Whether the sender masks."""
        return self.sender is Sender.CLIENT

    @property
    def route(self) -> str:
        """The route that permits it."""
        return "takeover" if self.deflate.takeover else "inspected"

    def write(self, payload: bytes, compress) -> bytes:
        """The frames of a payload; `compress` is that of the session."""
        rsv1 = compress is not None and self.deflate not in UNCOMPRESSED
        payload = compress(payload) if compress else payload
        return message(self.opcode, payload, self.shape, self.masked, rsv1)

    def told(self) -> str:
        """In words, for who looks for a cell that did not hold."""
        parts = (self.sender.value, self.deflate.name, self.shape.name, self.encoding.name)
        return ", ".join([*parts, "text" if self.opcode == TEXT else "binary"])


def dresses() -> Iterator[Dress]:
    """All of them."""
    for sender, deflate, shape, encoding in itertools.product(Sender, DEFLATES, SHAPES, ENCODINGS):
        for opcode in encoding.opcodes:
            yield Dress(sender, deflate, shape, encoding, opcode)


def attack(dress: Dress, what: Attack) -> tuple[Trial, bytes]:
    """A session in which a greeting and then an attack is sent; and what may pass of it."""
    compress = dress.deflate.compressor() if dress.deflate.compressor else None
    if dress.deflate.takeover:
        # A greeting that much of the attack can be copied from.
        greeting = Dress(dress.sender, dress.deflate, SHAPES[0], dress.encoding, dress.opcode)
        prelude = greeting.write(dress.encoding.encode(what.twin), compress)
    else:
        prelude = frame(TEXT, GREETING, dress.masked)
    stream = prelude + dress.write(dress.encoding.encode(what.text), compress)
    return Trial(dress.sender, dress.route, stream, dress.deflate.offer), prelude


def refused(trial: Trial, prelude: bytes, codes: tuple[int, int]) -> str:
    """Why an attack does not count as closed; empty when it does. `codes` are those that the
    sender and the other side must be told."""
    if trial.refusal:
        return f"no session: {trial.refusal}"
    passed = b""
    for first, payload, whole in split(bytes(trial.far.received)):
        opcode = first & 0x0F
        if first >= 0 and opcode == CLOSE:
            code = int.from_bytes(payload[:2], "big")
            if code != codes[1]:
                return f"the other side was told {code}"
            break
        if first < 0 or opcode not in (PING, PONG):
            passed += whole
        elif payload != b"still here":
            return f"a control frame passed with {payload!r}"
    else:
        return "the other side was told nothing"
    if passed != prelude:
        return f"the other side got {passed!r}, where only {prelude!r} may pass"
    told = closing_code(bytes(trial.near.received))
    if told != codes[0]:
        return f"the sender was told {told}"
    if not (trial.near.ended and trial.far.ended):
        return "a connection did not end"
    return takes_over(trial)


def closing_code(received: bytes) -> int | None:
    """The code of the first Close in a stream."""
    for first, payload, _ in split(received):
        if first >= 0 and first & 0x0F == CLOSE:
            return int.from_bytes(payload[:2], "big") if payload else 1005
    return None


def takes_over(trial: Trial) -> str:
    """Why the handshake was wrong: who was not told to compress each message by itself."""
    if not trial.offer or trial.route == "takeover":
        return ""
    for who, side in (("the client", trial.client), ("the upstream", trial.upstream)):
        if side.extensions.count("no_context_takeover") < 2:
            return f"{who} was told {side.extensions!r}"
    return ""


def twins() -> Iterator[tuple[Dress, list[tuple[Dress, Attack]], Trial]]:
    """Sessions with many benign messages each: one of them, what is in it, and the session."""
    cells = [(dress, what) for dress in dresses() for what in ATTACKS]
    for _, group in itertools.groupby(cells, lambda cell: (cell[0].sender, cell[0].deflate.name)):
        members = list(group)
        for start in range(0, len(members), SHARED):
            batch = members[start : start + SHARED]
            first = batch[0][0]
            compress = first.deflate.compressor() if first.deflate.compressor else None
            stream = b"".join(
                dress.write(dress.encoding.encode(what.twin), compress) for dress, what in batch
            )
            stream += farewell(first.masked)
            trial = Trial(first.sender, first.route, stream, first.deflate.offer, says_goodbye=True)
            yield first, batch, trial


def passed(trial: Trial) -> str:
    """Why benign messages do not count as passed; empty when they do."""
    if trial.refusal:
        return f"no session: {trial.refusal}"
    sent, came = sorted_out(trial.stream), sorted_out(bytes(trial.far.received))
    if sent != came:
        code, count = closing_code(bytes(trial.near.received)), messages(came[0])
        return f"other bytes came than were sent, {count} messages; the sender was told {code}"
    return takes_over(trial)


def messages(stream: bytes) -> int:
    """How many messages have come whole."""
    return sum(first >= 0 and first & 0x80 > 0 for first, _, _ in split(stream))


def sorted_out(stream: bytes) -> tuple[bytes, bytes]:
    """Data frames, and control frames: the latter may overtake the former."""
    data, control = [], []
    for first, _, whole in split(stream):
        (control if first >= 0 and first & 0x08 else data).append(whole)
    return b"".join(data), b"".join(control)
