"""The page: what was tried and what came of it, in tables that are the same in every run."""

from .attacks import ATTACKS
from .encodings import ENCODINGS
from .frames import DEFLATES, SHAPES
from .matrix import Group

OPENING = """\
# The evasion matrix

Attacks in every dress that WebSocket and its payloads allow, sent through the release binary on a
route with `websocket {{ inspect {{ }} }}`, and what came of them. *Closed* means: the other side got
not a byte of the message, both sides were told 1008 (Policy Violation), or the code that names the
fault where the stream breaks the rules, and both connections ended. The tables say how many were
closed, of how many. A program writes this page, and every run of `./test` measures all of it again
and fails when a cell is not closed or the page says anything else.

    interop/evasion/run --write docs/evasion-matrix.md

All frames are made byte by byte, by a program of their own at either end (`interop/evasion/`): no
library decides what may be sent. A message without any fault goes before each attack and arrives.

**{closed} of {attacks} attacks closed; {passed} of {twins} benign messages passed.**
"""

MESSAGES = """
## What is sent, and how it is encoded

{attacks} attacks × {encodings} encodings × {shapes} ways to cut a message × {deflates} ways to
compress it × text and binary (the last three encodings: binary only) × both directions.

{table}

The attacks, each with characters of two and of four bytes:

{list}
"""

FORMS = """
## How it is cut and compressed

The same sessions, counted by form. Where compression is agreed on, RSV1 is set on the first
fragment and the fragments are cuts through the compressed bytes. But for the last column, both
sides were told to compress each message by itself, whatever was offered; for the last column the
route has `context-takeover true`, and an attack refers to a benign message before it.

{table}
"""

PLACES = """
## In control frames

The encodings above, as far as they fit into 125 bytes.

{table}
"""

TRICKS = """
## In streams that break the rules

The sender is told the code; the other side is told 1001 when it is the upstream and 1011 when it is
the client, but 1008 where something was found (the last three rows). Two streams just end, and so
does what the other side gets.

{table}
"""

TWINS = """
## Benign messages

For every attack there is a message that looks much like it and does no harm. It arrives with the
very bytes of its frames: mask, fragments and compression as they were sent.

{table}
"""


def write(result) -> str:
    """The page for what was counted."""
    closed, attacks = result.closed()
    figures = {
        "closed": _number(closed),
        "attacks": _number(attacks),
        "passed": _number(result.twins.closed.total()),
        "twins": _number(result.twins.total.total()),
    }
    parts = [
        OPENING.format(**figures),
        MESSAGES.format(
            attacks=len(ATTACKS),
            encodings=len(ENCODINGS),
            shapes=len(SHAPES),
            deflates=len(DEFLATES),
            table=_table("encoding", result.by_encoding),
            list="\n".join(f"- {what.category}: `{what.text.strip()}`" for what in ATTACKS),
        ),
        FORMS.format(table=_table("form", result.by_form)),
        PLACES.format(table=_table("place", result.by_place)),
        TRICKS.format(table=_table("attack", result.by_trick, result.codes)),
        TWINS.format(table=_table("form", result.twins)),
    ]
    return "".join(parts)


def _table(corner: str, group: Group, codes: dict[str, int] | None = None) -> str:
    columns = group.axis(1)
    head = [corner, *(["code"] if codes else []), *columns]
    lines = [head, ["---", *["---:"] * (len(head) - 1)]]
    for row in group.axis(0):
        cells = [
            f"{_number(group.closed[row, column])}/{_number(group.total[row, column])}"
            if group.total[row, column]
            else "–"
            for column in columns
        ]
        code = [str(codes[row] or "–")] if codes else []
        lines.append([row, *code, *cells])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _number(count: int) -> str:
    return f"{count:,}"
