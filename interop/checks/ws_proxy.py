"""Header mode: a request says where it goes and who is asked about its messages, by the
`x-wsproxy-*` fields of ws_proxy. nginx sets them, as a trusted proxy does; and `framegate
ws-proxy` stands in for the original, set up by the original's environment.
"""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path

from websockets.exceptions import InvalidStatus

from backend import Scene, dial, echo, left
from checks.webhooks import Hook
from fetch import fetch
from gateway import Gateway
from harness import check, equal, eventually, expect
from processes import accepts, free_port, output_of

CONFIG = """
listeners { listener "main" { address "127.0.0.1:0"; protocol "http" } }
routes {
    route "by-header" {
        matches { path-prefix "/" }
        header-config {
            trusted "127.0.0.2/32"
            upstreams "ws://127.0.0.0/8"
            hooks "http://127.0.0.0/8"
            ceilings { max-message-size "1MB"; idle-timeout "1h" }
        }
    }
}
"""

# nginx speaks to the gateway from 127.0.0.2; who comes directly is 127.0.0.1.
NGINX = """
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{gateway};
            proxy_bind 127.0.0.2;
            proxy_http_version 1.1;
            proxy_set_header Host $host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
            proxy_set_header x-wsproxy-upstream ws://127.0.0.1:{upstream}/ignored?z=1;
            proxy_set_header x-wsproxy-inboundhook http://127.0.0.1:{hook}/in;
            proxy_set_header x-wsproxy-inboundhook-method PUT;
            proxy_set_header x-wsproxy-inboundhook-headers x-list=strict,x-api-key=k1;
            proxy_set_header x-wsproxy-outboundhook http://127.0.0.1:{hook}/out;
            proxy_set_header x-wsproxy-maxframesize $http_x_wanted_size;
            proxy_set_header x-wsproxy-idletimeout $http_x_wanted_idle;
        }}
    }}
}}
"""


@dataclass
class Stage:
    """nginx before a gateway before a backend, and a webhook."""

    gateway: Gateway
    nginx: int
    hook: Hook
    # What the backend was asked: targets with their fields.
    seen: list[tuple[str, dict[str, str]]]
    upstream: int

    def url(self, path: str = "/chat") -> str:
        """An address at nginx."""
        return f"ws://127.0.0.1:{self.nginx}{path}"


def remembering(rig, path: str) -> list[tuple[str, dict[str, str]]]:
    """A scene that echoes, and the list of what it is asked."""
    seen: list[tuple[str, dict[str, str]]] = []

    async def handle(connection) -> None:
        request = connection.request
        fields = {name.lower(): value for name, value in request.headers.raw_items()}
        seen.append((request.path, fields))
        await echo(connection)

    rig.backend.scenes[path] = Scene(handle)
    return seen


async def stage(rig) -> Stage:
    """All of it."""
    hook = await Hook().start()
    seen = remembering(rig, "/chat")
    gateway = await rig.configured("header-mode", CONFIG)
    port = free_port()
    folder: Path = rig.folder / "nginx"
    folder.mkdir()
    values = {
        "port": port,
        "gateway": gateway.port,
        "upstream": rig.backend.port,
        "hook": hook.port,
    }
    file = folder / "nginx.conf"
    file.write_text(NGINX.format(folder=folder, **values))
    child = await rig.child(
        ["nginx", "-p", str(folder), "-c", str(file)], rig.logs / "header-nginx.log"
    )
    await eventually(lambda: f"nginx listens; it printed: {child.output()}", lambda: accepts(port))
    return Stage(gateway, port, hook, seen, rig.backend.port)


async def status(url: str, **options) -> int:
    """What a handshake is answered with."""
    try:
        async with dial(url, **options):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


def fields(**named: str) -> dict:
    """Options of a client that sends `x-wsproxy-*` fields."""
    return {"additional_headers": {f"x-wsproxy-{name}": value for name, value in named.items()}}


@check("header mode behind nginx: the client's path and query go to the upstream that nginx names")
async def goes(rig) -> None:
    on = await rig.shared(stage)
    async with dial(
        on.url("/chat?room=1"), additional_headers={"x-wsproxy-upstream": "ws://192.0.2.1"}
    ) as client:
        for message in ("hello", "Grüße 👋", b"\x00\xff"):
            await client.send(message)
            equal(await client.recv(), message, "message")
    path, got = on.seen[-1]
    equal(path, "/chat?room=1", "target at the upstream")
    equal([name for name in got if name.startswith("x-wsproxy")], [], "fields at the upstream")


@check("header mode behind nginx: each direction's webhook is asked as the fields say")
async def asks(rig) -> None:
    on = await rig.shared(stage)
    async with dial(on.url()) as client:
        await client.send("asked about")
        equal(await client.recv(), "asked about", "message")
    up, down = [one for one in on.hook.asked if one["body"] == b"asked about"]
    equal((up["method"], up["url"]), ("PUT", "/in"), "inbound: method and target")
    told = [up["headers"].get(name) for name in ("x-list", "x-api-key")]
    equal(told, ["strict", "k1"], "inbound: fields of its own")
    equal((down["method"], down["url"]), ("POST", "/out"), "outbound: method and target")


@check(
    "header mode behind nginx: what its webhook refuses does not arrive, the client is told 1008"
)
async def refuses(rig) -> None:
    on = await rig.shared(stage)
    async with dial(on.url()) as client:
        await client.send("forbidden")
        await client.wait_closed()
        equal(client.close_code, 1008, "code")
        equal(await left(client), [], "what came back")


@check(
    "header mode behind nginx: 2048 bytes of a message pass, 2049 are 1009, unless it asks for more"
)
async def sizes(rig) -> None:
    on = await rig.shared(stage)
    for size, options in (
        (2_048, {}),
        (100_000, {"additional_headers": {"X-Wanted-Size": "100000"}}),
    ):
        async with dial(on.url(), **options) as client:
            await client.send(["x" * (size - 1), "x"])
            equal(len(await client.recv()), size, "characters")
            await client.send(["x" * size, "x"])
            await client.wait_closed()
            equal(client.close_code, 1009, f"code above {size}")
    too_much = {"additional_headers": {"X-Wanted-Size": "2000000"}}
    equal(await status(on.url(), **too_much), 400, "status above the ceiling")


@check("header mode behind nginx: who is silent for the time that it asks for is closed")
async def idle(rig) -> None:
    on = await rig.shared(stage)
    async with dial(on.url(), additional_headers={"X-Wanted-Idle": "300"}) as client:
        async with asyncio.timeout(5):
            await client.wait_closed()
        equal(client.close_code, 1001, "code")
    equal(await status(on.url(), additional_headers={"X-Wanted-Idle": "soon"}), 400, "no number")


@check(
    "header mode: from whoever is not trusted such fields are 403, by curl, Python and Node alike"
)
async def untrusted(rig) -> None:
    on = await rig.shared(stage)
    count = len(on.seen)
    upstream = f"ws://127.0.0.1:{on.upstream}"
    equal(await status(on.gateway.url("/chat"), **fields(upstream=upstream)), 403, "Python")
    ask = [
        "-H",
        "Connection: Upgrade",
        "-H",
        "Upgrade: websocket",
        "-H",
        "Sec-WebSocket-Version: 13",
    ]
    ask += [
        "-H",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "-H",
        f"x-wsproxy-upstream: {upstream}",
    ]
    answer = await fetch(on.gateway.http("/chat"), *ask)
    equal(answer.status, 403, "curl")
    # Even where it says that it comes from the trusted proxy.
    answer = await fetch(on.gateway.http("/chat"), *ask, "-H", "X-Forwarded-For: 127.0.0.2")
    equal(answer.status, 403, "curl, with X-Forwarded-For")
    argv = [
        "node",
        rig.peer("headers.js"),
        on.gateway.url("/chat"),
        f"x-wsproxy-upstream={upstream}",
    ]
    _, out, _ = await output_of(argv, rig.node_env())
    equal(json.loads(out), {"open": False, "status": 403}, "Node")
    equal(len(on.seen), count, "handshakes that reached the upstream")


@check(
    "header mode: a missing, repeated or empty upstream is 400; what is not listed is not dialled"
)
async def faults(rig) -> None:
    on = await rig.shared(stage)
    trusted = {"local_addr": ("127.0.0.2", 0)}
    url = on.gateway.url("/chat")
    good = f"ws://127.0.0.1:{on.upstream}"
    equal(await status(url, **trusted, **fields(upstream=good)), 101, "a good one")
    equal(await status(url, **trusted), 400, "none")
    twice = {"additional_headers": [("x-wsproxy-upstream", good), ("x-wsproxy-upstream", good)]}
    equal(await status(url, **trusted, **twice), 400, "two")
    for wrong in ("", "nonsense", "ftp://127.0.0.1/", "ws://"):
        equal(await status(url, **trusted, **fields(upstream=wrong)), 400, f"{wrong!r}")
    answered = await status(url, **trusted, **fields(upstream="ws://169.254.169.254/"))
    expect(answered in (400, 403), f"a metadata address: {answered}")
    nobody = await status(url, **trusted, **fields(upstream=f"ws://127.0.0.1:{free_port()}"))
    equal(nobody, 502, "an upstream that is not there")


@check("framegate ws-proxy: with WSPROXY_PORT it does what the original promised")
async def command(rig) -> None:
    port, hook = free_port(), await Hook().start()
    seen = remembering(rig, "/chat")
    env = {"WSPROXY_PORT": str(port), "WSPROXY_WEBHOOK_POOL_SIZE": "3"}
    child = await rig.child([str(rig.binary), "ws-proxy"], rig.logs / "ws-proxy.log", env=env)

    def listens() -> bool:
        expect(not child.died(), f"it ended at once: {child.output()}")
        return accepts(port)

    await eventually(lambda: f"it listens; it printed: {child.output()}", listens, 10)
    url = f"ws://127.0.0.1:{port}/chat?a=1"
    told = fields(
        upstream=f"ws://127.0.0.1:{rig.backend.port}",
        inboundhook=f"http://127.0.0.1:{hook.port}/in",
    )
    async with dial(url, **told) as client:
        await client.send("hello")
        equal(await client.recv(), "hello", "message")
        equal(seen[-1][0], "/chat?a=1", "target at the upstream")
        await client.send("forbidden")
        await client.wait_closed()
        equal(client.close_code, 1008, "code")
    equal((await fetch(f"http://127.0.0.1:{port}/")).status, 426, "status of a plain request")
    equal(await status(url), 400, "status without an upstream")

    # Of twenty that ask at once no more than three are answered at a time.
    async def one() -> None:
        async with dial(url, **told) as client:
            for _ in range(2):
                await client.send("slow")
                await client.recv()

    before = len(hook.asked)
    await asyncio.gather(*(one() for _ in range(20)))
    asked = hook.asked[before:]
    equal(len(asked), 40, "messages that it was asked about")
    expect(1 < hook.most <= 3, f"{hook.most} at a time, where WSPROXY_WEBHOOK_POOL_SIZE is 3")
    equal(await child.end(), 0, "exit code")
    await hook.end()


@check("framegate ws-proxy: a port or a pool size that is no number is said, and it does not start")
async def no_number(rig) -> None:
    for name in ("WSPROXY_PORT", "WSPROXY_WEBHOOK_POOL_SIZE"):
        code, _, error = await output_of(
            [str(rig.binary), "ws-proxy"], rig.node_env() | {name: "many"}
        )
        expect(code != 0 and name in error and "many" in error, f"{name}: {code}, {error}")
