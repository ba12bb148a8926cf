"""Bodies of HTTP, by curl: of every size and framing, as they come, whole or cut short."""

import asyncio
import hashlib
import itertools
import os
import signal
from contextlib import asynccontextmanager
from pathlib import Path

from fetch import CURL, conversation, fetch, raw
from gateway import Gateway
from harness import check, equal, eventually, expect
from origin import Origin
from processes import send

CONFIG = """
listeners { listener "main" { address "127.0.0.1:0"; protocol "http" } }
routes {
    route "limited" { matches { path-prefix "/limited" }; upstream "origin"; max-body-size "1MB" }
    route "impatient" { matches { path-prefix "/never" }; upstream "impatient" }
    route "all" { upstream "origin" }
}
upstreams {
    upstream "origin" { target "$origin" }
    upstream "impatient" { target "$origin"; timeouts { request 1 } }
}
"""
MIB = 1 << 20
_keys = (f"key-{number}" for number in itertools.count(1))


async def stage(rig) -> tuple[Gateway, Origin]:
    """A gateway and the backend behind it."""
    origin = await Origin.start(rig, "bodies")
    return await rig.configured("bodies", CONFIG, origin=origin.address), origin


def file_of(rig, size: int) -> tuple[str, str]:
    """A file of so many bytes of chance, and their checksum."""
    content = os.urandom(size)
    file = Path(rig.folder, "upload")
    file.write_bytes(content)
    return str(file), hashlib.sha256(content).hexdigest()


CHUNKED = ["--header", "Transfer-Encoding: chunked"]


def register_upload(how: str, *options: str) -> None:
    @check(f"curl: uploads of few bytes to 64 MiB arrive whole, {how}", deadline=40)
    async def body(rig) -> None:
        front, _ = await rig.shared(stage)
        # Not none in chunks: curl 7.88 never sends the last chunk of an empty file.
        for size in ([] if options else [0]) + [1, 65_536, 64 * MIB]:
            file, checksum = file_of(rig, size)
            answer = await fetch(front.http("/put"), *options, "--upload-file", file)
            equal((answer.code, answer.status), (0, 200), f"{size} bytes: {answer.error}")
            seen = answer.seen()
            equal((seen.method, seen.bytes, seen.sha256), ("PUT", size, checksum), "what arrived")
            framing = "Transfer-Encoding" if options else "Content-Length"
            wanted = ["chunked"] if options else [str(size)]
            equal(seen.all(framing), wanted, framing)


register_upload("with their length")
register_upload("in chunks", *CHUNKED)


def register_download(how: str, tail: str) -> None:
    @check(f"curl: downloads of 0 bytes to 64 MiB arrive whole, {how}", deadline=40)
    async def body(rig) -> None:
        front, _ = await rig.shared(stage)
        for size in (0, 1, 65_536, 64 * MIB):
            answer = await fetch(front.http(f"/download/{size}{tail}"))
            equal((answer.code, answer.status), (0, 200), f"{size} bytes: {answer.error}")
            equal(len(answer.body), size, "bytes")
            equal(hashlib.sha256(answer.body).hexdigest(), answer.get("X-Sha256"), "checksum")
            expect(tail or answer.get("Content-Length") == str(size), "the length is lost")


register_download("with their length", "")
register_download("in chunks", "/chunked")


@check("curl: ten downloads and ten uploads of 8 MiB at once do not get mixed up", deadline=40)
async def at_once(rig) -> None:
    front, _ = await rig.shared(stage)
    file, checksum = file_of(rig, 8 * MIB)
    down = [fetch(front.http(f"/download/{8 * MIB + number}")) for number in range(10)]
    up = [fetch(front.http("/put"), "--upload-file", file) for _ in range(10)]
    downloads, uploads = await asyncio.gather(asyncio.gather(*down), asyncio.gather(*up))
    for number, answer in enumerate(downloads):
        equal(len(answer.body), 8 * MIB + number, "bytes")
        equal(hashlib.sha256(answer.body).hexdigest(), answer.get("X-Sha256"), "checksum")
    equal({answer.seen().sha256 for answer in uploads}, {checksum}, "checksums of uploads")


@asynccontextmanager
async def curl(*options: str):
    """A curl under way, with pipes at both ends."""
    process = await asyncio.create_subprocess_exec(
        *CURL,
        "--no-buffer",
        *options,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        send(process, signal.SIGKILL)
        await process.wait()


@check("curl: the beginning of an answer is there before its end is made")
async def streams_down(rig) -> None:
    front, origin = await rig.shared(stage)
    key = next(_keys)
    async with curl(front.http(f"/drip/{key}")) as process:
        equal(await process.stdout.readline(), b"first\n", "first line")
        await origin.ask(f"/release/{key}")
        equal(await process.stdout.read(), b"second\n", "the rest")


@check("curl: the beginning of an upload is at the backend before its end is sent")
async def streams_up(rig) -> None:
    front, origin = await rig.shared(stage)
    key = next(_keys)
    async with curl("--upload-file", "-", front.http(f"/upload/{key}")) as process:
        process.stdin.write(b"x" * 100_000)
        await eventually("100,000 bytes at the backend", lambda: arrived(origin, key, 100_000))
        process.stdin.write(b"y" * 100_000)
        process.stdin.close()
        expect(b'"bytes":200000' in await process.stdout.read(), "not all of it arrived")


async def arrived(origin: Origin, key: str, size: int) -> bool:
    """Whether so much of an upload has come."""
    return int(await origin.ask(f"/progress/{key}")) >= size


@check("curl: a client that goes away in the middle of a download is seen to at the backend")
async def given_up(rig) -> None:
    front, origin = await rig.shared(stage)
    key = next(_keys)
    async with curl(front.http(f"/drip/{key}")) as process:
        await process.stdout.readline()
    await eventually("the backend's answer is given up", lambda: origin.ask(f"/end/{key}"))
    equal(await origin.ask(f"/end/{key}"), "given up", "end of the answer")


@check("curl: an answer that breaks off breaks off at the client, and is not made to look whole")
async def cut(rig) -> None:
    front, _ = await rig.shared(stage)
    for how in ("length", "chunked"):
        answer = await fetch(front.http(f"/cut/{how}"))
        # curl's word for a transfer that ended early.
        equal((answer.code, answer.status), (18, 200), f"code and status, {how}")
        equal(answer.body, b"only this", "body")


@check("curl: trailers of an answer reach a client that asks for them")
async def trailers_down(rig) -> None:
    front, _ = await rig.shared(stage)
    wanted = ["--header", "TE: trailers", "--header", "Connection: TE"]
    answer = await fetch(front.http("/trailers"), *wanted)
    checksum = hashlib.sha256(answer.body).hexdigest()
    equal(answer.trailers, [("x-sha256", checksum)], "trailers")
    answer = await fetch(front.http("/trailers"))
    equal((answer.code, len(answer.body)), (0, 100_000), "without asking for them")


@check("trailers of a request reach the backend")
async def trailers_up(rig) -> None:
    front, _ = await rig.shared(stage)
    answer = await raw(
        front.port,
        "POST /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
        "Trailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 5\r\n\r\n",
    )
    equal(answer.status, 200, "status")
    expect(b'"bytes":5' in answer.body, f"body at the backend: {answer.body}")
    expect(b'"trailers":{"x-sum":"5"}' in answer.body, f"trailers at the backend: {answer.body}")


@check("curl: HEAD has the length and no body, and the connection is good for the next request")
async def head(rig) -> None:
    front, _ = await rig.shared(stage)
    answer = await fetch(front.http("/download/1000000"), "--head")
    equal((answer.code, answer.status), (0, 200), "code and status")
    equal(answer.get("Content-Length"), "1000000", "Content-Length")
    both = await conversation(["--head", front.http("/download/7")], [front.http("/download/7")])
    equal(both, [(200, 1), (200, 0)], "status and connections of a HEAD and a GET behind it")


@check("curl: answers that never have a body come through (204, 304)")
async def bodiless(rig) -> None:
    front, _ = await rig.shared(stage)
    for status in (204, 304):
        answer = await fetch(front.http(f"/status/{status}"))
        equal((answer.code, answer.status, answer.body), (0, status, b""), "code, status, body")


@check("curl: a client of HTTP/1.0 gets a chunked answer without chunks, and its end")
async def old_client(rig) -> None:
    front, _ = await rig.shared(stage)
    answer = await fetch(front.http("/download/300000/chunked"), "--http1.0")
    equal((answer.code, len(answer.body)), (0, 300_000), "code and bytes")
    equal(answer.get("Transfer-Encoding"), None, "Transfer-Encoding")


@check("curl: who expects a 100 gets one before it sends its body")
async def expects_continue(rig) -> None:
    front, _ = await rig.shared(stage)
    file, checksum = file_of(rig, 100_000)
    expecting = ["--header", "Expect: 100-continue", "--expect100-timeout", "10"]
    answer = await fetch(front.http("/put"), *expecting, "--upload-file", file)
    equal((answer.before, answer.status), ([100], 200), "answers")
    equal(answer.seen().sha256, checksum, "checksum")


@check("curl: a backend that decides by the head alone is heard while the upload is under way")
async def early(rig) -> None:
    front, _ = await rig.shared(stage)
    file, _ = file_of(rig, 32 * MIB)
    # Whether the answer or the end of the connection is seen first is chance.
    for _ in range(10):
        answer = await fetch(front.http("/early"), "--header", "Expect:", "--upload-file", file)
        equal((answer.status, answer.body), (403, b"no\n"), f"the answer ({answer.error})")


def register_limit(how: str, *options: str) -> None:
    @check(f"curl: a body above max-body-size gets 413, {how}; one of just that size passes")
    async def body(rig) -> None:
        front, origin = await rig.shared(stage)
        for size, status in ((MIB, 200), (MIB + 1, 413), (16 * MIB, 413)):
            file, _ = file_of(rig, size)
            answer = await fetch(front.http("/limited/put"), *options, "--upload-file", file)
            equal(answer.status, status, f"status of {size} bytes ({answer.error})")
        record = await front.record("request", route="limited", status=413)
        expect(record.get("reason"), f"the record gives no reason: {record}")
        file, _ = file_of(rig, 2 * MIB)
        answer = await fetch(front.http("/put"), *options, "--upload-file", file)
        equal(answer.status, 200, "status on a route without a limit")


register_limit("by its length")
register_limit("by its length, without asking first", "--header", "Expect:")
register_limit("in chunks", *CHUNKED)


@check("curl: a body whose length is above max-body-size is refused before it is sent")
async def refused_first(rig) -> None:
    front, origin = await rig.shared(stage)
    before = (await origin.facts())["requests"]
    file, _ = file_of(rig, 2 * MIB)
    expecting = ["--header", "Expect: 100-continue", "--expect100-timeout", "10"]
    answer = await fetch(front.http("/limited/put"), *expecting, "--upload-file", file)
    equal((answer.before, answer.status), ([], 413), "answers")
    equal((await origin.facts())["requests"], before, "requests at the backend")


@check("curl: a backend that does not answer within `timeouts { request }` gives 504")
async def never(rig) -> None:
    front, _ = await rig.shared(stage)
    answer = await fetch(front.http("/never"))
    equal(answer.status, 504, "status")
    record = await front.record("request", path="/never", status=504)
    expect(record.get("reason"), f"the record gives no reason: {record}")
