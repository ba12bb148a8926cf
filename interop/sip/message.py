"""SIP messages as the suite's own peers read and write them: in one way only, and strictly."""

import secrets
from dataclasses import dataclass, field

COMPACT = {
    "v": "via",
    "f": "from",
    "t": "to",
    "i": "call-id",
    "m": "contact",
    "k": "supported",
    "l": "content-length",
    "c": "content-type",
}
LISTS = ("via", "route", "record-route", "path", "contact")


@dataclass
class Message:
    """A request or a response; names of headers stand as they came."""

    first: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    @classmethod
    def parse(cls, raw: bytes) -> "Message":
        """Reads one message that is all of `raw`; what is not that is a `ValueError`."""
        head, gap, body = raw.partition(b"\r\n\r\n")
        if not gap:
            raise ValueError(f"a head without its end: {raw[:200]!r}")
        first, *lines = head.decode().split("\r\n")
        headers = []
        for line in lines:
            if line[:1] in (" ", "\t"):
                name, value = headers.pop()
                headers.append((name, f"{value} {line.strip()}"))
                continue
            name, colon, value = line.partition(":")
            if not colon:
                raise ValueError(f"no header: {line!r}")
            headers.append((name.strip(), value.strip()))
        message = cls(first, headers, body)
        said = message.get("content-length")
        if said is not None and int(said) != len(body):
            raise ValueError(f"Content-Length is {said}, the body has {len(body)} bytes")
        return message

    def bytes(self) -> bytes:
        """The message on the wire; Content-Length is written where it is missing."""
        lines = [self.first, *(f"{name}: {value}" for name, value in self.headers)]
        if self.get("content-length") is None:
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body

    @property
    def status(self) -> int:
        """The status of a response; 0 of a request."""
        return int(self.first.split()[1]) if self.first.startswith("SIP/2.0 ") else 0

    @property
    def method(self) -> str:
        """The method, of a response that of its request."""
        return self.get("cseq").split()[1] if self.status else self.first.split()[0]

    @property
    def target(self) -> str:
        """The Request-URI."""
        return self.first.split()[1]

    @property
    def sequence(self) -> int:
        """The number in CSeq."""
        return int(self.get("cseq").split()[0])

    @property
    def branch(self) -> str:
        """The branch of the top Via."""
        return parameter(self.all("via")[0], "branch")

    def get(self, name: str) -> str | None:
        """The value of the first line of a header."""
        return next((value for has, value in self.headers if canonical(has) == name), None)

    def all(self, name: str) -> list[str]:
        """The values of a header: of all its lines, and of lists each item."""
        lines = [value for has, value in self.headers if canonical(has) == name]
        if name not in LISTS:
            return lines
        return [item for line in lines for item in items(line)]

    def reply(self, status: int, reason: str, tag: str = "", *more: tuple[str, str]) -> "Message":
        """The response to this request (RFC 3261 section 8.2.6)."""
        headers = [("Via", value) for value in self.all("via")]
        headers.append(("From", self.get("from")))
        has_tag = parameter(self.get("to"), "tag") or not tag or status == 100
        headers.append(("To", self.get("to") + ("" if has_tag else f";tag={tag}")))
        headers += [("Call-ID", self.get("call-id")), ("CSeq", self.get("cseq")), *more]
        return Message(f"SIP/2.0 {status} {reason}", headers)


def canonical(name: str) -> str:
    """A header's name in lower case and not abbreviated."""
    name = name.strip().lower()
    return COMPACT.get(name, name)


def items(line: str) -> list[str]:
    """The items of a list; commas in quotes and angle brackets separate nothing."""
    found, begin, quoted, depth = [], 0, False, 0
    for at, char in enumerate(line):
        if char == '"' and line[at - 1] != "\\":
            quoted = not quoted
        elif not quoted and char in "<>":
            depth += 1 if char == "<" else -1
        elif not quoted and not depth and char == ",":
            found.append(line[begin:at].strip())
            begin = at + 1
    return [*found, line[begin:].strip()]


def parameter(value: str, name: str) -> str:
    """A parameter behind the angle brackets, or of a value without them; empty without it."""
    for part in value.rpartition(">")[2].split(";")[1:]:
        has, _, content = part.strip().partition("=")
        if has.lower() == name:
            return content
    return ""


def uri(value: str) -> str:
    """What stands in angle brackets, or before the parameters."""
    inner = value.partition("<")[2].partition(">")[0]
    return inner or value.partition(";")[0].strip()


def token() -> str:
    """A random word for tags, branches and Call-IDs."""
    return secrets.token_hex(6)
