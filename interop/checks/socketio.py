"""Socket.IO with two servers behind one upstream: its polling needs every request of a client
to reach the same server, which the sticky cookie sees to.
"""

import asyncio
import json

from harness import check, equal, expect
from origin import said
from processes import output_of

CLIENTS = 50

CONFIG = """
listeners { listener "main" { address "127.0.0.1:0"; protocol "http" } }
routes { route "io" { matches { path-prefix "/socket.io/" }; upstream "io" } }
upstreams {
    upstream "io" {
        targets {
            target { address "127.0.0.1:$one" }
            target { address "127.0.0.1:$two" }
        }
        $more
    }
}
"""
STICKY = """
        load-balancing "round-robin"
        sticky { cookie-name "io-server"; cookie-path "/socket.io/" }
"""


async def servers(rig) -> dict[str, str]:
    """Two servers that know nothing of each other: their ports."""

    async def server(name: str) -> str:
        argv = ["node", rig.peer("socketio.js"), "server", name]
        return await said(await rig.child(argv, rig.logs / f"socketio-{name}.log"), "listening ")

    names = ("one", "two")
    return dict(zip(names, await asyncio.gather(*(server(name) for name in names))))


async def sticky(rig):
    """A gateway before the two servers that binds each client to one of them."""
    return await rig.configured("socketio", CONFIG, more=STICKY, **await rig.shared(servers))


async def clients(rig, gateway, how: str) -> dict:
    """What became of so many clients: `servers` by how many worked, `failures` by their words."""
    argv = ["node", rig.peer("socketio.js"), "client", gateway.http(""), how, str(CLIENTS)]
    code, out, error = await output_of(argv, rig.node_env())
    expect(code == 0, error.strip() or f"exit code {code}")
    return json.loads(out)


def register(how: str, sentence: str) -> None:
    @check(f"Socket.IO, two servers, {sentence}: {CLIENTS} clients with acks, binary and rooms", 40)
    async def body(rig) -> None:
        became = await clients(rig, await rig.shared(sticky), how)
        equal(became["failures"], [], "failures")
        # In turn, so about half of the clients on either server.
        shares = sorted(became["servers"].values())
        expect(len(shares) == 2 and shares[0] >= CLIENTS // 4, f"clients per server: {became}")


for how, sentence in {
    "polling": "polling only",
    "websocket": "WebSocket only",
    "upgrade": "polling that is upgraded to WebSocket",
}.items():
    register(how, sentence)


@check("Socket.IO, two servers without stickiness: polling fails, so the above means something", 40)
async def without(rig) -> None:
    gateway = await rig.configured("socketio-loose", CONFIG, more="", **await rig.shared(servers))
    became = await clients(rig, gateway, "polling")
    expect(became["failures"], f"every client worked: {became}")


@check("Socket.IO, two servers, hashed by the client's address: everybody is on one server", 40)
async def by_address(rig) -> None:
    more = 'load-balancing "ip_hash"'
    gateway = await rig.configured("socketio-hash", CONFIG, more=more, **await rig.shared(servers))
    became = await clients(rig, gateway, "upgrade")
    equal(became["failures"], [], "failures")
    equal(list(became["servers"].values()), [CLIENTS], "clients per server")
