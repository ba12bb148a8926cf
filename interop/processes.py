"""Child processes of the suite: started with their output in a file, ended for certain.

Children stay in the caller's process group, so that ending the group ends them all.
"""

import asyncio
import os
import signal
import socket
from contextlib import suppress
from pathlib import Path


class Child:
    """A running program; its standard output and error go to `NAME.log` in the log folder."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process = process
        self.log = log

    @classmethod
    async def start(
        cls,
        argv: list[str],
        log: Path,
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
        pass_fds: tuple[int, ...] = (),
    ) -> "Child":
        """Starts `argv`, with the log file begun anew; it inherits `pass_fds` as they are."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as sink:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                env=env,
                cwd=cwd,
                pass_fds=pass_fds,
            )
        return cls(process, log)

    def output(self) -> str:
        """What the program has printed up to now."""
        return self.log.read_text(errors="replace")

    def died(self) -> bool:
        """Whether the program has ended."""
        return self.process.returncode is not None

    async def end(self, gently: float = 5.0) -> int:
        """Asks the program to end and insists after `gently` seconds; gives its exit code."""
        if not self.died():
            send(self.process, signal.SIGTERM)
            try:
                await asyncio.wait_for(self.process.wait(), gently)
            except TimeoutError:
                send(self.process, signal.SIGKILL)
        return await self.process.wait()

    async def kill(self) -> None:
        """Ends the program without any notice."""
        send(self.process, signal.SIGKILL)
        await self.process.wait()


def send(process: asyncio.subprocess.Process, which: int) -> None:
    """Sends a signal, unless the program has ended.

    `Process.send_signal` looks for itself whether it has, and so takes the exit code away from
    who waits for it.
    """
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, which)


async def output_of(
    argv: list[str], env: dict[str, str] | None = None, stdin: bytes | None = None
) -> tuple[int, str, str]:
    """Runs a program to its end: exit code, standard output, standard error."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=env,
    )
    try:
        out, err = await process.communicate(stdin)
    finally:
        send(process, signal.SIGKILL)
    return process.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace")


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def accepts(port: int) -> bool:
    """Whether something on the loopback port takes connections."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
