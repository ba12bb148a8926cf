"""How a text is encoded within a message."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass

from wire import BINARY, TEXT


@dataclass(frozen=True)
class Encoding:
    """One way to write a text; `opcodes` are those of messages that can hold it."""

    name: str
    encode: Callable[[str], bytes]
    opcodes: tuple[int, ...] = (TEXT, BINARY)


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _units(text: str) -> list[int]:
    raw = text.encode("utf-16-be")
    return [raw[at] << 8 | raw[at + 1] for at in range(0, len(raw), 2)]


def _escaped(text: str) -> str:
    """Every character as `\\uXXXX`."""
    return "".join(f"\\u{unit:04x}" for unit in _units(text))


def _percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def _overlong(text: str) -> str:
    """Percent-encoded, with two bytes where one is enough: no UTF-8, but decoders exist that take
    it."""
    parts = []
    for char in text:
        code = ord(char)
        if char.isalnum() or char == " " or code > 127:
            parts.append(_percent(char) if code > 127 else char)
        else:
            parts.append(f"%{0xC0 | code >> 6:02x}%{0x80 | code & 0x3F:02x}")
    return "".join(parts)


def _hex(text: str) -> str:
    """As a string of JavaScript or of a shell."""
    return "".join(
        f"\\x{ord(char):02x}" if ord(char) < 128 and not char.isspace() else char for char in text
    )


def _base64(text: str) -> bytes:
    return base64.b64encode(text.encode())


def _url_safe(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _messagepack(text: str) -> bytes:
    raw = text.encode()
    return b"\x82\xa2id\xcd\x01\x02\xa4text\xd9" + bytes([len(raw)]) + raw


ENCODINGS = (
    Encoding("as it is", str.encode),
    Encoding("JSON, a string", lambda text: _json({"type": "chat", "text": text})),
    Encoding(
        "JSON, a string of `\\u` escapes", lambda text: f'{{"text":"{_escaped(text)}"}}'.encode()
    ),
    Encoding("JSON, a key", lambda text: _json([{text: 1}])),
    Encoding(
        "JSON, the first of two equal keys",
        lambda text: f'{{"text":{json.dumps(text)},"text":"hello"}}'.encode(),
    ),
    Encoding("JSON in a JSON string", lambda text: _json({"data": json.dumps({"text": text})})),
    Encoding("Socket.IO event", lambda text: b'42["message",' + _json({"text": text}) + b"]"),
    Encoding("percent", lambda text: f"q={_percent(text)}&page=2".encode()),
    Encoding("percent, twice", lambda text: f"q={_percent(text)}".replace("%", "%25").encode()),
    Encoding("percent, overlong UTF-8", lambda text: _overlong(text).encode()),
    Encoding(
        "HTML entities, decimal", lambda text: "".join(f"&#{ord(char)};" for char in text).encode()
    ),
    Encoding(
        "HTML entities, hexadecimal",
        lambda text: "".join(f"&#x{ord(char):04X};" for char in text).encode(),
    ),
    Encoding("`\\x` escapes", lambda text: _hex(text).encode()),
    Encoding("base64", _base64),
    Encoding("base64url in JSON", lambda text: _json({"blob": _url_safe(text)})),
    Encoding("percent in base64 in JSON", lambda text: _json([_base64(_percent(text)).decode()])),
    Encoding("MessagePack", _messagepack, (BINARY,)),
    Encoding("UTF-16 with a mark", lambda text: b"\xff\xfe" + text.encode("utf-16-le"), (BINARY,)),
    Encoding("UTF-16 without a mark", lambda text: text.encode("utf-16-be"), (BINARY,)),
)
