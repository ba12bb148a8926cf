"""What is spoken over WebSocket, by its own clients and servers: engine.io, SockJS, graphql-ws,
MQTT; each on a route of one gateway, with HTTP beside WebSocket where it falls back to that.
"""

import asyncio

from gateway import Gateway
from harness import check, equal, expect
from origin import said
from processes import output_of

CONFIG = """
listeners { listener "main" { address "127.0.0.1:0"; protocol "http" } }
routes {
    route "engineio" { matches { path-prefix "/engine.io/" }; upstream "engineio" }
    route "sockjs" { matches { path-prefix "/sockjs" }; upstream "sockjs" }
    route "graphql" {
        matches { path "/graphql" }
        upstream "graphql"
        websocket { subprotocols "graphql-transport-ws" }
    }
    route "mqtt" { matches { path "/mqtt"; subprotocol "mqtt" }; upstream "mqtt" }
}
upstreams {
    upstream "engineio" { target "127.0.0.1:$engineio" }
    upstream "sockjs" { target "127.0.0.1:$sockjs" }
    upstream "graphql" { target "127.0.0.1:$graphql" }
    upstream "mqtt" { target "ws://127.0.0.1:$mqtt" }
}
"""


async def gateway(rig) -> Gateway:
    """The gateway with all four servers behind it."""
    return await rig.configured("protocols", CONFIG, **await backends(rig, "protocols"))


async def backends(rig, who: str) -> dict[str, str]:
    """A server for each of the protocols, for the checks of `who`: the ports."""

    async def server(name: str) -> str:
        argv = ["node", rig.peer(f"{name}.js"), "server"]
        return await said(await rig.child(argv, rig.logs / f"{who}-{name}.log"), "listening ")

    names = ("engineio", "sockjs", "graphql", "mqtt")
    ports = await asyncio.gather(*(server(name) for name in names))
    return dict(zip(names, ports))


async def client(rig, name: str, url: str, *how: str) -> None:
    """Runs a client to its end; it has found nothing wrong when it ends with 0."""
    argv = ["node", rig.peer(f"{name}.js"), "client", url, *how]
    code, _, error = await output_of(argv, rig.node_env())
    expect(code == 0, error.strip() or f"exit code {code}")


async def sessions(front: Gateway, route: str) -> int:
    """How many WebSocket sessions were opened on a route."""
    return sum(record["route"] == route for record in front.records("open"))


def register_engineio(how: str, opened: int) -> None:
    @check(f"engine.io, {how}: messages, order and heartbeats")
    async def body(rig) -> None:
        front = await rig.shared(gateway)
        before = await sessions(front, "engineio")
        await client(rig, "engineio", front.http(), how)
        equal(await sessions(front, "engineio") - before, opened, "WebSocket sessions")


for how, opened in (("polling", 0), ("websocket", 1), ("upgrade", 1)):
    register_engineio(how, opened)


def register_sockjs(transport: str, opened: int) -> None:
    @check(f"SockJS, {transport}: messages in order, past the end of a stream, and a close")
    async def body(rig) -> None:
        front = await rig.shared(gateway)
        before = await sessions(front, "sockjs")
        await client(rig, "sockjs", front.http("").rstrip("/"), transport)
        equal(await sessions(front, "sockjs") - before, opened, "WebSocket sessions")


for transport, opened in (("websocket", 1), ("xhr-streaming", 0), ("xhr-polling", 0)):
    register_sockjs(transport, opened)


@check("graphql-ws: a subscription and a query on one connection, and the server's own 4403")
async def graphql(rig) -> None:
    front = await rig.shared(gateway)
    await client(rig, "graphql", front.url("").rstrip("/"))
    record = await front.record("open", route="graphql")
    equal(record.get("subprotocol"), "graphql-transport-ws", "subprotocol on record")


@check("MQTT over WebSocket: every quality of service, large messages, and a will")
async def mqtt(rig) -> None:
    front = await rig.shared(gateway)
    await client(rig, "mqtt", front.url("").rstrip("/"))
    record = await front.record("open", route="mqtt")
    equal(record.get("subprotocol"), "mqtt", "subprotocol on record")
