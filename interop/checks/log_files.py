"""The frame log as a file: rotated under traffic, full, cut off by SIGKILL; and where it is none:
standard output, syslog, a pipe that nobody reads."""

import asyncio
import os
import re
import signal
import stat
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gateway import Gateway, fresh
from harness import Skip, check, equal, eventually, expect
from processes import output_of, send
from wire import BINARY, Server, session

CONFIG = """
listeners { listener "main" { address "127.0.0.1:0" } }
routes { route "all" { upstream "backend"; websocket { frame-log "frames" } } }
upstreams { upstream "backend" { targets { target { address "$backend" } } } }
frame-logs { frame-log "frames" { path "$path"; frame "$frame"; $settings } }
"""

# A line that is whole or is not: nothing else begins and ends like this. `$arg_n` is the session,
# the payload size the number of its frame.
FRAME = "<$arg_n $ws_payload_size $ws_packet_source>"
LINE = re.compile(r"<(\d+) (\d+) (client|upstream)>")


@dataclass
class Stage:
    """A gateway with a log of its own."""

    gateway: Gateway
    server: Server
    file: Path

    async def talk(self, number: int, count: int, pause: float = 0.0) -> None:
        """A session with this number whose client sends `count` binary frames, of 1, 2, 3…
        bytes, which come back."""
        async with session(self.gateway.port, f"/?n={number}") as client:
            for size in range(1, count + 1):
                await client.send(BINARY, bytes(size))
                equal(len((await client.frame()).payload), size, "bytes that came back")
                if pause:
                    await asyncio.sleep(pause)
            await client.leave()

    def files(self) -> list[Path]:
        """The log and what was rotated away."""
        return sorted(self.file.parent.glob(self.file.name + "*"))

    def found(self) -> Counter:
        """The binary frames in all of the files, each as (session, size, source); a line that is
        not whole fails the check."""
        counter: Counter = Counter()
        for file in self.files():
            text = file.read_bytes()
            expect(b"\0" not in text, f"{file.name} has a hole")
            for line in text.decode().splitlines():
                match = LINE.fullmatch(line)
                expect(match, f"{file.name} has a line {line[:100]!r}")
                counter[match.groups()] += 1
        return counter

    async def complete(self, sessions: int, count: int) -> None:
        """Fails unless each frame of these sessions is in the files once; the Closes of 2 bytes
        are there beside the frames of 2 bytes."""
        expected = Counter(
            (str(number), str(size), source)
            for number in range(sessions)
            for size in [*range(1, count + 1), 2]
            for source in ("client", "upstream")
        )
        with suppress(AssertionError):
            await eventually("all lines", lambda: self.found() == expected, 3)
        found = self.found()
        equal(list((expected - found).elements())[:5], [], f"lost {(expected - found).total()}")
        equal(list((found - expected).elements())[:5], [], "doubled")


async def stage(rig, name: str, settings: str = "flush-interval-ms 20") -> Stage:
    """A gateway that logs each frame into a folder of its own."""
    folder = rig.logs / name
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    return await with_path(rig, name, folder / "ws.log", settings)


async def with_path(
    rig,
    name: str,
    path: Path | str,
    settings: str = "flush-interval-ms 20",
    frame: str = FRAME,
) -> Stage:
    """A gateway whose frame log has that path."""
    server = await Server().start()
    gateway = await rig.configured(
        name, CONFIG, backend=server.address, path=path, frame=frame, settings=settings
    )
    return Stage(gateway, server, Path(path))


async def logrotate(here: Stage, *directives: str) -> None:
    """Has logrotate rotate the log, whether it is time for that or not."""
    config, state = here.file.parent / "logrotate.conf", here.file.parent / "state"
    lines = "\n    ".join(["rotate 20", "missingok", *directives])
    config.write_text(f"{here.file} {{\n    {lines}\n}}\n")
    config.chmod(0o644)
    here.file.parent.chmod(0o755)
    argv = ["logrotate", "--force", "--state", str(state), str(config)]
    code, out, error = await output_of(argv)
    equal(code, 0, f"exit code of logrotate ({out}{error})")


SESSIONS, FRAMES = 8, 400


@check("frame log: logrotate with create and SIGUSR1 under traffic loses, doubles and cuts nothing")
async def rotated(rig) -> None:
    here = await stage(rig, "rotated")
    sessions = [asyncio.create_task(here.talk(number, FRAMES, 0.004)) for number in range(SESSIONS)]
    script = f"kill -USR1 {here.gateway.child.process.pid}"
    for _ in range(5):
        await asyncio.sleep(0.3)
        await logrotate(here, "create 0640", "postrotate", script, "endscript")
        await eventually("lines in the new file", lambda: here.file.stat().st_size)
    await asyncio.gather(*sessions)
    await here.complete(SESSIONS, FRAMES)
    equal(len(here.files()), 6, "files")
    for file in here.files():
        expect(file.stat().st_size, f"{file.name} is empty")
    equal(stat.S_IMODE(here.file.stat().st_mode), 0o640, "permissions that logrotate gave")


@check("frame log: logrotate with copytruncate leaves no hole, loses and doubles nothing")
async def truncated(rig) -> None:
    here = await stage(rig, "truncated")
    # Sessions live on, but say nothing while logrotate copies: what is written between its copy
    # and its truncation is lost by it, and by nobody else.
    for part in range(4):
        await asyncio.gather(*(here.talk(4 * part + number, 100) for number in range(4)))
        expected = 4 * 101 * 2
        await eventually(
            "the lines of this part",
            lambda: len(here.file.read_bytes().splitlines()) == expected,
        )
        if part < 3:
            await logrotate(here, "copytruncate")
            equal(here.file.stat().st_size, 0, "size behind the truncation")
    await here.complete(16, 100)
    equal(len(here.files()), 4, "files")


@check("frame log: copytruncate under traffic leaves whole lines without holes, each at most once")
async def truncated_under_traffic(rig) -> None:
    here = await stage(rig, "truncated-live")
    sessions = [asyncio.create_task(here.talk(number, 300, 0.003)) for number in range(4)]
    for _ in range(3):
        await asyncio.sleep(0.25)
        await logrotate(here, "copytruncate")
    await asyncio.gather(*sessions)
    last = [(str(number), "300", "upstream") for number in range(4)]
    await eventually("the last lines", lambda: all(here.found()[line] == 1 for line in last))
    # 2 bytes has the Close, too.
    often = [line for line, count in here.found().items() if count > 1 + (line[1] == "2")]
    equal(often, [], "lines that are there more than once")


@check("frame log: rotation by size keeps every line, and as many files as it should")
async def by_size(rig) -> None:
    # 4 sessions with 301 frames each way, lines of about 15 bytes: some 36 KB.
    settings = 'flush-interval-ms 20; rotate { size "10KB"; keep 9 }'
    here = await stage(rig, "by-size", settings)
    await asyncio.gather(*(here.talk(number, 300, 0.001) for number in range(4)))
    await here.complete(4, 300)
    files = here.files()
    expect(3 <= len(files) <= 5, f"files: {[file.name for file in files]}")
    for file in files:
        # Rotated between two batches, of which none is longer than what comes in 20 ms.
        expect(file.stat().st_size <= 16_384, f"{file.name} has {file.stat().st_size} bytes")


@check("frame log: rotation by size keeps no more files than it should")
async def keep(rig) -> None:
    here = await stage(rig, "keep", 'flush-interval-ms 5; rotate { size "4KB"; keep 2 }')
    await here.talk(0, 800, 0.001)
    await eventually("the last line", lambda: here.found()[("0", "800", "upstream")] == 1)
    equal(len(here.files()), 3, "files")
    # What is kept is the end, without a gap.
    sizes = sorted(int(size) for _, size, source in here.found() if source == "client")
    equal(sizes[-50:], list(range(751, 801)), "the last lines")


@check("frame log: a full disk is told once and counted, sessions go on, and so does the log")
async def full(rig) -> None:
    folder = rig.logs / "full"
    link, disk = folder / "ws.log", folder / "disk.log"
    folder.mkdir(parents=True, exist_ok=True)
    fresh(link).symlink_to("/dev/full")
    fresh(disk)
    here = await with_path(rig, "full", link)
    gateway = here.gateway
    await asyncio.gather(*(here.talk(number, 100) for number in range(3)))

    def told() -> list[dict]:
        return [record for record in gateway.errors() if "ws.log" in str(record)]

    await eventually(lambda: f"a word of it; there are {gateway.errors()}", told)

    async def lost() -> float:
        return (await gateway.metrics()).sum("framegate_frame_log_dropped_total")

    await eventually("all lines that were lost are counted", lambda: at_least(lost, 606))
    # Other sessions, other batches, no other word of it.
    await asyncio.gather(*(here.talk(number, 100) for number in range(3)))
    await eventually("all lines that were lost are counted", lambda: at_least(lost, 1_212))
    equal(await lost(), 1_212, "lines lost")
    equal(len(told()), 1, f"records of it: {told()}")

    other = folder / "other"
    fresh(other).symlink_to(disk)
    other.rename(link)
    send(gateway.child.process, signal.SIGUSR1)
    await eventually("the file is opened", disk.exists)
    await here.talk(7, 10)
    await eventually("lines in the new file", lambda: "<7 10 upstream>" in disk.read_text())
    # Told behind the lines that it is about.
    await eventually("a word of the log's return", lambda: gateway.errors("log_written_again"))
    renewed = gateway.errors("log_written_again")
    equal([record["lost"] for record in renewed], [1_212], "lines that are told to be lost")


async def at_least(count, least: float) -> bool:
    return await count() >= least


@check("frame log: a disk that fills up and has room again has whole lines, but for one at the gap")
async def filled(rig) -> None:
    folder = rig.folder / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    code, _, error = await output_of(mount)
    if code:
        raise Skip(f"no tmpfs can be mounted here: {error.strip()}")
    try:
        ballast = folder / "ballast"
        ballast.write_bytes(bytes(48 * 1_024))
        here = await with_path(rig, "filled", folder / "ws.log")
        await asyncio.gather(*(here.talk(number, 300) for number in range(3)))
        await eventually("the disk is full", lambda: os.statvfs(folder).f_bavail == 0)
        ballast.unlink()
        await here.talk(7, 50)
        await eventually(
            "lines behind the gap",
            lambda: b"<7 50 upstream>" in here.file.read_bytes(),
        )
        lines = here.file.read_text().splitlines()
        odd = [line for line in lines if not LINE.fullmatch(line)]
        # Of the line in whose middle the disk was full there is what had room, and nothing else
        # stands on the same line.
        expect(
            len(odd) <= 1 and all(is_beginning(line) for line in odd),
            f"lines that are not whole: {odd}",
        )
        await here.gateway.end()
    finally:
        await output_of(["umount", "--lazy", str(folder)])


def is_beginning(line: str) -> bool:
    """Whether this can be the first part of a line."""
    return bool(re.fullmatch(r"<(\d+( (\d+( [a-z]*)?)?)?)?", line))


@check("frame log: SIGKILL loses no more than the flush interval")
async def killed(rig) -> None:
    here = await stage(rig, "killed", "flush-interval-ms 300")
    loop = asyncio.get_running_loop()
    returned: dict[int, float] = {}
    async with session(here.gateway.port, "/?n=1") as client:
        for size in range(1, 400):
            await client.send(BINARY, bytes(size))
            await client.frame()
            returned[size] = loop.time()
            if loop.time() - returned[1] > 1.5:
                break
            await asyncio.sleep(0.01)
        killed_at = loop.time()
        await here.gateway.child.kill()
    found = here.found()
    # The interval, and how late a timer may be on a machine with other things to do.
    due = [size for size, at in returned.items() if at < killed_at - 0.3 - 0.2]
    expect(len(due) > 20, f"only {len(due)} frames were early enough to tell")
    lost = [size for size in due if not found[("1", str(size), "upstream")]]
    equal(lost, [], "frames whose lines were due")


@check("frame log: SIGTERM loses nothing, however long the flush interval is")
async def terminated(rig) -> None:
    here = await stage(rig, "terminated", "flush-interval-ms 60000")
    await here.talk(0, 50)
    equal(await here.gateway.end(), 0, "exit code")
    await here.complete(1, 50)


@check("access and error log: SIGUSR1 reopens them, so that they can be rotated as well")
async def others(rig) -> None:
    here = await stage(rig, "others")
    access = here.gateway.logs["access"]
    await here.talk(0, 1)
    await eventually("a close record", lambda: here.gateway.records("close"))
    old = access.with_suffix(".1")
    access.rename(fresh(old))
    send(here.gateway.child.process, signal.SIGUSR1)
    await eventually("a new file", access.exists)
    await here.talk(1, 1)
    await eventually("a close record in the new file", lambda: here.gateway.records("close"))
    equal((len(here.gateway.records("open")), old.read_text().count('"open"')), (1, 1), "records")
