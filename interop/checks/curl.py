"""Plain requests and malformed upgrades at `framegate relay`, sent by curl: each has its defined
answer.
"""

import asyncio
import hashlib
import signal
from pathlib import Path

from backend import pair
from fetch import conversation, fetch
from harness import check, equal, expect
from origin import Origin
from processes import output_of, send

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
# RFC 6455 section 1.3 computes this answer to the key above.
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


async def curl(url: str, *options: str) -> tuple[int, dict[str, str]]:
    """The status and the headers (lower case, first of each name) of the answer."""
    code, out, err = await output_of(
        ["curl", "--silent", "--show-error", "--include", "--http1.1", "--noproxy", "*"]
        + ["--max-time", "5", *options, url]
    )
    if code not in (0, 52, 56):
        raise AssertionError(f"curl ended with {code}: {err}")
    return head_of(out)


def head_of(text: str) -> tuple[int, dict[str, str]]:
    """Parses a response head."""
    lines = text.split("\r\n\r\n", 1)[0].split("\r\n")
    status = int(lines[0].split()[1]) if lines[0].startswith("HTTP/") else 0
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers.setdefault(name.lower(), value.strip())
    return status, headers


def upgrade(**changes: str | None) -> list[str]:
    """curl options for an upgrade; None leaves a header out, underscores stand for hyphens."""
    changed = {name.replace("_", "-"): value for name, value in changes.items()}
    headers = UPGRADE | changed
    return [
        part
        for name, value in headers.items()
        if value is not None
        for part in ("--header", f"{name}: {value}")
    ]


async def refused(rig, status: int, *options: str) -> dict[str, str]:
    """Sends a request that must end at the gateway, with this status; gives the headers."""
    before = rig.backend.requests
    got, headers = await curl(rig.gateway.http("/"), *options)
    equal(got, status, "status")
    equal(rig.backend.requests, before, "requests that reached the backend")
    return headers


@check("curl: a well-formed upgrade gets a 101 with the right Sec-WebSocket-Accept")
async def raw_upgrade(rig) -> None:
    process = await asyncio.create_subprocess_exec(
        # `--include` holds a 1xx head back, `--dump-header` does not.
        *["curl", "--silent", "--no-buffer", "--dump-header", "-", "--http1.1", "--noproxy", "*"],
        *["--max-time", "5", *upgrade(), rig.gateway.http("/")],
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        # curl stays connected after a 101, so its output is read no further than the head.
        head = await process.stdout.readuntil(b"\r\n\r\n")
    finally:
        send(process, signal.SIGTERM)
        await process.wait()
    status, headers = head_of(head.decode())
    equal(status, 101, "status")
    equal(headers.get("sec-websocket-accept"), ACCEPT, "Sec-WebSocket-Accept")
    equal(headers.get("upgrade", "").lower(), "websocket", "Upgrade")
    expect("upgrade" in headers.get("connection", "").lower(), "Connection lacks `upgrade`")


@check("curl: a relay takes plain requests to its backend and the answers back")
async def plain(rig) -> None:
    origin = await Origin.start(rig, "plain")
    gateway = await rig.new_gateway("plain", origin.port)
    for method, options, body in (
        ("GET", [], b""),
        ("POST", ["--data", "hello"], b"hello"),
        ("PUT", ["--header", "Transfer-Encoding: chunked", "--upload-file", __file__], None),
    ):
        sent = Path(__file__).read_bytes() if body is None else body
        answer = await fetch(gateway.http("/what/ever?x=1"), *options)
        equal((answer.code, answer.status), (0, 200), f"code and status of {method}")
        seen = answer.seen()
        equal((seen.method, seen.target), (method, "/what/ever?x=1"), "what the backend saw")
        equal(seen.sha256, hashlib.sha256(sent).hexdigest(), f"body of {method}")
        equal(seen.all("Host"), [gateway.address()], "Host")
    url = gateway.http("/download/1000")
    got = await conversation([url], ["--head", url], [gateway.http("/status/404")])
    equal(got, [(200, 1), (200, 0), (404, 0)], "statuses, and connections that curl made")


@check("curl: a plain request to a backend that speaks WebSocket alone gets its answer (426)")
async def plain_to_websocket(rig) -> None:
    before = rig.backend.requests
    status, _ = await curl(rig.gateway.http("/"))
    equal(status, 426, "status")
    equal(rig.backend.requests, before + 1, "requests that reached the backend")
    record = await rig.gateway.record("request", status=426)
    equal(record.get("reason"), None, "reason of an answer that is not the gateway's own")


@check("curl: another WebSocket version gets 426 with the version that is spoken")
async def versions(rig) -> None:
    for version in ("8", "0", "14", "banana"):
        headers = await refused(rig, 426, *upgrade(Sec_WebSocket_Version=version))
        equal(headers.get("sec-websocket-version"), "13", "Sec-WebSocket-Version")


@check("curl: an upgrade by POST gets 405")
async def post(rig) -> None:
    headers = await refused(rig, 405, "--request", "POST", *upgrade())
    equal(headers.get("allow"), "GET", "Allow")


@check("curl: a key that is not 16 bytes of base64 gets 400")
async def bad_keys(rig) -> None:
    for key in (None, "dGhlIHNhbXBsZSBub25j", "not base64 at all!!!!!!!", "x"):
        await refused(rig, 400, *upgrade(Sec_WebSocket_Key=key))


@check("curl: two keys get 400")
async def two_keys(rig) -> None:
    second = ["--header", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="]
    await refused(rig, 400, *upgrade(), *second)


@check("curl: an upgrade that carries a body gets 400")
async def with_body(rig) -> None:
    await refused(rig, 400, "--request", "GET", "--data", "hello", *upgrade())


@check("curl: a header of 20 KiB gets 431")
async def long_header(rig) -> None:
    await refused(rig, 431, *upgrade(X_Long="x" * 20_480))


@check("curl: the gateway serves on after all of this")
async def serves_on(rig) -> None:
    async with pair(rig) as (client, server):
        await client.send("still here")
        equal(await server.recv(), "still here", "message")
