"""The frame log: the right lines for what passed, as frames, as messages, at the open and at the
close, in a log that the gateway wrote."""

import asyncio
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from checks.frame_log_cases import CASES, Case, client_rst, leave
from gateway import Gateway, fresh
from harness import check, equal, eventually, expect
from wire import BINARY, TEXT, End, Scene, Server, dial, echo, hold, session

CONFIG = """
listeners { listener "main" { address "127.0.0.1:0" } }
routes {
    route "refused" { matches { path-prefix "/refused" }; upstream "backend"
                      websocket { frame-log "frames" "messages" } }
    route "json" { matches { path-prefix "/json" }; upstream "backend"
                   websocket { frame-log "json" } }
    route "all" { upstream "backend"; websocket { frame-log "frames" "messages" } }
}
upstreams { upstream "backend" { targets { target { address "$backend" } } } }
frame-logs {
    frame-log "frames" { path "$frames"; frame "$frame"; open "$open"; close "$close"
                         flush-interval-ms 20 }
    frame-log "messages" { path "$messages"; message "$message"; flush-interval-ms 20 }
    frame-log "json" { path "$json"; format "json"; flush-interval-ms 20
        frame "$$time_iso8601" "$$ws_opcode" "$$ws_payload_size" "$$http_user_agent" "$$request"
        open "$$route" "$$uri" "$$request_id" "$$remote_addr" "$$remote_port" "$$server_addr" \
             "$$server_port" "$$upstream_addr" "$$remote_user" "$$http_user_agent" "$$ws_conn_age"
        close "$$ws_close_code" "$$ws_close_reason" "$$ws_close_initiator" "$$request_id" }
}
"""

# What one line of each kind says. The path comes first: it tells whose line it is.
SIZES = "$ws_opcode/$ws_payload_size/$ws_message_size $ws_packet_source"
FORMATS = {
    "frame": f"F $uri {SIZES}",
    "message": f"M $uri {SIZES} $ws_fragments",
    "open": "O $uri $ws_conn_age $http_x_probe",
    "close": "C $uri $ws_close_code $ws_close_initiator $ws_close_reason",
}


@dataclass
class Stage:
    """The gateway, the server behind it and the logs that it writes."""

    gateway: Gateway
    server: Server
    files: dict[str, Path]

    def lines(self, log: str, path: str) -> list[str]:
        """What a log says up to this moment about the sessions of a path: the kind of the line
        and what stands behind the path."""
        file = self.files[log]
        # Behind the last line's end there may be the beginning of another.
        whole = file.read_text().split("\n")[:-1] if file.exists() else []
        parts = (line.split(" ", 2) for line in whole)
        return [f"{part[0]} {part[2]}" for part in parts if len(part) == 3 and part[1] == path]

    async def settled(self, path: str) -> tuple[list[str], list[str]]:
        """The lines of both logs about a path, once its session is over."""
        await eventually(
            lambda: f"a close line of {path}; there are {self.lines('frames', path)}",
            lambda: any(line.startswith("C ") for line in self.lines("frames", path)),
        )
        # The logs are written by several threads or at several times, so the other one may lag;
        # what would be a line too many comes soon, too.
        await asyncio.sleep(0.15)
        return self.lines("frames", path), self.lines("messages", path)


async def stage(rig) -> Stage:
    """The gateway that writes the logs; to be asked for by `rig.shared`."""
    server = await Server().start()
    files = {name: fresh(rig.logs / f"{name}.ws.log") for name in ("frames", "messages", "json")}
    gateway = await rig.configured("frame-log", CONFIG, backend=server.address, **files, **FORMATS)
    return Stage(gateway, server, files)


def register(case: Case) -> None:
    """Makes a case a check; a loop's variable would be the same for all of them."""

    @check(f"frame log: {case.name} gives the right lines")
    async def golden(rig) -> None:
        here = await rig.shared(stage)
        path = "/" + re.sub(r"\W+", "-", case.name)
        here.server.scenes[path] = Scene(case.server)
        async with session(here.gateway.port, path, "X-Probe: yes", early=case.early) as client:
            await case.client(client)
        frames, messages = await here.settled(path)
        equal(frames[0], "O 0 yes", "the first line")
        equal(frames[-1], f"C {case.close}", "the last line")
        if case.early:
            # Whose turn is which is not settled here, but the early one is the first.
            equal(frames[1], f"F {case.frames[0]}", "the line of the early frame")
            equal(sorted(frames[1:-1]), sorted(f"F {line}" for line in case.frames), "frames")
            return
        equal(frames[1:-1], [f"F {line}" for line in case.frames], "frames")
        equal(messages, [f"M {line}" for line in case.messages], "messages")


for one in CASES:
    register(one)


@check("frame log: 32 MiB to a slow reader are one frame, and one message")
async def slow_reader(rig) -> None:
    here = await rig.shared(stage)
    total = 32 << 20

    async def flood(end: End) -> None:
        await end.send(BINARY, bytes(total))
        await end.closes()

    here.server.scenes["/slow"] = Scene(flood)
    async with session(here.gateway.port, "/slow") as client:
        # Every buffer on the way fills up.
        await asyncio.sleep(0.5)
        equal(len((await client.frame()).payload), total, "bytes that came")
        await leave(client)
    frames, messages = await here.settled("/slow")
    whole = f"2/{total}/{total} upstream"
    equal(frames[1:-1], [f"F {whole}", "F 8/5/5 client", "F 8/2/2 upstream"], "frames")
    equal(messages, [f"M {whole} 1"], "messages")


@check("frame log: of a compressed message the payload size is what was on the wire")
async def compressed(rig) -> None:
    here = await rig.shared(stage)
    here.server.scenes["/deflate"] = Scene(
        echo, "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n"
    )
    # "Hello" as RFC 7692 section 7.2.3.1 compresses it.
    hello = bytes.fromhex("f248cdc9c90700")
    offer = "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover"
    async with session(here.gateway.port, "/deflate", offer) as client:
        await client.send(TEXT, hello, rsv1=True)
        equal((await client.frame()).payload, hello, "the echo")
        await leave(client)
    frames, messages = await here.settled("/deflate")
    for line, source in ((frames[1], "client"), (frames[2], "upstream"), (messages[0], "client")):
        expect(
            re.match(rf"[FM] 1/7/[57] {source}", line), f"the line of a compressed frame: {line!r}"
        )


@check("frame log: an upgrade that the backend refuses, and a plain request, give no line")
async def refused(rig) -> None:
    here = await rig.shared(stage)
    here.server.scenes["/refused"] = Scene(
        hold, refusal=b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
    )
    end = await dial(here.gateway.port, "/refused")
    equal(end.head.status, 403, "status")
    await end.end()
    end = await dial(here.gateway.port, "/refused", "Upgrade: h2c")
    expect(end.head.status != 101, "an upgrade to h2c was granted")
    await end.end()
    # A session behind them, whose lines are written after theirs would have been.
    async with session(here.gateway.port, "/") as client:
        await leave(client)
    await here.settled("/")
    equal(here.lines("frames", "/refused"), [], "lines")


@check("frame log: every session has one open and one close line")
async def one_each(rig) -> None:
    here = await rig.shared(stage)

    async def one(number: int) -> None:
        path = f"/many/{number}"
        here.server.scenes[path] = Scene(echo)
        async with session(here.gateway.port, path) as client:
            if number % 3:
                await client.send(TEXT, b"hello")
            await ([leave, End.end, client_rst][number % 3])(client)

    await asyncio.gather(*(one(number) for number in range(60)))

    def kinds() -> Counter:
        return Counter(
            (number, line[0])
            for number in range(60)
            for line in here.lines("frames", f"/many/{number}")
            if line[0] in "OC"
        )

    await eventually(
        lambda: f"60 open and 60 close lines; there are {len(kinds())}",
        lambda: len(kinds()) == 120,
    )
    await asyncio.sleep(0.15)
    equal(set(kinds().values()), {1}, "lines per session and kind")
