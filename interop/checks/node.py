"""Node `ws` as the client: peers/client.js makes one check per run."""

import json

from harness import check, expect
from processes import output_of

TOPICS = {
    "echo": "messages of every size are echoed",
    "fragments": "fragments and a ping between them make one message",
    "ping": "pings are answered with their payload",
    "close": "close codes and reasons come back",
    "noStatus": "a close without a status comes back without one",
}
PARAMETERS = (
    {"serverNoContextTakeover": True},
    {"clientNoContextTakeover": True},
    {"serverNoContextTakeover": True, "clientNoContextTakeover": True},
    {"serverMaxWindowBits": 10},
    {"serverMaxWindowBits": 9, "serverNoContextTakeover": True},
)


async def run(rig, gateway, topic: str, deflate=None) -> None:
    argv = ["node", rig.peer("client.js"), topic, gateway.url("/")]
    if deflate is not None:
        argv.append(json.dumps(deflate))
    code, _, err = await output_of(argv, rig.node_env())
    expect(code == 0, err.strip() or f"exit code {code}")


def register(topic: str, sentence: str, backend: str, deflate: bool) -> None:
    how = "with deflate" if deflate else "without compression"

    @check(f"Node client, {backend} backend, {how}: {sentence}", deadline=60)
    async def body(rig) -> None:
        gateway = rig.gateway if backend == "Python" else rig.node_gateway
        await run(rig, gateway, topic, True if deflate else None)


for backend in ("Python", "Node"):
    for deflate in (False, True):
        for topic, sentence in TOPICS.items():
            register(topic, sentence, backend, deflate)


@check("Node client, Node backend: every deflate parameter is negotiated as asked")
async def parameters(rig) -> None:
    for asked in PARAMETERS:
        await run(rig, rig.node_gateway, "parameters", asked)


@check("Node client, Node backend: a subprotocol is negotiated")
async def subprotocol(rig) -> None:
    await run(rig, rig.node_gateway, "subprotocol")
