"""Take-over: a process that is started takes the sockets of the one before it, and no client
notices; systemd's sockets and its notifications."""

import asyncio
import os
import signal
import socket
from contextlib import suppress
from pathlib import Path

from checks.reload import File
from gateway import Gateway, fresh
from harness import check, equal, eventually, expect
from processes import Child, accepts, free_port, send
from wire import CLOSE, TEXT, End, Server, dial, request, session

CONFIG = """
server {
    worker-threads $workers
    take-over "$socket"
    graceful-shutdown-timeout-secs 20
    drain { close-code 1012; close-reason "Moving house"; spread "2s" }
}
listeners { listener "main" { address "127.0.0.1:$port" }
            listener "unix" { address "unix:$unix" } }
routes {
    route "version" { matches { path "/version/$version" }; builtin-handler "health" }
    route "all" { upstream "backend" }
}
upstreams { upstream "backend" { targets { target { address "$backend" } } } }
"""


class Line:
    """The processes of one configuration, each of which takes over from the one before."""

    def __init__(self, rig, file: File) -> None:
        self.rig = rig
        self.file = file
        self.port: int = file.gateway.port_of("main")
        self.running: list[Child] = [file.gateway.child]

    @classmethod
    async def start(cls, rig, name: str, workers: int) -> "Line":
        """The first one."""
        server = await Server().start()
        file = await File.run(
            rig,
            name,
            CONFIG,
            workers=workers,
            socket=rig.folder / f"{name}.sock",
            unix=rig.folder / f"{name}-main.sock",
            port=free_port(),
            backend=server.address,
        )
        return cls(rig, file)

    async def take_over(self) -> None:
        """Starts another one."""
        file = self.file.path
        log = self.rig.logs / f"{file.stem}-{len(self.running)}.log"
        argv = [str(self.rig.binary), "run", "--take-over", str(file)]
        self.running.append(await self.rig.child(argv, log))

    async def gone(self, number: int) -> None:
        """Waits until one of them has ended, with 0."""
        child = self.running[number]
        code = await asyncio.wait_for(child.process.wait(), 20)
        equal(code, 0, f"exit code of one that was taken over from; it said {child.output()}")

    async def only_last(self) -> None:
        """Waits until all but the last have ended, each with 0."""
        for number in range(len(self.running) - 1):
            await self.gone(number)
        last = self.running[-1]
        expect(not last.died(), f"the last one has ended: {last.output()}")


class Storm:
    """Clients that connect all the time, and every way in which it did not go well."""

    def __init__(self, port: int, clients: int) -> None:
        self.port = port
        self.over = False
        self.begun = 0
        self.echoed = 0
        self.faults: list[str] = []
        self._tasks = [asyncio.create_task(self._client()) for _ in range(clients)]

    async def _client(self) -> None:
        while not self.over:
            try:
                end = await dial(self.port)
            except (OSError, asyncio.IncompleteReadError, TimeoutError) as fault:
                self.faults.append(repr(fault))
                continue
            if end.head.status != 101:
                self.faults.append(f"status {end.head.status}")
                end.reset()
                continue
            self.begun += 1
            await self._talk(end)
            # Paced, so that the storm leaves the processes room to start.
            await asyncio.sleep(0.02)

    async def _talk(self, end: End) -> None:
        """A session that was granted may be drained, but not lost without a Close."""
        try:
            await end.send(TEXT, b"hello")
            frame = await end.frame(5)
            if frame is None or (frame.opcode == CLOSE and frame.code != 1012):
                self.faults.append(f"a session ended with {frame}")
                return
            self.echoed += frame.opcode == TEXT
            await end.send(CLOSE, (1000).to_bytes(2, "big"))
            await end.frame(5)
        except (ConnectionError, TimeoutError) as fault:
            self.faults.append(f"within a session: {fault!r}")
        finally:
            end.reset()

    async def end(self) -> None:
        """Stops, and fails if anything went wrong."""
        self.over = True
        await asyncio.gather(*self._tasks)
        equal(self.faults[:5], [], f"{len(self.faults)} faults beside {self.begun} sessions")


def register(workers: int) -> None:
    """The storm, for processes with so many workers."""

    @check(f"take-over: in a storm of clients none is refused or reset, with {workers} workers", 60)
    async def stormy(rig) -> None:
        line = await Line.start(rig, f"take-over-{workers}", workers)
        storm = Storm(line.port, 24)
        for version in range(2, 6):
            await asyncio.sleep(0.5)
            line.file.write(version=version)
            await line.take_over()
            await line.file.becomes(version, 10)
        await line.only_last()
        await asyncio.sleep(0.3)
        await storm.end()
        print(f"       {storm.begun} sessions begun while 4 processes followed one another")
        expect(storm.begun > 500, f"only {storm.begun} sessions begun: that was no storm")
        expect(storm.echoed > 0.9 * storm.begun, f"only {storm.echoed} of them were echoed")


for count in (1, 4):
    register(count)


@check("take-over: sessions of the old process are closed evenly, and it ends with 0", 40)
async def drained(rig) -> None:
    line = await Line.start(rig, "take-over-drain", 2)
    loop = asyncio.get_running_loop()
    ends = [await dial(line.port, "/hold") for _ in range(60)]
    line.file.write(version=2)
    await line.take_over()
    await line.file.becomes(2, 10)

    async def closed(end: End) -> float:
        frame = await end.closes(15)
        equal((frame.code, frame.reason), (1012, "Moving house"), "the Close")
        at = loop.time()
        await end.end()
        return at

    closing = [asyncio.create_task(closed(end)) for end in ends]
    # Who comes meanwhile comes to the other process, and stays.
    async with session(line.port, "/hold") as newcomer:
        times = sorted(await asyncio.gather(*closing))
        expect(1.2 < times[-1] - times[0] < 3, f"over {times[-1] - times[0]:.2f} s")
        await line.only_last()
        await newcomer.leave()
    records = line.file.gateway.records("close")
    expect(len(records) >= 60, f"{len(records)} close records")


@check("take-over: a client of the old process whose request is still on its way is answered")
async def on_its_way(rig) -> None:
    line = await Line.start(rig, "take-over-late", 2)
    # They are accepted, and the network is slow.
    streams = [await asyncio.open_connection("127.0.0.1", line.port) for _ in range(8)]
    await asyncio.sleep(0.1)
    line.file.write(version=2)
    await line.take_over()
    await line.file.becomes(2, 10)
    await asyncio.sleep(0.1)
    answers = []
    for reader, writer in streams:
        writer.write(request("/", line.port))
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            answers.append((await asyncio.wait_for(reader.readuntil(b"\r\n"), 5))[9:12])
        writer.transport.abort()
    equal(answers, [b"101"] * 8, "statuses")


@check("take-over: when the new process cannot start, the old one goes on as if nothing had been")
async def failed(rig) -> None:
    line = await Line.start(rig, "take-over-failed", 2)
    async with session(line.port) as client:
        line.file.path.write_text("listeners {")
        await line.take_over()
        code = await asyncio.wait_for(line.running[-1].process.wait(), 10)
        expect(code != 0, "a file that does not parse was run")
        # Neither does one harm that breaks off, that talks nonsense, or that says nothing.
        line.file.write(version=2)
        path = rig.folder / "take-over-failed.sock"
        for word in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 1_000):
            with suppress(ConnectionError):
                _, writer = await asyncio.open_unix_connection(path)
                writer.write(word)
                await writer.drain()
                await asyncio.sleep(0.05)
                writer.close()
        reader, writer = await asyncio.open_unix_connection(path)
        await asyncio.sleep(0.2)
        await client.send(TEXT, b"still here")
        frame = await client.frame()
        equal(frame and frame.payload, b"still here", "echo")
        async with session(line.port) as another:
            await another.leave()
        writer.close()
    # Behind all of them one that does it right gets the sockets.
    await line.take_over()
    await line.file.becomes(2, 10)
    await line.gone(0)


@check("take-over: with nobody to take over from, a process starts, or says why not")
async def nobody(rig) -> None:
    line = await Line.start(rig, "take-over-first", 1)
    await line.running[0].end()
    await line.take_over()
    await eventually(
        lambda: f"it listens or says why not: {line.running[-1].output()}",
        lambda: accepts(line.port) or (line.running[-1].died() and line.running[-1].output()),
    )


@check("take-over: a unix listener is taken over as well, and its file stays")
async def unix(rig) -> None:
    line = await Line.start(rig, "take-over-unix", 2)
    path = rig.folder / "take-over-unix-main.sock"
    inode = path.stat().st_ino

    async def answers() -> bool:
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"GET /version/2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        return b" 200 " in answer[:20]

    line.file.write(version=2)
    await line.take_over()
    await eventually("the new process answers at the unix socket", answers, 10)
    await line.only_last()
    equal(path.stat().st_ino, inode, "the file of the socket")
    expect(await answers(), "nobody answers any more")


ACTIVATED = """
server { worker-threads $workers; graceful-shutdown-timeout-secs 5; drain { spread "0s" } }
listeners { listener "main" { address "127.0.0.1:$port" } }
routes {
    route "version" { matches { path "/version/$version" }; builtin-handler "health" }
    route "all" { upstream "backend" }
}
upstreams { upstream "backend" { targets { target { address "$backend" } } } }
"""


class Notices:
    """The socket that sd_notify writes to."""

    def __init__(self, path: Path) -> None:
        self.path = fresh(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)
        self.came: list[str] = []

    def has(self, line: str) -> bool:
        """Whether a notice with this line has come."""
        try:
            while True:
                self.came.append(self._socket.recv(65_536).decode())
        except BlockingIOError:
            pass
        return any(line in notice.split("\n") for notice in self.came)

    def close(self) -> None:
        """Ends it."""
        self._socket.close()


async def activated(rig, name: str, listening: socket.socket, workers: int, **env: str) -> File:
    """A gateway that is started as systemd starts one: its socket is descriptor 3."""
    server = await Server().start()
    port = listening.getsockname()[1]
    file = File(rig, name, ACTIVATED, workers=workers, port=port, backend=server.address)
    file.path.write_text(file.text())
    for log in file.logs.values():
        fresh(log)
    # LISTEN_PID is to be the process itself, which only a shell that becomes it can know.
    number = listening.fileno()
    script = f'exec 3<&{number}; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"'
    argv = ["bash", "-c", script, "bash", str(rig.binary), "run", str(file.path)]
    child = await rig.child(argv, rig.logs / f"{name}.log", pass_fds=(number,), env=env)
    file.gateway = Gateway(child, file.logs)
    file.gateway.addresses["main"] = f"127.0.0.1:{port}"
    return file


@check("systemd: a socket that was passed is listened on, also by several workers")
async def activation(rig) -> None:
    for workers in (1, 4):
        with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
            port = listening.getsockname()[1]
            # These wait in the socket's queue before there is anybody to take them.
            waiting = [asyncio.create_task(dial(port)) for _ in range(40)]
            await asyncio.sleep(0.1)
            file = await activated(rig, f"activated-{workers}", listening, workers)
            for end in await asyncio.gather(*waiting):
                equal(end.head.status, 101, "status of one who came before the process")
                await end.send(TEXT, b"hello")
                equal((await end.frame()).payload, b"hello", "echo")
                await end.leave()
            equal(await file.gateway.end(), 0, "exit code")
        # Nobody else has opened that address.
        expect(not accepts(port), "somebody still listens")


@check("systemd: READY, RELOADING and STOPPING are told when it is so")
async def notified(rig) -> None:
    notices = Notices(rig.folder / "notify")
    try:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            file = await activated(rig, "notified", listening, 1, NOTIFY_SOCKET=str(notices.path))
            await eventually(lambda: f"READY=1 in {notices.came}", lambda: notices.has("READY=1"))
            expect(await file.is_at(1), "it said READY before it was")
            await file.reload(version=2)
            await eventually(
                lambda: f"RELOADING=1 in {notices.came}", lambda: notices.has("RELOADING=1")
            )
            whole = "\n".join(notices.came)
            # Type=notify-reload wants the moment as well.
            expect("MONOTONIC_USEC=" in whole, f"no moment: {whole}")
            await file.becomes(2)
            await eventually(
                lambda: f"READY=1 twice in {notices.came}",
                lambda: notices.has("READY=1") and "\n".join(notices.came).count("READY=1") == 2,
            )
            send(file.gateway.child.process, signal.SIGTERM)
            await eventually(
                lambda: f"STOPPING=1 in {notices.came}", lambda: notices.has("STOPPING=1")
            )
            equal(await file.gateway.end(), 0, "exit code")
    finally:
        notices.close()


@check("systemd: after a take-over the new process says that it is the main one")
async def main_pid(rig) -> None:
    line = await Line.start(rig, "take-over-notify", 1)
    notices = Notices(rig.folder / "notify-2")
    try:
        os.environ["NOTIFY_SOCKET"] = str(notices.path)
        line.file.write(version=2)
        await line.take_over()
    finally:
        os.environ.pop("NOTIFY_SOCKET", None)
    pid = line.running[-1].process.pid
    await eventually(
        lambda: f"MAINPID={pid} in {notices.came}", lambda: notices.has(f"MAINPID={pid}"), 10
    )
    await line.only_last()
    notices.close()
