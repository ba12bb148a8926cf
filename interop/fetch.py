"""HTTP requests: by curl, and byte by byte where curl is too polite to send them."""

import asyncio
import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from processes import output_of

CURL = ["curl", "--silent", "--show-error", "--http1.1", "--noproxy", "*", "--max-time", "15"]

Fields = list[tuple[str, str]]


@dataclass
class Answer:
    """What curl got. Names of fields are in lower case."""

    status: int = 0
    fields: Fields = field(default_factory=list)
    body: bytes = b""
    # Behind a chunked body.
    trailers: Fields = field(default_factory=list)
    # Statuses of the answers before the last one: 100, or those of redirects.
    before: list[int] = field(default_factory=list)
    # curl's exit code; 0 is an answer that came whole.
    code: int = 0
    error: str = ""

    def get(self, name: str) -> str | None:
        """The value of a field, of its first line if there are several."""
        return next((value for has, value in self.fields if has == name.lower()), None)

    def all(self, name: str) -> list[str]:
        """The values of all lines of a field."""
        return [value for has, value in self.fields if has == name.lower()]

    def seen(self) -> "Seen":
        """What the origin says that it saw, where it answered with that."""
        return Seen(**json.loads(self.body))


@dataclass
class Seen:
    """The account of a request by the origin (peers/origin.js)."""

    server: str
    connection: int
    method: str
    target: str
    headers: list[list[str]]
    bytes: int = 0
    sha256: str = ""
    trailers: dict[str, str] = field(default_factory=dict)

    def all(self, name: str) -> list[str]:
        """The values of all lines of a field."""
        return [value for has, value in self.headers if has.lower() == name.lower()]


async def fetch(url: str, *options: str) -> Answer:
    """Has curl ask once; a transfer that failed is an answer with that code, not an exception."""
    with tempfile.TemporaryDirectory(prefix="framegate-curl-") as folder:
        head, body = Path(folder, "head"), Path(folder, "body")
        where = ["--dump-header", str(head), "--output", str(body)]
        code, _, error = await output_of([*CURL, *where, *options, url])
        answer = read_head(head.read_bytes() if head.exists() else b"")
        answer.body = body.read_bytes() if body.exists() else b""
    answer.code, answer.error = code, error.strip()
    return answer


async def conversation(*requests: list[str]) -> list[tuple[int, int]]:
    """Has one curl ask one request after the other, each given as options and URL: the status of
    each, and how many connections it took to make."""
    argv = []
    for request in requests:
        ask = [*CURL, "--output", "/dev/null", "--write-out", "%{http_code} %{num_connects}\\n"]
        argv += [*(ask if not argv else ["--next", *ask[1:]]), *request]
    code, out, error = await output_of(argv)
    if code:
        raise AssertionError(f"curl ended with {code}: {error}")
    return [tuple(int(number) for number in line.split()) for line in out.splitlines()]


async def raw(port: int, request: str | bytes, host: str = "127.0.0.1") -> Answer:
    """Sends these very bytes and reads until the connection ends; without any answer the status
    is 0."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(request.encode("latin-1") if isinstance(request, str) else request)
        await writer.drain()
        got = await asyncio.wait_for(reader.read(), 10)
    except ConnectionError:
        got = b""
    finally:
        writer.close()
    head, _, body = got.partition(b"\r\n\r\n")
    answer = read_head(head)
    answer.body = body
    return answer


def read_head(head: bytes) -> Answer:
    """Reads what `--dump-header` writes: the heads of all answers, then the trailers."""
    answer = Answer()
    for block in head.decode("latin-1").split("\r\n\r\n"):
        first, *rest = block.split("\r\n")
        if first.startswith("HTTP/"):
            if answer.status:
                answer.before.append(answer.status)
            answer.status = int(first.split()[1])
            answer.fields = fields_of(rest)
        elif first:
            answer.trailers = fields_of([first, *rest])
    return answer


def fields_of(lines: list[str]) -> Fields:
    """Header lines as pairs."""
    parts = [line.partition(":") for line in lines if line]
    return [(name.lower(), value.strip()) for name, _, value in parts]
