"""Which route answers, which path the backend sees, and what is refused with which reason."""

import itertools
import json
import re

from checks.curl import upgrade
from fetch import Answer, fetch, raw
from gateway import Gateway
from harness import check, equal, expect
from origin import Origin

CONFIG = """
listeners {
    // Trusted, so that the checks can give their requests ids and find them in the records.
    listener "main" { address "127.0.0.1:0"; protocol "http"; trusted-proxies "127.0.0.1" }
}
routes {
    route "host" { matches { host "shop.example.test"; path-prefix "/r" }; upstream "origin" }
    route "wildcard" { matches { host "*.example.test"; path-prefix "/r" }; upstream "origin" }
    route "exact" { matches { path "/r/exact" }; upstream "origin" }
    route "regex" { matches { path-regex "^/r/[0-9]+$$" }; upstream "origin" }
    route "prefix" { matches { path-prefix "/r" }; upstream "origin" }
    route "longer" { matches { path-prefix "/r/longer" }; upstream "origin" }
    route "header" {
        priority 90
        matches { path-prefix "/r"; header name="X-Version" value="2" }
        upstream "origin"
    }
    route "query" {
        priority 90
        matches { path-prefix "/r"; query-param name="token" }
        upstream "origin"
    }
    route "method" {
        priority "critical"
        matches { path-prefix "/r"; method "DELETE" }
        upstream "origin"
    }
    route "subprotocol" {
        priority 200
        matches { path-prefix "/r"; subprotocol "v2" }
        upstream "origin"
    }
    route "deny" { matches { path-prefix "/deny" }; builtin-handler "not-found" }
    route "paths" { matches { path-prefix "/p" }; upstream "origin" }
    route "no-websocket" {
        matches { path-prefix "/no-ws" }
        upstream "origin"
        websocket { enabled false }
    }
    route "origins" {
        matches { path-prefix "/origins" }
        upstream "origin"
        websocket { origins "https://good.example.test" }
    }
    route "subprotocols" {
        matches { path-prefix "/subprotocols" }
        upstream "origin"
        websocket { subprotocols "chat.v1" }
    }
    route "health" {
        matches { path-prefix "/healthz" }
        service-type "builtin"
        builtin-handler "health"
    }
    route "status" { matches { path "/status" }; builtin-handler "status" }
    route "echo" { matches { path "/mirror" }; builtin-handler "echo"; max-body-size "1KB" }
    route "absent" { matches { path-prefix "/absent" }; upstream "absent" }
}
upstreams {
    upstream "origin" { target "$origin" }
    upstream "absent" { target "127.0.0.1:$nobody" }
}
"""


async def stage(rig) -> tuple[Gateway, Origin]:
    """A gateway with many routes, and the backend behind all of them."""
    origin = await Origin.start(rig, "routing")
    # Port 1 is nobody's.
    return await rig.configured("routing", CONFIG, origin=origin.address, nobody=1), origin


_numbers = itertools.count(1)


async def asked(rig, target: str, *options: str) -> tuple[Answer, dict]:
    """Asks for a request target to the letter; the answer, and the record of it."""
    front, _ = await rig.shared(stage)
    request_id = f"routing-{next(_numbers)}"
    head = ["--header", f"X-Request-Id: {request_id}", "--request-target", target]
    answer = await fetch(front.http(""), *head, *options)
    return answer, await front.record(None, request_id=request_id)


# The path, the route that answers, curl's options.
ROUTED = (
    ("/r", "prefix"),
    ("/r/", "prefix"),
    ("/r/some/where", "prefix"),
    ("/r/exact", "exact"),
    ("/r/exact/not", "prefix"),
    ("/r/12", "regex"),
    ("/r/12a", "prefix"),
    ("/r/longer", "longer"),
    ("/r/longer/x", "longer"),
    ("/r/longerx", "prefix"),
    ("/r", "host", "--header", "Host: shop.example.test"),
    ("/r", "host", "--header", "Host: SHOP.example.test:8080"),
    ("/r", "wildcard", "--header", "Host: a.b.example.test"),
    ("/r", "prefix", "--header", "Host: example.test"),
    ("/r", "header", "--header", "X-Version: 2"),
    ("/r", "prefix", "--header", "X-Version: 3"),
    ("/r?token=x", "query"),
    ("/r?a=b&%74oken", "query"),
    ("/r?tokens=x", "prefix"),
    ("/r", "method", "--request", "DELETE", "--header", "X-Version: 2"),
    ("/r", "subprotocol", "--header", "Sec-WebSocket-Protocol: v1, v2"),
    # A route is found by the path as it is forwarded.
    ("/x/../r/./exact", "exact"),
    ("/r/%65xact", "exact"),
    ("/rx", None),
    ("/", None),
)


@check("curl: host, path, prefix, regex, header, query, method and subprotocol choose the route")
async def routed(rig) -> None:
    for target, route, *options in ROUTED:
        answer, record = await asked(rig, target, *options)
        equal(answer.status, 200 if route else 404, f"status of {target} {options}")
        equal(record.get("route"), route, f"route of {target} {options}")
        expect(route or record.get("reason"), f"the 404 has no reason: {record}")


# What is sent, and what of it the backend sees; None is a 400.
TARGETS = (
    ("/p/a/../b", "/p/b"),
    ("/p/%61", "/p/a"),
    ("/p/./a/.", "/p/a/"),
    ("/p/a/..", "/p/"),
    ("/p/a/%2e%2E/b", "/p/b"),
    ("/p/%7euser/%2D", "/p/~user/-"),
    ("/p/%c3%a9", "/p/%C3%A9"),
    ("/p/%25%32%65", "/p/%252e"),
    # Not a separator, and so not the way to /deny.
    ("/p/..%2fdeny", "/p/..%2Fdeny"),
    ("/p//a///b", "/p//a///b"),
    ("/p/a;v=1/b", "/p/a;v=1/b"),
    ("/p/@:!$&'()*+,=", "/p/@:!$&'()*+,="),
    ("/p/a?x=../..&y=%61", "/p/a?x=../..&y=%61"),
    ("/..", None),
    ("/p/../../b", None),
    ("/p/%2e%2e/%2e%2e/b", None),
    ("/p/..;/admin", None),
    ("/p/a#b", None),
    ("/p/a?x#b", None),
    ("/p/a\\b", None),
    ("/p/%5c..%5cb", None),
    ("/p/%00", None),
    ("/p/%", None),
    ("/p/%g1", None),
)


@check("curl: a path is matched and forwarded in its normal form, or refused (--request-target)")
async def targets(rig) -> None:
    _, origin = await rig.shared(stage)
    for sent, target in TARGETS:
        before = (await origin.facts())["requests"]
        answer, record = await asked(rig, sent)
        equal(answer.status, 200 if target else 400, f"status of {sent}")
        if target:
            equal(answer.seen().target, target, f"what the backend sees of {sent}")
        else:
            equal((await origin.facts())["requests"], before, f"requests at the backend by {sent}")
            expect(record.get("reason"), f"the 400 has no reason: {record}")


@check("curl: a normal path has no way around /deny, whichever way it is spelled (--path-as-is)")
async def denied(rig) -> None:
    front, origin = await rig.shared(stage)
    before = (await origin.facts())["requests"]
    for path in ("/deny", "/%64eny", "/p/../deny", "/p/%2e%2e/deny", "/./deny/x", "/deny/%2e"):
        answer = await fetch(front.http(path), "--path-as-is")
        equal(answer.status, 404, f"status of {path}")
    equal((await origin.facts())["requests"], before, "requests at the backend")


@check("curl: the absolute form of a target is understood, and must not contradict Host")
async def absolute_form(rig) -> None:
    front, _ = await rig.shared(stage)
    as_proxy = ["--proxy", front.http(""), "--noproxy", "-"]
    answer = await fetch("http://shop.example.test/r/abs?x=1", *as_proxy)
    equal(answer.status, 200, f"status ({answer.error})")
    seen = answer.seen()
    equal((seen.target, seen.all("Host")), ("/r/abs?x=1", ["shop.example.test"]), "target and Host")
    record = await front.record("request", path="/r/abs")
    equal(record["route"], "host", "route")
    answer = await fetch(front.http(""), "--request-target", "http://elsewhere.test/r")
    equal(answer.status, 400, "status for two different hosts")


@check("curl: CONNECT opens no tunnel")
async def connect(rig) -> None:
    front, origin = await rig.shared(stage)
    through = ["--proxytunnel", "--proxy", front.http(""), "--noproxy", "-"]
    answer = await fetch(f"http://{origin.address}/p", *through)
    expect(answer.code != 0 and answer.status in (400, 404, 405, 501), f"{answer}")


# What is asked for, the status, curl's options.
REFUSED = (
    ("/no-ws", 403, *upgrade()),
    ("/origins", 403, *upgrade(Origin="https://evil.example.test")),
    ("/origins", 403, *upgrade(Origin="https://good.example.test:8443")),
    ("/origins", 403, *upgrade(Origin="http://good.example.test")),
    ("/origins", 403, *upgrade(Origin="null")),
    ("/origins", 403, *upgrade(Cookie="session=1")),
    ("/subprotocols", 403, *upgrade(Sec_WebSocket_Protocol="chat.v2")),
    ("/subprotocols", 403, *upgrade()),
    ("/nowhere", 404, *upgrade()),
    ("/absent", 502, *upgrade()),
    ("/absent", 502),
    ("/nowhere", 404),
)


@check("curl: what is refused gets its status, and its record says why")
async def refused(rig) -> None:
    _, origin = await rig.shared(stage)
    before = (await origin.facts())["requests"]
    for target, status, *options in REFUSED:
        answer, record = await asked(rig, target, *options)
        equal((answer.status, record.get("status")), (status, status), f"{target} {options}")
        expect(record.get("reason"), f"no reason: {record}")
    equal((await origin.facts())["requests"], before, "requests at the backend")


@check("curl: plain requests where WebSocket is off, and the origins that are listed, pass")
async def not_refused(rig) -> None:
    front, _ = await rig.shared(stage)
    answer, _ = await asked(rig, "/no-ws")
    equal(answer.status, 200, "plain request to a route without WebSocket")
    for options in (upgrade(Origin="https://good.example.test"), upgrade()):
        # A program that is no browser sends neither Origin nor cookies.
        answer = await fetch(front.http("/origins"), *options, "--max-time", "0.5")
        equal(answer.status, 101, f"status of {options}")


@check("curl: what the gateway answers itself: health, status, echo, and 405 for other methods")
async def builtin(rig) -> None:
    answer, _ = await asked(rig, "/healthz")
    equal((answer.status, json.loads(answer.body)["status"]), (200, "healthy"), "health")
    # One of the upstreams of this gateway has nobody; but nobody has found that out by checks.
    answer, _ = await asked(rig, "/status")
    upstreams = {upstream["id"] for upstream in json.loads(answer.body)["upstreams"]}
    equal((answer.status, upstreams), (200, {"origin", "absent"}), "status")
    answer, _ = await asked(rig, "/mirror", "--data", "hello", "--header", "X-Own: mine")
    expect(b"POST /mirror" in answer.body and answer.body.endswith(b"hello"), f"{answer.body}")
    expect(b"x-own: mine" in answer.body.lower(), f"{answer.body}")
    answer, record = await asked(rig, "/mirror", "--data", "x" * 1025)
    equal((answer.status, record["status"]), (413, 413), "status of a body above max-body-size")
    expect(record.get("reason"), f"the 413 has no reason: {record}")
    answer, record = await asked(rig, "/healthz", "--data", "x")
    equal((answer.status, record["status"]), (405, 405), "status of a POST")
    equal(answer.get("Allow"), "GET, HEAD", "Allow")
    expect(record.get("reason"), f"the 405 has no reason: {record}")
    answer, record = await asked(rig, "/deny")
    equal((answer.status, record["status"]), (404, 404), "status of not-found")
    expect(record.get("reason"), f"the 404 has no reason: {record}")


@check("curl: an upgrade where the gateway answers itself is taken for a plain request")
async def upgrade_of_builtin(rig) -> None:
    for target, status in (("/healthz", 200), ("/mirror", 200), ("/deny", 404)):
        answer, record = await asked(rig, target, *upgrade())
        equal((answer.status, record["status"]), (status, status), f"status of {target}")
        equal(record["event"], "request", "record")


MALFORMED = {
    "two lengths": "Content-Length: 5\r\nContent-Length: 6\r\n",
    "a length and chunks": "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    "an unknown transfer coding": "Transfer-Encoding: xchunked\r\n",
    "a length that is no number": "Content-Length: +5\r\n",
    "a blank before the colon": "X-A : b\r\n",
    "a folded line": "X-A: b\r\n c\r\n",
    "a NUL in a value": "X-A: b\0c\r\n",
    "a bare CR in a value": "X-A: b\rX-B: c\r\n",
    "a second Host": "Host: elsewhere.test\r\n",
}


def register_malformed(what: str, lines: str) -> None:
    @check(f"a request with {what} is refused, or is over after an answer of its own")
    async def body(rig) -> None:
        front, origin = await rig.shared(stage)
        before = (await origin.facts())["requests"]
        behind = "0\r\n\r\nGET /p/hidden HTTP/1.1\r\nHost: h\r\n\r\n"
        answer = await raw(front.port, f"POST /p/open HTTP/1.1\r\nHost: h\r\n{lines}\r\n{behind}")
        requests = (await origin.facts())["requests"] - before
        if answer.status not in (400, 501):
            # One reading of it, and the end: what hides behind it is not a request of its own.
            equal((answer.status, requests), (200, 1), f"status and requests ({answer})")
            equal(answer.get("Connection"), "close", "Connection")
        else:
            equal(requests, 0, "requests at the backend")
        hidden = [record for record in front.records() if record.get("path") == "/p/hidden"]
        equal(hidden, [], "records of the hidden request")


for what, lines in MALFORMED.items():
    register_malformed(what, lines)


@check("requests that are sent in one go are answered in turn")
async def pipelined(rig) -> None:
    front, _ = await rig.shared(stage)
    first = "GET /p/1 HTTP/1.1\r\nHost: h\r\n\r\n"
    second = "POST /p/2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
    third = "GET /nowhere HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    answer = await raw(front.port, first + second + third)
    equal(answer.status, 200, "status of the first")
    told = re.findall(r'"target":"(.*?)"|HTTP/1.1 (\d+)', answer.body.decode())
    wanted = [("/p/1", ""), ("", "200"), ("/p/2", ""), ("", "404")]
    equal(told, wanted, "targets and statuses behind the first status")
