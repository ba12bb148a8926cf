"""Ordinary traffic of ordinary programs on routes that look into messages: it passes unharmed,
compressed or not, and is looked into all the same.
"""

import asyncio
import json
import shutil
import tempfile

from backend import dial
from checks.protocols import backends, client, sessions
from checks.socketio import CLIENTS, STICKY, clients, servers
from gateway import Gateway
from harness import Skip, check, equal, expect
from processes import output_of

# What their own tests send is larger, and compresses better, than what is permitted by default.
LARGE = 'max-frame-size 0; max-message-size "64MB"; max-inflated-size "64MB"; max-inflate-ratio 0'

CONFIG = f"""
listeners {{ listener "main" {{ address "127.0.0.1:0"; protocol "http" }} }}
routes {{
    route "socketio" {{
        matches {{ path-prefix "/socket.io/" }}
        upstream "io"
        websocket {{ inspect {{ mode "block" }} }}
    }}
    route "engineio" {{
        matches {{ path-prefix "/engine.io/" }}
        upstream "engineio"
        websocket {{ {LARGE}; inspect {{ mode "block" }} }}
    }}
    route "sockjs" {{
        matches {{ path-prefix "/sockjs" }}
        upstream "sockjs"
        websocket {{ {LARGE}; inspect {{ mode "block" }} }}
    }}
    route "graphql" {{
        matches {{ path "/graphql" }}
        upstream "graphql"
        websocket {{ subprotocols "graphql-transport-ws"; inspect {{ mode "block" }} }}
    }}
    route "mqtt" {{
        matches {{ path "/mqtt"; subprotocol "mqtt" }}
        upstream "mqtt"
        websocket {{ {LARGE}; inspect {{ mode "block" }} }}
    }}
    route "large" {{
        matches {{ path-prefix "/large" }}
        upstream "echo"
        websocket {{ {LARGE}; max-fragments 0; inspect {{ mode "block" }} }}
    }}
    route "all" {{ upstream "echo"; websocket {{ inspect {{ mode "block" }} }} }}
}}
upstreams {{
    upstream "io" {{
        targets {{
            target {{ address "127.0.0.1:$one" }}
            target {{ address "127.0.0.1:$two" }}
        }}
        {STICKY}
    }}
    upstream "engineio" {{ target "127.0.0.1:$engineio" }}
    upstream "sockjs" {{ target "127.0.0.1:$sockjs" }}
    upstream "graphql" {{ target "127.0.0.1:$graphql" }}
    upstream "mqtt" {{ target "ws://127.0.0.1:$mqtt" }}
    upstream "echo" {{ target "ws://127.0.0.1:$echo" }}
}}
"""
XSS = "<script>alert(1)</script>"


async def gateway(rig) -> Gateway:
    """The gateway with all servers behind it."""
    values = await backends(rig, "inspected") | await rig.shared(servers)
    return await rig.configured("inspected", CONFIG, **values, echo=rig.node_port)


def register_socketio(how: str, sentence: str) -> None:
    @check(f"inspected, Socket.IO, {sentence}: {CLIENTS} clients with acks, binary and rooms", 40)
    async def body(rig) -> None:
        became = await clients(rig, await rig.shared(gateway), how)
        equal(became["failures"], [], "failures")
        equal(sum(became["servers"].values()), CLIENTS, "clients that worked")


for how, sentence in {
    "polling": "polling only",
    "websocket": "WebSocket only",
    "upgrade": "polling that is upgraded to WebSocket",
}.items():
    register_socketio(how, sentence)


@check("inspected, Socket.IO: an attack in an event's text or in an ack ends the session with 1008")
async def socketio_attack(rig) -> None:
    front = await rig.shared(gateway)
    url = front.url("/socket.io/?EIO=4&transport=websocket")
    for packet in (f'42["say","room","{XSS}"]', f'421["echo",{{"deep":[1,"{XSS}"]}}]'):
        async with dial(url, compression="deflate") as socket:
            expect((await socket.recv()).startswith("0"), "the engine's first packet")
            await socket.send("40")
            # Its answer, and the server's welcome.
            await socket.recv()
            await socket.recv()
            await socket.send(packet)
            async with asyncio.timeout(5):
                await socket.wait_closed()
            equal(socket.close_code, 1008, "code")


@check("inspected, engine.io: messages, order and heartbeats, upgraded from polling")
async def engineio(rig) -> None:
    front = await rig.shared(gateway)
    before = await sessions(front, "engineio")
    await client(rig, "engineio", front.http(), "upgrade")
    equal(await sessions(front, "engineio") - before, 1, "WebSocket sessions")


@check("inspected, SockJS over WebSocket: messages in order, and a close")
async def sockjs(rig) -> None:
    front = await rig.shared(gateway)
    await client(rig, "sockjs", front.http("").rstrip("/"), "websocket")


@check("inspected, graphql-ws: a subscription and a query on one connection, and the server's 4403")
async def graphql(rig) -> None:
    front = await rig.shared(gateway)
    await client(rig, "graphql", front.url("").rstrip("/"))


@check("inspected, MQTT over WebSocket: every quality of service, large messages, and a will")
async def mqtt(rig) -> None:
    front = await rig.shared(gateway)
    await client(rig, "mqtt", front.url("").rstrip("/"))


def register_node(topic: str, sentence: str, deflate: str) -> None:
    how = "with deflate" if deflate else "without compression"

    @check(f"inspected, Node client, {how}: {sentence}", 60)
    async def body(rig) -> None:
        front = await rig.shared(gateway)
        argv = ["node", rig.peer("client.js"), topic, front.url("/large")]
        code, _, error = await output_of(argv + [deflate] * bool(deflate), rig.node_env())
        expect(code == 0, error.strip() or f"exit code {code}")


for topic, sentence in {
    "echo": "messages of every size are echoed",
    "fragments": "fragments and a ping between them make one message",
    "close": "close codes and reasons come back",
}.items():
    for deflate in ("", "true"):
        register_node(topic, sentence, deflate)


@check("inspected, Python client with deflate: agreed on without context takeover, and looked into")
async def python(rig) -> None:
    front = await rig.shared(gateway)
    async with dial(front.url("/"), compression="deflate") as socket:
        agreed = socket.response.headers["Sec-WebSocket-Extensions"]
        for side in ("client", "server"):
            expect(f"{side}_no_context_takeover" in agreed, f"agreed: {agreed}")
        for number in range(20):
            text = json.dumps({"number": number, "text": "Grüße 👋 " * number})
            await socket.send(text)
            equal(await socket.recv(), text, "message")
        await socket.send(json.dumps({"text": XSS}))
        await socket.wait_closed()
        equal(socket.close_code, 1008, "code")


@check("inspected, Node client with deflate: ordinary messages come back, XSS is 1008")
async def node(rig) -> None:
    front = await rig.shared(gateway)
    argv = ["node", rig.peer("inspected.js"), "node", front.url("/")]
    code, _, error = await output_of(argv, rig.node_env())
    expect(code == 0, error.strip() or f"exit code {code}")


@check(
    "inspected, Chromium with deflate: agreed without context takeover; XSS is 1008 to the page", 60
)
async def browser(rig) -> None:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if not program:
        raise Skip("no chromium on this machine")
    front = await rig.shared(gateway)
    with tempfile.TemporaryDirectory(dir=rig.work) as profile:
        argv = ["node", rig.peer("inspected.js"), "browser", front.url("/"), program, profile]
        code, _, error = await output_of(argv, rig.node_env())
    expect(code == 0, error.strip() or f"exit code {code}")
