"""What of a request's head reaches the backend, and of an answer's the client; and how many
connections that takes.
"""

import json

from websockets.datastructures import Headers

from backend import dial
from fetch import Seen, conversation, fetch
from gateway import Gateway
from harness import check, equal, expect
from origin import Origin

CONFIG = """
server { worker-threads 1 }
listeners {
    listener "plain" { address "127.0.0.1:0"; protocol "http" }
    listener "trusting" {
        address "127.0.0.1:0"; protocol "http"
        trusted-proxies "127.0.0.1"
        forwarded true
    }
}
routes {
    route "renamed" { matches { path-prefix "/renamed" }; upstream "renamed" }
    route "all" { upstream "origin" }
}
upstreams {
    upstream "origin" { target "$origin" }
    upstream "renamed" { target "$origin"; host "inner.example.test:81" }
}
"""


async def stage(rig) -> tuple[Gateway, Origin]:
    """A gateway with one thread, so that all of its connections are in one pool."""
    origin = await Origin.start(rig, "forwarding")
    return await rig.configured("forwarding", CONFIG, origin=origin.address), origin


async def seen(rig, path: str = "/hello", *headers: str, listener: str = "plain") -> Seen:
    """What the backend sees of a curl request with these headers; its answer is a 200."""
    front, _ = await rig.shared(stage)
    options = [part for header in headers for part in ("--header", header)]
    answer = await fetch(front.http(path, listener), *options)
    equal(answer.status, 200, f"status ({answer.error})")
    return answer.seen()


@check("curl: the backend gets the client's Host, or the one that its upstream has")
async def host(rig) -> None:
    front, _ = await rig.shared(stage)
    equal((await seen(rig)).all("Host"), [front.address("plain")], "Host")
    got = await seen(rig, "/", "Host: example.test:8080")
    equal(got.all("Host"), ["example.test:8080"], "Host of the client's choice")
    got = await seen(rig, "/renamed", "Host: example.test:8080")
    equal(got.all("Host"), ["inner.example.test:81"], "Host of an upstream with `host`")
    equal(got.all("X-Forwarded-Host"), ["example.test:8080"], "X-Forwarded-Host")


FORGED = (
    "X-Forwarded-For: 203.0.113.7, 198.51.100.9",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: forged.test",
    "Forwarded: for=203.0.113.7;proto=https",
    "X-Request-Id: from-outside",
)


@check("curl: what a client says of itself is replaced by what the gateway knows")
async def forged(rig) -> None:
    front, _ = await rig.shared(stage)
    got = await seen(rig, "/forged", *FORGED, "Host: example.test")
    equal(got.all("X-Forwarded-For"), ["127.0.0.1"], "X-Forwarded-For")
    equal(got.all("X-Forwarded-Proto"), ["http"], "X-Forwarded-Proto")
    equal(got.all("X-Forwarded-Host"), ["example.test"], "X-Forwarded-Host")
    equal(got.all("Forwarded"), [], "Forwarded")
    (request_id,) = got.all("X-Request-Id")
    expect(request_id != "from-outside", "X-Request-Id is the client's")
    record = await front.record("request", path="/forged")
    equal(record["request_id"], request_id, "request id on record")


@check("curl: a trusted proxy is believed, added to, and told with Forwarded where that is wanted")
async def trusted(rig) -> None:
    front, _ = await rig.shared(stage)
    got = await seen(rig, "/trusted", *FORGED, "Host: example.test", listener="trusting")
    chain = ", ".join(got.all("X-Forwarded-For"))
    equal(chain, "203.0.113.7, 198.51.100.9, 127.0.0.1", "X-Forwarded-For")
    equal(got.all("X-Forwarded-Proto"), ["https"], "X-Forwarded-Proto")
    equal(got.all("X-Forwarded-Host"), ["forged.test"], "X-Forwarded-Host")
    equal(got.all("X-Request-Id"), ["from-outside"], "X-Request-Id")
    forwarded = ", ".join(got.all("Forwarded"))
    expect(forwarded.startswith("for=203.0.113.7;proto=https,"), f"Forwarded: {forwarded}")
    expect("for=127.0.0.1" in forwarded, f"Forwarded lacks our own part: {forwarded}")
    # The first one from the right that is no trusted proxy is the client.
    record = await front.record("request", path="/trusted")
    equal(record["client"].partition(":")[0], "198.51.100.9", "client on record")


@check("curl: own headers pass, every line of them, in order and as they are")
async def own(rig) -> None:
    got = await seen(rig, "/", "X-Own: first", "X-Own: second", "Cookie: a=1; b=2", "X-Empty;")
    equal(got.all("X-Own"), ["first", "second"], "X-Own")
    equal(got.all("Cookie"), ["a=1; b=2"], "Cookie")
    equal(got.all("X-Empty"), [""], "X-Empty")


@check("curl: fields for this hop stay here, and nobody can have ours removed by naming them")
async def hop_by_hop(rig) -> None:
    got = await seen(
        rig,
        "/",
        "Connection: keep-alive, X-Own, X-Forwarded-For, X-Request-Id",
        "X-Own: secret",
        "Keep-Alive: timeout=5",
        "Proxy-Connection: keep-alive",
        "TE: gzip",
    )
    for name in ("X-Own", "Keep-Alive", "Proxy-Connection", "TE"):
        equal(got.all(name), [], name)
    equal(got.all("X-Forwarded-For"), ["127.0.0.1"], "X-Forwarded-For")
    equal(len(got.all("X-Request-Id")), 1, "lines of X-Request-Id")


@check("curl: fields of an answer that are for the gateway stay there, the others pass")
async def hop_by_hop_back(rig) -> None:
    front, _ = await rig.shared(stage)
    answer = await fetch(front.http("/hop", "plain"))
    equal((answer.status, answer.get("X-End")), (200, "for you"), "status and X-End")
    for name in ("X-Hop", "Proxy-Connection"):
        equal(answer.get(name), None, name)


@check("curl: an upgrade to h2c is taken for an ordinary request (--http2)")
async def h2c(rig) -> None:
    front, _ = await rig.shared(stage)
    answer = await fetch(front.http("/hello", "plain"), "--http2")
    equal((answer.before, answer.status), ([], 200), "statuses")
    for name in ("Upgrade", "HTTP2-Settings", "Connection"):
        equal([value for value in answer.seen().all(name) if value != "keep-alive"], [], name)


@check("the backend of a WebSocket sees the same of its client as that of a request")
async def websocket(rig) -> None:
    front, _ = await rig.shared(stage)
    headers = Headers([tuple(line.split(": ", 1)) for line in FORGED])
    async with dial(front.url("/who", "trusting"), additional_headers=headers) as client:
        got = Seen(**json.loads(await client.recv()))
    chain = ", ".join(got.all("X-Forwarded-For"))
    equal(chain, "203.0.113.7, 198.51.100.9, 127.0.0.1", "X-Forwarded-For")
    equal(got.all("X-Request-Id"), ["from-outside"], "X-Request-Id")


@check("curl: one connection carries one request after the other, at either end of the gateway")
async def keep_alive(rig) -> None:
    front, _ = await rig.shared(stage)
    get = [front.http("/download/1000", "plain")]
    post = ["--data", "x=1", front.http("/post", "plain")]
    absent = [front.http("/status/404", "plain")]
    got = await conversation(get, post, ["--head", *get], absent, get)
    equal([status for status, _ in got], [200, 200, 200, 404, 200], "statuses")
    equal([made for _, made in got], [1, 0, 0, 0, 0], "connections that curl made")
    connections = {(await seen(rig)).connection for _ in range(10)}
    equal(len(connections), 1, "connections to the backend for ten requests of ten clients")


@check("curl: a pooled connection that the backend has closed costs nobody a request")
async def stale(rig) -> None:
    front, origin = await rig.shared(stage)
    for _ in range(3):
        equal((await seen(rig)).server, "forwarding", "who answers")
        await origin.kill()
        await origin.again()
        answer = await fetch(front.http("/post", "plain"), "--data", "x=1")
        equal(answer.status, 200, "status of a POST after the restart")
