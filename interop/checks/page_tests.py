"""The tests on Sentinel's WebSocket page, with the clients that it names and two more: a
connection works, XSS is closed with 1008, and so is who sends 200 messages at once.

Each with our agent by its own name, with our agent under the page's name and by the page's
command line, and with the gateway's inspector in its own process.
"""

import asyncio
import json
import os
import re
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from websockets.exceptions import ConnectionClosed

from agents import REAL, Agent, ours, program
from backend import Scene, dial
from gateway import Gateway
from harness import check, equal, eventually, expect
from processes import output_of, send

# As on the page, but for names of files, ports, and a time that a busy machine keeps.
AGENT = """
listeners { listener "http" { address "127.0.0.1:0"; protocol "http" } }
routes {
    route "websocket" {
        priority 200
        matches { path "/ws" }
        upstream "ws-backend"
        agents ["ws-inspector"]
        websocket {
            enabled true
            ping-interval-secs 30
            ping-timeout-secs 10
            max-message-size "1MB"
        }
    }
}
upstreams { upstream "ws-backend" { targets { target { address "127.0.0.1:$port" } } } }
agents {
    agent "ws-inspector" {
        transport "unix_socket" { path "$socket" }
        events ["websocket_frame"]
        timeout-ms 5000
        failure-mode "open"
    }
}
"""
IN_PROCESS = """
listeners { listener "http" { address "127.0.0.1:0"; protocol "http" } }
routes {
    route "websocket" {
        matches { path "/ws" }
        upstream "ws-backend"
        websocket {
            inspect { xss true; sqli true; mode "block" }
            rate-limit { messages 100; burst 110; on-exceed "close" }
        }
    }
}
upstreams { upstream "ws-backend" { targets { target { address "127.0.0.1:$port" } } } }
"""
# The page's command line, after the name and the socket.
PAGE_OPTIONS = (
    "--xss-detection true --sqli-detection true --max-message-size 1048576"
    " --rate-limit-messages 100 --block-mode true"
).split()

XSS = '{"message": "<script>alert(1)</script>"}'
PING = '{"type":"ping"}'


@dataclass
class Stage:
    """A gateway, and what has come to its backend."""

    gateway: Gateway
    arrived: list[str]

    @property
    def url(self) -> str:
        """The page's address, but for the port."""
        return f"ws://localhost:{self.gateway.port}/ws"


async def stage(rig, name: str, config: str, agent: Agent | None) -> Stage:
    """Starts what is needed; the backend echoes."""
    arrived: list[str] = []

    async def hear(connection) -> None:
        async for message in connection:
            arrived.append(message)
            # Who was closed still has messages that came before.
            with suppress(ConnectionClosed):
                await connection.send(message)

    rig.backend.scenes["/ws"] = Scene(hear)
    values = {"socket": (await agent.start()).socket} if agent else {}
    gateway = await rig.configured(f"page-{name}", config, port=rig.backend.port, **values)
    return Stage(gateway, arrived)


async def by_our_name(rig) -> Stage:
    """`framegate agent websocket-inspector`."""
    return await stage(rig, "ours", AGENT, ours(rig, *PAGE_OPTIONS))


async def by_page_name(rig) -> Stage:
    """The command of the page."""
    return await stage(rig, "named", AGENT, ours(rig, *PAGE_OPTIONS, as_page_has_it=True))


async def in_process(rig) -> Stage:
    """No agent."""
    return await stage(rig, "within", IN_PROCESS, None)


STAGES = {
    "framegate agent websocket-inspector": by_our_name,
    "sentinel-agent-websocket-inspector with the page's command line": by_page_name,
    "the inspector in the gateway": in_process,
}

Say = Callable[[object, Stage, str], Awaitable[tuple[str, str]]]


async def websocat(rig, on: Stage, line: str) -> tuple[str, str]:
    """`echo LINE | websocat URL`: what it prints, and how it says that it was closed."""
    argv = [program(rig, "agents/tools/bin/websocat"), "-n1", on.url]
    _, out, _ = await output_of(argv, stdin=line.encode() + b"\n")
    return out.strip(), ""


async def wscat(rig, on: Stage, line: str) -> tuple[str, str]:
    """`wscat -c URL` in a terminal, at which somebody types a line: it says more there."""
    here, there = os.openpty()
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(here, "rb", 0)
    )
    argv = [str(rig.node_modules / ".bin" / "wscat"), "--no-color", "-c", on.url]
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=there, stdout=there, stderr=there, env=rig.node_env()
    )
    os.close(there)
    said = ""

    async def hear(what: str) -> None:
        nonlocal said
        while not re.search(what, said):
            said += (await reader.read(4_096)).decode()

    try:
        async with asyncio.timeout(10):
            await hear("Connected")
            os.write(here, line.encode() + b"\n")
            await hear(r"< \{.*\}|Disconnected.*\)")
    finally:
        send(process, signal.SIGKILL)
        transport.close()
    return "".join(re.findall(r"< (\{.*\})", said)), "".join(re.findall(r"Disconnected.*\)", said))


async def node(rig, on: Stage, line: str) -> tuple[str, str]:
    """The page's JavaScript."""
    told = await page_script(rig, on, "xss" if "script" in line else "ping")
    return (line if told["received"] else ""), f"{told['code']}" if told["code"] else ""


async def python(rig, on: Stage, line: str) -> tuple[str, str]:
    """Python `websockets`."""
    async with dial(on.url, compression="deflate") as client:
        await client.send(line)
        try:
            answer = await asyncio.wait_for(client.recv(), 5)
        except Exception:  # noqa: BLE001  the code says what it was
            answer = ""
        return answer, f"{client.close_code or ''}"


CLIENTS: dict[str, Say] = {"websocat": websocat, "wscat": wscat, "Node ws": node, "Python": python}


async def page_script(rig, on: Stage, test: str) -> dict:
    """What the page's JavaScript saw."""
    argv = ["node", rig.peer("page-tests.js"), on.url, test]
    code, out, error = await output_of(argv, rig.node_env())
    expect(code == 0, error or f"exit code {code}")
    return json.loads(out)


def register(how: str, make) -> None:
    @check(
        f"page's tests, {how}: a connection works and XSS is closed with 1008, with every client",
        60,
    )
    async def one_message(rig) -> None:
        on = await rig.shared(make)
        for name, say in CLIENTS.items():
            answer, closed = await say(rig, on, PING)
            equal(answer, PING, f"{name}: the answer to a message")
            equal(closed, "", f"{name}: closed")
            before = len(on.arrived)
            answer, closed = await say(rig, on, XSS)
            equal(answer, "", f"{name}: the answer to XSS")
            # websocat does not say why it was closed; the record does.
            if name != "websocat":
                expect("1008" in closed, f"{name}: it was closed with {closed!r}")
            equal(on.arrived[before:], [], f"{name}: what the backend got")
        record = await on.gateway.record("close", client_close_sent=1008)
        expect(record, "no record of a session that was closed with 1008")

    @check(f"page's tests, {how}: who sends 200 messages at once is closed with 1008", 30)
    async def burst(rig) -> None:
        on = await rig.shared(make)
        before = len(on.arrived)
        told = await page_script(rig, on, "burst")
        equal(told["code"], 1008, f"code ({told})")
        # A hundred and a burst of ten; an agent counts what the echo sends back as well.
        await eventually(
            lambda: f"{len(on.arrived) - before} messages reached the backend",
            lambda: 50 <= len(on.arrived) - before < 160,
            # The backend's library waits a while before it gives up an echo to who is gone.
            10,
        )


for how, make in STAGES.items():
    register(how, make)


@check("the real inspector ends with the page's command line: it knows no switch with a value")
async def real_refuses(rig) -> None:
    argv = [program(rig, REAL), "--socket", str(rig.folder / "never.sock"), *PAGE_OPTIONS]
    code, _, error = await output_of(argv)
    equal(code, 2, "exit code")
    expect("unexpected argument" in error, error)
