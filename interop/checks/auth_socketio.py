"""Authentication within the session: Socket.IO's `auth.token`, which its client sends as a message.
The agent that was asked about the handshake is asked about each of them, before the server has it.
"""

import asyncio
import json
from pathlib import Path

from websockets.exceptions import ConnectionClosed

from answers import Answers
from backend import dial
from checks.auth import CONFIG, EXPIRED, TOKEN, Stage, nothing_tells
from harness import check, equal, expect
from origin import said
from processes import output_of


def decide(event: str, payload: dict) -> dict:
    """Lets in whoever names no token, or the one that it knows."""
    headers = {name.lower(): values for name, values in payload["headers"].items()}
    if all(value == f"Bearer {TOKEN}" for value in headers.get("authorization", [])):
        return {}
    return {"decision": {"block": {"status": 401, "body": f"{headers}", "headers": None}}}


async def server(rig) -> str:
    """The port of a server that takes every token."""
    argv = ["node", rig.peer("socketio_auth.js"), "server"]
    return await said(await rig.child(argv, rig.logs / "socketio-auth.log"), "listening ")


async def stage(rig) -> Stage:
    """Everything, made once."""
    port = await rig.shared(server)
    agent = await Answers(rig.folder / "io-auth.sock", decide).start()
    values = {"socket": agent.socket, "port": port, "admin": rig.folder / "io-auth-admin.sock"}
    frames: Path = rig.logs / "io-auth-frames.log"
    frames.unlink(missing_ok=True)
    gateway = await rig.configured("io-auth", CONFIG, frames=frames, **values)
    return Stage(gateway, agent, [], values["admin"], frames)


async def told(rig, on: Stage, *names: str) -> dict:
    """What became of a client."""
    argv = ["node", rig.peer("socketio_auth.js"), "client", on.gateway.http(""), *names]
    code, out, error = await output_of(argv, rig.node_env())
    expect(code == 0, error.strip() or f"exit code {code}")
    return json.loads(out)


def entered(namespace: str) -> dict:
    """What a client has that is let in."""
    return {"namespace": namespace, "token": "string", "echo": "Grüße"}


@check("Socket.IO client with auth.token: the agent that was asked about the handshake lets it in")
async def good(rig) -> None:
    on = await rig.shared(stage)
    before = len(on.agent.events)
    became = await told(rig, on, TOKEN, "/", "/admin")
    equal(became, {name: entered(name) for name in ("/", "/admin")}, "what became of the client")
    asked = [payload["headers"].get("authorization") for _, payload in on.agent.events[before:]]
    equal(asked, [None, [f"Bearer {TOKEN}"], [f"Bearer {TOKEN}"]], "what the agent was told")
    await nothing_tells(rig, on)


@check("Socket.IO client with another auth.token: 1008, and the server never hears of it")
async def bad(rig) -> None:
    on = await rig.shared(stage)
    became = await told(rig, on, EXPIRED)
    equal(became["/"].get("code"), 1008, f"code of {became}")
    became = await told(rig, on, TOKEN, "/", "/forbidden")
    equal(became["/"], entered("/"), "the namespace before")
    equal(became["/forbidden"].get("code"), 1008, f"code of {became}")
    await on.gateway.record("finding", by="agent auth", action="close", reason="agent")
    await on.gateway.record("close", reason="agent")
    await nothing_tells(rig, on)


# Spellings of one packet. What Node's server takes for a CONNECT must not pass unasked.
SPELLINGS = {
    "as the client has it": '40{"token":"%s"}',
    "in a namespace": '40/admin,{"token":"%s"}',
    "with a blank before the object": '40 {"token":"%s"}',
    "with a blank for the type": '4 {"token":"%s"}',
    "with a byte order mark for the type": '4\ufeff{"token":"%s"}',
    "with a number": '407{"token":"%s"}',
    "with an escaped key": '40{"t\\u006fken":"%s"}',
    "with two tokens": '40{"token":"x","token":"%s"}',
    "with half a surrogate beside it": '40{"x":"\\ud800","token":"%s"}',
    "within an array": '40["x",{"token":"%s"}]',
    "of another type": '40{"token":["%s"]}',
}


async def speak(url: str, packet: str) -> str:
    """What comes of a packet: the first that the server says to it, or a code."""
    async with dial(url) as client:
        expect((await client.recv()).startswith("0{"), "the server does not open")
        try:
            await client.send(packet)
            return await asyncio.wait_for(client.recv(), 5)
        except ConnectionClosed as end:
            return f"closed {end.rcvd.code if end.rcvd else 'without a Close'}"


@check("Socket.IO's CONNECT packet in every spelling: no token reaches the server unasked", 60)
async def spellings(rig) -> None:
    on = await rig.shared(stage)
    path = "/socket.io/?EIO=4&transport=websocket"
    direct = f"ws://127.0.0.1:{await rig.shared(server)}{path}"
    taken = []
    for name, packet in SPELLINGS.items():
        if (await speak(direct, packet % EXPIRED)).startswith("40"):
            taken.append(name)
        equal(await speak(on.gateway.url(path), packet % EXPIRED), "closed 1008", name)
    expect(len(taken) >= 6, f"the server itself takes only {taken}")
    for packet in ("40", '40{"user":"ann"}', '40{"token":null}'):
        became = await speak(on.gateway.url(path), packet)
        expect(became.startswith("40{"), f"{packet}: {became}")
    await nothing_tells(rig, on)
