"""Reload: what the file says holds for who comes next, nobody who is there is disturbed, and a
file that is wrong changes nothing."""

import asyncio
import os
import signal
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from string import Template

from backend import dial as dial_python
from certificates import certificates
from fetch import fetch
from gateway import OBSERVED, Gateway, fresh
from harness import check, equal, eventually, expect
from processes import accepts, free_port, send
from wire import CLOSE, TEXT, End, Scene, Server, dial, echo, session

SECONDS = 60 if os.environ.get("FRAMEGATE_LONG") else 8


class File:
    """The configuration of a running gateway, to be written anew."""

    def __init__(self, rig, name: str, config: str, **values: object) -> None:
        self.path: Path = rig.logs / f"{name}.kdl"
        self.gateway: Gateway
        self._config = config
        self._values = {"version": "1"} | values
        self.logs = {kind: rig.logs / f"{name}.{kind}" for kind in ("access", "errors")}

    @classmethod
    async def run(cls, rig, name: str, config: str, **values: object) -> "File":
        """Starts a gateway with it."""
        file = cls(rig, name, config, **values)
        file.gateway = await rig.configured(name, config, **file._values)
        return file

    def text(self, **values: object) -> str:
        """The text with other values."""
        self._values |= values
        text = Template(self._config).substitute(self._values)
        return text + Template(OBSERVED).substitute(self.logs)

    def write(self, **values: object) -> None:
        """Writes it with other values, as an editor does: beside it, and then in its place."""
        beside = self.path.with_suffix(".new")
        beside.write_text(self.text(**values))
        beside.rename(self.path)

    def hang_up(self) -> None:
        """SIGHUP."""
        send(self.gateway.child.process, signal.SIGHUP)

    async def reload(self, **values: object) -> None:
        """Writes it, and has it read."""
        self.write(**values)
        self.hang_up()

    def said(self) -> str:
        """What the gateway has printed, and what it has put into the error log."""
        errors = [str(record) for record in self.gateway.errors()]
        return "\n".join([self.gateway.child.output(), *errors])

    async def becomes(self, version: object, within: float = 5) -> None:
        """Waits until the gateway does what this version of the file says."""
        await eventually(f"version {version} holds", lambda: self.is_at(version), within)

    async def is_at(self, version: object) -> bool:
        """Whether it does."""
        return (await fetch(self.gateway.http(f"/version/{version}", "main"))).status == 200


CONFIG = """
listeners {
    listener "main" { address "127.0.0.1:$port" }
    $listeners
}
routes {
    route "version" { matches { path "/version/$version" }; builtin-handler "health" }
    route "all" { upstream "backend"; websocket { $websocket } }
}
upstreams { upstream "backend" { targets { target { address "$backend" } } } }
server { $server }
"""


async def stage(rig, name: str, **values: object) -> tuple[File, Server]:
    """A gateway before a server that echoes frames."""
    server = await Server().start()
    empty = {"listeners": "", "websocket": "", "server": ""}
    values = empty | {"backend": server.address, "port": free_port()} | values
    return await File.run(rig, name, CONFIG, **values), server


class Talk:
    """A session that sends numbered messages all the time, and minds that they come back in
    order."""

    def __init__(self, end: End) -> None:
        self.end = end
        self.came = 0
        self.stops = False

    async def run(self) -> None:
        """Talks until it is told to stop; a few messages are under way at any time."""
        ahead = 8
        for number in range(ahead):
            await self.end.send(TEXT, b"%d" % number)
        while not self.stops:
            await self.hear()
            await self.end.send(TEXT, b"%d" % (self.came + ahead - 1))
            await asyncio.sleep(0.002)
        for _ in range(ahead):
            await self.hear()
        await self.end.leave()

    async def hear(self) -> None:
        """The next message."""
        frame = await self.end.frame(5)
        if frame is None or frame.opcode == CLOSE:
            raise AssertionError(f"a session ended behind {self.came} messages: {frame}")
        equal(frame.payload, b"%d" % self.came, "the next message")
        self.came += 1


async def newcomers(port: int, stop: Callable[[], bool]) -> int:
    """Sessions that begin all the time, each of which must be let in and echoed; how many."""
    count = 0
    while not stop():
        async with session(port) as client:
            await client.send(TEXT, b"hello")
            equal((await client.frame(5)).payload, b"hello", "echo")
            await client.leave()
        count += 1
        await asyncio.sleep(0.005)
    return count


@check(
    "reload: ten times a second under load no session is lost, no message lost or out of order",
    SECONDS + 30,
)
async def under_load(rig) -> None:
    server = "worker-threads 2"
    file, backend = await stage(rig, "reload-load", server=server)
    talks = [Talk(await dial(file.gateway.port)) for _ in range(20)]
    running = [asyncio.create_task(talk.run()) for talk in talks]
    over = False
    coming = [asyncio.create_task(newcomers(file.gateway.port, lambda: over)) for _ in range(4)]
    rounds = SECONDS * 10
    for number in range(rounds):
        limit = f'max-connections {1_000 + number}; max-message-size "{1 + number % 3}MB"'
        await file.reload(version=number, websocket=limit)
        await asyncio.sleep(0.1)
        if number % 10 == 0:
            for task in (*running, *coming):
                if task.done():
                    await task
    await file.becomes(rounds - 1)
    over = True
    begun = sum(await asyncio.gather(*coming))
    for talk in talks:
        talk.stops = True
    await asyncio.gather(*running)
    heard = sum(talk.came for talk in talks)
    print(f"       {rounds} reloads, {heard} messages in 20 sessions, {begun} sessions begun")
    expect(begun > SECONDS * 10 and heard > SECONDS * 1_000, "that was no load")
    equal(refusals(file.gateway), [], "handshakes that were refused")


def refusals(gateway: Gateway) -> list[dict]:
    """Records of handshakes that failed, without those of probes that asked nothing."""
    return [r for r in gateway.records("refused") if r.get("reason") != "no_request"]


@check("reload: a bad file changes nothing, and what is wrong is told with line and column")
async def bad_file(rig) -> None:
    file, _ = await stage(rig, "reload-bad")
    file.write(version=2)
    text = file.path.read_text().splitlines()
    text[7] = text[7].replace('upstream "backend"', 'upstream "bakend"; max-boddy-size 1')
    file.path.write_text("\n".join(text) + "\n")
    async with session(file.gateway.port) as client:
        file.hang_up()

        await eventually("a word of it", lambda: "bakend" in file.said())
        report = file.said()
        for word in ("bakend", "max-boddy-size", "max-body-size", "reload-bad.kdl:8:"):
            expect(word in report, f"the report lacks {word!r}: {report}")
        expect(await file.is_at(1), "the version before does not hold any more")
        expect(not await file.is_at(2), "half of the file was taken")
        await client.send(TEXT, b"still here")
        equal((await client.frame()).payload, b"still here", "echo")
    # And a file that is right is taken afterwards.
    await file.reload(version=3)
    await file.becomes(3)


@check("reload: a file that is right but cannot be carried out changes nothing")
async def impossible(rig) -> None:
    file, _ = await stage(rig, "reload-impossible")
    taken = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    address = "127.0.0.1:%d" % taken.sockets[0].getsockname()[1]
    await file.reload(version=2, listeners=f'listener "second" {{ address "{address}" }}')
    await eventually(lambda: f"a word of it in {file.said()}", lambda: address in file.said())
    expect(await file.is_at(1), "the version before does not hold any more")
    taken.close()
    await file.reload(version=3)
    await file.becomes(3)


@check("reload: a listener that is added listens; on one that is removed sessions go on")
async def listeners(rig) -> None:
    file, _ = await stage(rig, "reload-listeners")
    port = free_port()
    second = f'listener "second" {{ address "127.0.0.1:{port}" }}'
    await file.reload(version=2, listeners=second)
    await eventually("the second one listens", lambda: accepts(port))
    async with session(port) as client:
        await file.reload(version=3, listeners="")
        await eventually("it is gone", lambda: not accepts(port))
        await client.send(TEXT, b"still here")
        equal((await client.frame()).payload, b"still here", "echo")
        await client.leave()
    # The same address once more, and twice without a change between.
    for version in (4, 5):
        await file.reload(version=version, listeners=second)
        await file.becomes(version)
        async with session(port) as client:
            await client.leave()


@check("reload: routes, limits and upstreams hold for who comes next; limits count who is there")
async def limits(rig) -> None:
    file, _ = await stage(rig, "reload-limits")
    other = await Server().start()

    async def shout(end: End) -> None:
        await end.send(TEXT, b"the other one")
        await echo(end)

    other.scenes["/"] = Scene(shout)
    async with session(file.gateway.port) as one, session(file.gateway.port) as two:
        await file.reload(version=2, websocket="max-connections 3", backend=other.address)
        await file.becomes(2)
        async with session(file.gateway.port) as three:
            equal((await three.frame()).payload, b"the other one", "who answers who comes next")
            async with session(file.gateway.port) as four:
                equal((await four.frame()).code, 1013, "the fourth is told")
            await file.reload(version=3)
            await file.becomes(3)
            async with session(file.gateway.port) as four:
                equal((await four.frame()).code, 1013, "the fourth is told once more")
        for client in (one, two):
            await client.send(TEXT, b"still here")
            equal((await client.frame()).payload, b"still here", "echo")


TLS = """
listeners { listener "tls" { address "127.0.0.1:0"; protocol "https"
    tls { cert-file "$cert"; key-file "$key" } }
    listener "main" { address "127.0.0.1:$port" } }
routes {
    route "version" { matches { path "/version/$version" }; builtin-handler "health" }
    route "all" { upstream "backend" }
}
upstreams { upstream "backend" { targets { target { address "$backend" } } } }
"""


@check("reload: a certificate that was replaced is shown to who comes next; old sessions go on")
async def certificate(rig) -> None:
    made = await rig.shared(certificates)
    cert, key = rig.folder / "live.pem", rig.folder / "live.key"

    def put(name: str) -> None:
        for source, target in zip(made.pair(name), (cert, key)):
            beside = target.with_suffix(".new")
            beside.write_bytes(Path(source).read_bytes())
            beside.rename(target)

    put("localhost")
    server = await Server().start()
    port = free_port()
    file = await File.run(
        rig, "reload-cert", TLS, backend=server.address, port=port, cert=cert, key=key
    )
    at = file.gateway.port_of("tls")

    async def shown() -> bytes:
        loose = ssl.create_default_context()
        loose.check_hostname, loose.verify_mode = False, ssl.CERT_NONE
        _, writer = await asyncio.open_connection("127.0.0.1", at, ssl=loose)
        try:
            return writer.get_extra_info("ssl_object").getpeercert(True)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    first = await shown()
    async with dial_python(f"wss://localhost:{at}/", ssl=made.trust(), host="127.0.0.1") as client:
        put("a.example.test")
        # The file itself says what it said: only what it names has changed.
        file.hang_up()

        async def changed() -> bool:
            return await shown() != first

        await eventually("another certificate is shown", changed)
        await client.send("still here")
        equal(await client.recv(), "still here", "echo")

        # A key that does not fit changes nothing.
        key.write_bytes(Path(made.pair("localhost")[1]).read_bytes())
        second = await shown()
        await file.reload(version=2)
        await eventually("a word of it", lambda: "live.key" in file.said())
        equal(await shown(), second, "the certificate")
        expect(await file.is_at(1), "the version before does not hold any more")


@check("auto-reload: a file that is replaced, written in place, or behind a swapped link is read")
async def watched(rig) -> None:
    file, _ = await stage(rig, "reload-auto", server="auto-reload true")
    # As editors do: another file takes its name.
    file.write(version=2)
    await file.becomes(2)
    # In place, and in two writes.
    text = file.text(version=3)
    with file.path.open("w") as out:
        out.write(text[:100])
        out.flush()
        await asyncio.sleep(0.02)
        out.write(text[100:])
    await file.becomes(3)
    # A bad file, and a good one behind it.
    file.path.write_text("listeners {")
    await asyncio.sleep(1)
    expect(await file.is_at(3), "the version before does not hold any more")
    file.write(version=4)
    await file.becomes(4)


@check("auto-reload: a swapped link to a folder, as Kubernetes mounts have it, is noticed")
async def swapped(rig) -> None:
    server = await Server().start()
    mount = rig.folder / "mount"

    values = {"listeners": "", "websocket": "", "server": "auto-reload true"}
    values |= {"backend": server.address, "port": free_port()}
    file = File(rig, "mounted", CONFIG, **values)
    for log in file.logs.values():
        fresh(log)

    def publish(version: int) -> None:
        folder = mount / f"..{version}"
        folder.mkdir(parents=True)
        (folder / "gateway.kdl").write_text(file.text(version=version))
        beside = mount / "..data.new"
        beside.symlink_to(folder.name)
        beside.rename(mount / "..data")

    publish(1)
    (mount / "gateway.kdl").symlink_to("..data/gateway.kdl")
    file.gateway = await Gateway.of_file(rig, "mounted", mount / "gateway.kdl", file.logs)
    publish(2)
    await file.becomes(2)
    publish(3)
    await file.becomes(3)
