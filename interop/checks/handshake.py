"""What the client says in its upgrade reaches the backend, and the answer the client."""

import http

from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from backend import Scene, dial, echo, pair
from harness import check, equal, expect


@check("path, query, Host, cookies, Authorization, Origin and own headers reach the backend")
async def request_headers(rig) -> None:
    sent = [
        ("Cookie", "session=abc; theme=dark"),
        ("Authorization", "Bearer a.b.c"),
        ("X-Own", "first"),
        ("X-Own", "second"),
    ]
    query = "?a=1&b=%20%2F&c=%C3%A9"
    async with pair(
        rig, query, origin="https://example.org", additional_headers=sent, user_agent_header="me/1"
    ) as (_, server):
        got = server.request.headers
        equal(server.request.path.partition("?")[2], query[1:], "query")
        equal(got["Host"], f"127.0.0.1:{rig.gateway.port}", "Host")
        equal(got["Cookie"], "session=abc; theme=dark", "Cookie")
        equal(got["Authorization"], "Bearer a.b.c", "Authorization")
        equal(got["Origin"], "https://example.org", "Origin")
        equal(got["User-Agent"], "me/1", "User-Agent")
        equal(got.get_all("X-Own"), ["first", "second"], "X-Own")


@check("the backend learns who the client is, whatever the client says of itself")
async def identity(rig) -> None:
    forged = {"X-Forwarded-For": "6.6.6.6", "Forwarded": "for=6.6.6.6", "X-Request-Id": "forged"}
    async with pair(rig, additional_headers=forged) as (_, server):
        got = server.request.headers
        equal(got.get_all("X-Forwarded-For"), ["127.0.0.1"], "X-Forwarded-For")
        equal(got.get_all("Forwarded"), [], "Forwarded")
        expect(got.get("X-Request-Id") not in (None, "forged"), "X-Request-Id is the client's")


@check("cookies and own headers of the backend's 101 reach the client")
async def response_headers(rig) -> None:
    def decorate(response: Response) -> None:
        response.headers["Set-Cookie"] = "a=1; HttpOnly"
        response.headers["Set-Cookie"] = "b=2; Secure"
        response.headers["X-Backend"] = "seven"

    async with pair(rig, scene_options={"decorate": decorate}) as (client, _):
        got = client.response.headers
        equal(got.get_all("Set-Cookie"), ["a=1; HttpOnly", "b=2; Secure"], "Set-Cookie")
        equal(got["X-Backend"], "seven", "X-Backend")


@check("the backend chooses among the client's subprotocols, or none")
async def subprotocols(rig) -> None:
    for offered, chosen in ((["v2", "v1"], "v1"), (["v2", "v1"], None), (None, None)):
        async with pair(rig, subprotocols=offered, scene_options={"subprotocol": chosen}) as (
            client,
            server,
        ):
            wanted = ", ".join(offered) if offered else None
            equal(server.request.headers.get("Sec-WebSocket-Protocol"), wanted, "offered")
            equal(client.subprotocol, chosen, "chosen")


@check("a header of the backend that is listed in its Connection field stays with the gateway")
async def hop_by_hop(rig) -> None:
    def decorate(response: Response) -> None:
        del response.headers["Connection"]
        response.headers["Connection"] = "Upgrade, X-Hop"
        response.headers["X-Hop"] = "secret"

    async with pair(rig, scene_options={"decorate": decorate}) as (client, _):
        equal(client.response.headers.get("X-Hop"), None, "X-Hop at the client")


def refusal(status: int, headers: dict[str, str], body: str) -> Scene:
    """A scene that answers the upgrade with an ordinary response."""

    def refuse(connection, request) -> Response:
        response = connection.respond(http.HTTPStatus(status), body)
        for name, value in headers.items():
            response.headers[name] = value
        return response

    return Scene(echo, refuse=refuse)


REFUSALS = (
    (401, {"WWW-Authenticate": 'Basic realm="chat"'}, "who are you?"),
    (403, {"X-Reason": "blocked"}, "no"),
    (404, {}, "nothing here"),
    (429, {"Retry-After": "7"}, "x" * 100_000),
    (503, {"Retry-After": "30"}, "later"),
)


@check("a refusal reaches the client with its status, headers and body")
async def refusals(rig) -> None:
    for status, headers, body in REFUSALS:
        path = rig.backend.add(refusal(status, headers, body))
        try:
            async with dial(rig.gateway.url(path)):
                raise AssertionError(f"the gateway opened a session on a {status}")
        except InvalidStatus as error:
            answer = error.response
        equal(answer.status_code, status, "status")
        for name, value in headers.items():
            equal(answer.headers.get(name), value, name)
        equal(answer.body.decode(), body, f"body of the {status}")


@check("a redirect reaches the client, which follows it through the gateway")
async def redirect(rig) -> None:
    target = rig.backend.add(Scene(echo))
    path = rig.backend.add(refusal(302, {"Location": target}, "elsewhere"))
    async with dial(rig.gateway.url(path)) as client:
        await client.send("found")
        equal(await client.recv(), "found", "answer after the redirect")
        equal(client.request.path, target, "path after the redirect")


@check("an offer of an unknown extension is no obstacle")
async def unknown_extension(rig) -> None:
    offer = Headers({"Sec-WebSocket-Extensions": "constructor; a=1, x-webkit-deflate-frame"})
    async with pair(rig, additional_headers=offer) as (client, server):
        equal(client.protocol.extensions, [], "extensions in use")
        await client.send("plain")
        equal(await server.recv(), "plain", "message")
        expect(
            "Sec-WebSocket-Extensions" not in client.response.headers, "the 101 names an extension"
        )
