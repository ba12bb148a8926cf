"""The frame log where it is no file, or not all of it is wanted: standard output, syslog, a pipe
that nobody reads; filters, sampling and redaction."""

import asyncio
import fcntl
import os
import re
import socket
from contextlib import suppress
from pathlib import Path

from checks.log_files import FRAME, LINE, Stage, with_path
from gateway import fresh
from harness import check, equal, eventually, expect
from wire import BINARY, TEXT, Server, session


@check("frame log: to standard output, beside which nothing else is written there")
async def to_stdout(rig) -> None:
    here = await with_path(rig, "stdout", "stdout")
    await here.talk(3, 10)
    output = here.gateway.child.output
    await eventually(
        lambda: f"a line; there is {output()!r}", lambda: "<3 10 upstream>" in output()
    )
    equal(len(LINE.findall(output())), 22, "lines")


@check("frame log: to syslog over a unix socket and over UDP, with facility, severity and tag")
async def to_syslog(rig) -> None:
    unix = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with unix, udp:
        unix.bind(str(rig.folder / "log"))
        udp.bind(("127.0.0.1", 0))
        servers = ((unix, f"unix:{rig.folder}/log"), (udp, "127.0.0.1:%d" % udp.getsockname()[1]))
        for receiver, server in servers:
            receiver.setblocking(False)
            path = f"syslog:server={server},facility=local7,tag=ws,severity=info"
            here = await with_path(rig, "syslog", path)
            await here.talk(4, 5)
            got: list[str] = []

            def received() -> bool:
                with suppress(BlockingIOError):
                    while True:
                        got.append(receiver.recv(65_536).decode())
                return len(got) >= 12

            await eventually(lambda: f"12 datagrams; there are {got}", received)
            # RFC 3164: local7 is 23, info 6, and 23 * 8 + 6 is 190.
            shape = re.compile(
                r"<190>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d (\S+ )?ws: <4 \d client>\n?"
            )
            expect(shape.fullmatch(got[0]), f"the first datagram: {got[0]!r}")
            equal(len(got), 12, "datagrams")


@check("frame log: syslog that nobody reads holds up no session")
async def deaf_syslog(rig) -> None:
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    with receiver:
        receiver.bind(str(rig.folder / "deaf"))
        here = await with_path(rig, "deaf", f"syslog:server=unix:{rig.folder}/deaf,tag=ws")
        await asyncio.gather(*(here.talk(number, 200) for number in range(5)))
        equal(await here.gateway.child.end(8), 0, "exit code")


class Pipe:
    """A pipe with a name that the gateway writes to and nobody reads, until it is read."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "pipe"
        fresh(self.path)
        os.mkfifo(self.path)
        # Open for writing too, so that the gateway can open it, and never sees it closed.
        self._fd = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)
        fcntl.fcntl(self._fd, fcntl.F_SETPIPE_SZ, 1 << 20)
        self.text = b""

    def read(self) -> str:
        """All that came to this moment."""
        with suppress(BlockingIOError):
            while piece := os.read(self._fd, 1 << 20):
                self.text += piece
        return self.text.decode()

    def close(self) -> None:
        """Ends it."""
        os.close(self._fd)
        self.path.unlink()


# Far more lines than the pipe (1 MiB), the queue (8 MiB) and the writer's hands (as much) hold.
LONG = FRAME + " " + "x" * 180
LONG_LINE = re.compile(LINE.pattern + " x{180}")
FLOOD = 200_000


async def flood(here: Stage) -> None:
    """A session of many empty frames, as fast as they go, without a Close."""
    async with session(here.gateway.port, "/swallow?n=1") as client:
        thousand = client.bytes(TEXT) * 1_000
        for _ in range(FLOOD // 1_000):
            await client.write(thousand)
        client.half_close()
        await client.ended()


def told(text: str) -> tuple[int, int]:
    """How many frames have lines, and how many lines the log says were dropped; a line that is
    neither fails the check."""
    lines = dropped = 0
    for line in text.split("\n")[:-1]:
        if LONG_LINE.fullmatch(line):
            lines += 1
            continue
        match = re.fullmatch(r"\S+ \S+ framegate: (\d+) records dropped", line)
        expect(match, f"a line {line[:100]!r}")
        dropped += int(match[1])
    return lines, dropped


@check("frame log: when full and set to drop, frames pass, and the log tells how many it lost")
async def drops(rig) -> None:
    pipe = Pipe(rig.folder)
    try:
        settings = 'flush-interval-ms 20; when-full "drop"'
        here = await with_path(rig, "drops", pipe.path, settings, LONG)
        await asyncio.wait_for(flood(here), 10)
        await eventually(
            lambda: f"{FLOOD} lines written and dropped; there are {told(pipe.read())}",
            lambda: sum(told(pipe.read())) >= FLOOD,
        )
        lines, dropped = told(pipe.read())
        equal(lines + dropped, FLOOD, "lines written and dropped")
        expect(dropped > FLOOD // 4, f"only {dropped} were dropped: it was never full")
        page = await here.gateway.metrics()
        counted = page.sum("framegate_frame_log_dropped_total", reason="queue_full")
        equal(counted, dropped, "lines that are counted as dropped")
    finally:
        pipe.close()


@check("frame log: when full and set to block, a session waits and no line is lost")
async def blocks(rig) -> None:
    pipe = Pipe(rig.folder)
    try:
        settings = 'flush-interval-ms 20; when-full "block"'
        here = await with_path(rig, "blocks", pipe.path, settings, LONG)
        flooding = asyncio.create_task(flood(here))
        await asyncio.sleep(1)
        expect(not flooding.done(), "nothing waited")
        while not flooding.done():
            pipe.read()
            await asyncio.sleep(0.01)
        await flooding
        await eventually(
            lambda: f"{FLOOD} lines; there are {told(pipe.read())}",
            lambda: told(pipe.read())[0] >= FLOOD,
        )
        equal(told(pipe.read()), (FLOOD, 0), "lines written and dropped")
    finally:
        pipe.close()


@check("frame log: a target that takes nothing does not keep the process from ending")
async def blocked_end(rig) -> None:
    pipe = Pipe(rig.folder)
    try:
        here = await with_path(rig, "blocked-end", pipe.path, "flush-interval-ms 20", LONG)
        await flood(here)
        equal(await here.gateway.child.end(8), 0, "exit code")
    finally:
        pipe.close()


@check("frame log: filters, sampling and redaction take out what they say")
async def filtered(rig) -> None:
    server = await Server().start()
    files = {name: fresh(rig.logs / f"{name}.ws.log") for name in ("some", "tenth", "secret")}
    gateway = await rig.configured("filtered", FILTERED, backend=server.address, **files)
    target = "/?token=hunter2&room=5"
    cookie = "Cookie: session=hunter3; theme=dark"
    async with session(gateway.port, target, cookie) as client:
        for count in range(1, 101):
            await client.send(TEXT if count % 2 else BINARY, bytes(b"x" * count))
            await client.frame()
        await client.leave()
    lines = {}
    for name, count in (("some", 16), ("tenth", 20), ("secret", 2)):
        lines[name] = await eventually(
            f"lines of {name}",
            lambda: len(got := files[name].read_text().splitlines()) >= count and got,
        )
    equal(lines["some"], [f"1 {size} client" for size in range(61, 92, 2)], "filtered")
    # 202 frames with the Closes, one in ten.
    expect(len(lines["tenth"]) in (20, 21), f"sampled: {len(lines['tenth'])}")
    text = "\n".join(lines["secret"])
    expect("hunter" not in text, f"a secret: {text}")
    expect("room=5" in text and "dark" in text, f"not the secret: {text}")


FILTERED = """
listeners { listener "main" { address "127.0.0.1:0" } }
routes { route "all" { upstream "backend"; websocket { frame-log "some" "tenth" "secret" } } }
upstreams { upstream "backend" { targets { target { address "$backend" } } } }
frame-logs {
    frame-log "some" { path "$some"; flush-interval-ms 20
        frame "$$ws_opcode $$ws_payload_size $$ws_packet_source"
        filter { opcodes "text"; min-size 60; max-size 91; direction "client" } }
    frame-log "tenth" { path "$tenth"; flush-interval-ms 20; frame "$$ws_opcode"; sample 10 }
    frame-log "secret" { path "$secret"; flush-interval-ms 20
        open "$$request $$arg_token $$arg_room"
        close "$$cookie_session $$cookie_theme $$request_uri $$args $$http_cookie"
        redact { arg "token"; cookie "session" } }
}
"""
