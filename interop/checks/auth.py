"""Authentication at the handshake by an agent, as on Sentinel's page: the token in the query, in
the subprotocols or in a cookie. Nothing that the gateway writes has the token in it.
"""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from websockets.exceptions import InvalidStatus

from answers import Answers
from backend import dial
from gateway import Gateway
from harness import check, equal, expect
from processes import output_of
from wire import Scene, Server, echo, header_of

# Unlike anything else that is written anywhere.
TOKEN = "eyJhbGciOiJub25lIn0.t0ps3cr3tTokenOfAlice.c2lnbmF0dXJl"
EXPIRED = "eyJhbGciOiJub25lIn0.t0ps3cr3tTokenOfYesterday.c2lnbmF0dXJl"

CONFIG = """
listeners { listener "main" { address "127.0.0.1:0"; protocol "http" } }
routes {
    route "websocket" {
        matches { path-prefix "/" }
        agents ["auth"]
        upstream "ws-backend"
        websocket { frame-log "frames" }
    }
}
upstreams { upstream "ws-backend" { target "127.0.0.1:$port" } }
frame-logs {
    frame-log "frames" {
        path "$frames"
        open "open $$request_uri $$args $$request $$arg_token $$http_sec_websocket_protocol"
        frame "$$ws_opcode $$request_uri $$ws_payload_size"
        close "close $$request_uri"
        flush-interval-ms 100
    }
}
agents {
    agent "auth" {
        transport "unix_socket" { path "$socket" }
        events ["request_headers"]
        timeout-ms 2000
        failure-mode "closed"
    }
}
admin { address "unix:$admin" }
"""


@dataclass
class Stage:
    """A gateway with an agent that knows one token, and a backend that keeps what it is asked."""

    gateway: Gateway
    agent: Answers
    heads: list[str]
    admin: Path
    frames: Path


def decide(event: str, payload: dict) -> dict:
    """Lets in whoever has the token somewhere, and says who that is."""
    headers = {name.lower(): values for name, values in payload["headers"].items()}
    offered = ",".join(headers.get("sec-websocket-protocol", []))
    places = [
        *parse_qs(urlsplit(payload["uri"]).query).get("token", []),
        *(part.strip() for part in offered.split(",")),
        *(
            part.strip().removeprefix("session=")
            for part in ";".join(headers.get("cookie", [])).split(";")
        ),
    ]
    if TOKEN in places:
        return {"request_headers": [{"set": {"name": "X-User", "value": "alice"}}]}
    return {"decision": {"block": {"status": 401, "body": "who are you?", "headers": None}}}


async def stage(rig) -> Stage:
    """Everything, made once."""
    heads: list[str] = []

    async def remember(end) -> None:
        heads.append(end.request)
        await echo(end)

    server = await Server().start()
    server.scenes["/ws"] = Scene(remember)
    server.scenes["/chosen"] = Scene(remember, fields="Sec-WebSocket-Protocol: chat.v1\r\n")
    agent = await Answers(rig.folder / "auth.sock", decide).start()
    values = {"socket": agent.socket, "port": server.port, "admin": rig.folder / "auth-admin.sock"}
    frames = rig.logs / "auth-frames.log"
    frames.unlink(missing_ok=True)
    gateway = await rig.configured("auth", CONFIG, frames=frames, **values)
    return Stage(gateway, agent, heads, values["admin"], frames)


async def nothing_tells(rig, on: Stage) -> None:
    """That no output has a token: logs, metrics, connections, frame logs."""
    page = await asyncio.to_thread(on.gateway._page)  # noqa: SLF001  as it is written, not parsed
    argv = [str(rig.binary), "ctl", "--admin", f"unix:{on.admin}", "connections"]
    code, connections, error = await output_of(argv)
    equal(code, 0, f"exit code of ctl ({error})")
    outputs = {"metrics": page, "ctl connections": connections, "ctl": error}
    outputs["standard output"] = on.gateway.child.output()
    for name, file in [*on.gateway.logs.items(), ("frame log", on.frames)]:
        outputs[name] = file.read_text()
    for name, text in outputs.items():
        for token in (TOKEN, EXPIRED):
            expect(token.split(".")[1] not in text, f"a token is in {name}")


async def refused(url: str, **options) -> int:
    """The status that a handshake is refused with."""
    try:
        async with dial(url, **options):
            raise AssertionError("there is a session")
    except InvalidStatus as answer:
        return answer.response.status_code


async def works(client) -> None:
    """That a session passes a message."""
    await client.send("hello")
    equal(await client.recv(), "hello", "message")


def register(place: str, ask) -> None:
    @check(
        f"auth agent, Python client, token in {place}: it opens, another is 401, nothing tells it"
    )
    async def body(rig) -> None:
        on = await rig.shared(stage)
        url, options = ask(on.gateway, TOKEN)
        async with dial(url, **options) as client:
            await works(client)
            equal(header_of(on.heads[-1], "x-user"), "alice", "who the agent says that it is")
            await nothing_tells(rig, on)
        await on.gateway.record("close", path="/ws")
        count = len(on.heads)
        for url, options in (ask(on.gateway, EXPIRED), (on.gateway.url("/ws"), {})):
            equal(await refused(url, **options), 401, "status")
        equal(len(on.heads), count, "handshakes that reached the backend")
        await nothing_tells(rig, on)


def in_query(front: Gateway, token: str):
    """`?token=…`."""
    return front.url(f"/ws?token={token}&room=1"), {}


def in_cookie(front: Gateway, token: str):
    """Beside another cookie."""
    return front.url("/ws"), {"additional_headers": {"Cookie": f"theme=dark; session={token}"}}


def in_subprotocol(front: Gateway, token: str):
    """As browsers can."""
    return front.url("/ws"), {"subprotocols": ["access_token", token]}


register("the query", in_query)
register("a cookie", in_cookie)
register("the subprotocols", in_subprotocol)


@check(
    "auth agent, token in the subprotocols: the backend sees neither, the client's is access_token"
)
async def stripped(rig) -> None:
    on = await rig.shared(stage)
    for names, upstream in (
        (["access_token", TOKEN], ""),
        (["access_token", TOKEN, "chat.v1", "chat.v2"], "chat.v1, chat.v2"),
    ):
        async with dial(on.gateway.url("/ws"), subprotocols=names) as client:
            equal(client.subprotocol, "access_token", "subprotocol of the client")
            equal(header_of(on.heads[-1], "sec-websocket-protocol"), upstream, "at the backend")
            await works(client)
        async with dial(
            on.gateway.url("/chosen"), subprotocols=["access_token", TOKEN, "chat.v1"]
        ) as client:
            equal(client.subprotocol, "chat.v1", "subprotocol, when the backend chose one")
            await works(client)


@check("auth agent, Node client (browser rules), token in the subprotocols: it opens and is echoed")
async def node(rig) -> None:
    on = await rig.shared(stage)

    async def told(path: str, *names: str) -> dict:
        argv = ["node", rig.peer("subprotocol.js"), on.gateway.url(path), *names]
        code, out, error = await output_of(argv, rig.node_env())
        expect(code == 0, error)
        return json.loads(out)

    good = {"open": True, "protocol": "access_token", "data": "hello"}
    equal(await told("/ws", "access_token", TOKEN), good, "without another subprotocol")
    equal(
        await told("/ws", "access_token", TOKEN, "chat.v1"), good, "with another that is not chosen"
    )
    chosen = good | {"protocol": "chat.v1"}
    equal(await told("/chosen", "access_token", TOKEN, "chat.v1"), chosen, "with one that is")
    wrong = await told("/ws", "access_token", EXPIRED)
    expect(not wrong["open"] and "401" in wrong["data"], f"another token: {wrong}")
    await nothing_tells(rig, on)


@check("auth agent that cannot be asked: 503, and the backend is not dialled")
async def unreachable(rig) -> None:
    server = await Server().start()
    values = {"socket": rig.folder / "nobody.sock", "port": server.port}
    values |= {"admin": rig.folder / "auth-admin-2.sock", "frames": rig.logs / "auth-frames-2.log"}
    front = await rig.configured("auth-nobody", CONFIG, **values)
    equal(await refused(front.url(f"/ws?token={TOKEN}")), 503, "status")
    equal(server.requests, 0, "handshakes that reached the backend")
