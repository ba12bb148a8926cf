"""A SIP client over WebSocket frame by frame, and requests of every shape."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import wire
from harness import equal
from sip.message import Message, token

SUBPROTOCOL = "Sec-WebSocket-Protocol: sip"
# Stays the same for all requests of a client, as in browsers.
HOST = "client.invalid"


@asynccontextmanager
async def client(port: int, target: str = "/sip") -> AsyncIterator[wire.End]:
    """A client whose subprotocol is `sip`."""
    async with wire.session(port, target, SUBPROTOCOL) as end:
        yield end


def request(method: str = "MESSAGE", body: bytes = b"", **headers: str | None) -> Message:
    """A request; a header given here replaces one that is here, with None there is none. `_`
    stands for `-` in names, and `target` is the Request-URI."""
    target = headers.pop("target", "sip:bob@sip.example.test")
    fields = {
        "Via": f"SIP/2.0/WS {HOST};branch=z9hG4bK{token()}",
        "Max-Forwards": "70",
        "From": f"<sip:alice@sip.example.test>;tag={token()}",
        "To": "<sip:bob@sip.example.test>",
        "Call-ID": token(),
        "CSeq": f"1 {method}",
        "Content-Length": str(len(body)),
    }
    for name, value in headers.items():
        name = name.replace("_", "-")
        known = next((has for has in fields if has.lower() == name.lower()), name)
        fields[known] = value
    pairs = [(name, value) for name, value in fields.items() if value is not None]
    return Message(f"{method} {target} SIP/2.0", pairs, body)


def exact(message: Message) -> bytes:
    """The message with no header added."""
    lines = [message.first, *(f"{name}: {value}" for name, value in message.headers)]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + message.body


async def sip(end: wire.End, within: float = 10) -> Message:
    """The next message, which must be one frame of text; pings are passed over."""
    frame = await end.frame(within)
    while frame is not None and frame.opcode in (wire.PING, wire.PONG):
        frame = await end.frame(within)
    if frame is None:
        raise AssertionError("the connection ended where a message was due")
    equal(
        (frame.opcode, frame.fin), (wire.TEXT, True), f"opcode and FIN of {frame.payload[:200]!r}"
    )
    return Message.parse(frame.payload)
