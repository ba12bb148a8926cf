"""Agents as programs: a unix socket each, started, killed, started again, started late."""

import itertools
from pathlib import Path

from harness import Skip, eventually
from processes import Child

_numbers = itertools.count(1)

# The inspector that Sentinel's documentation means, by the name that its crate gives it.
REAL = "agents/real/bin/sentinel-ws-agent"
# An agent on the public crate for version 2 of the protocol (agents/v2).
JUDGE = "agents/v2-target/debug/judge-agent"


class Agent:
    """A program that listens on a unix socket; the socket stays the same when it is started
    again."""

    def __init__(self, rig, name: str, argv: list[str], env: dict[str, str] | None = None) -> None:
        self.rig = rig
        self.number = next(_numbers)
        self.name = name
        # Paths of unix sockets must be short.
        self.socket = rig.folder / f"agent-{self.number}.sock"
        self._argv = [word.replace("{socket}", str(self.socket)) for word in argv]
        self._env = env
        self._log = rig.logs / f"agent-{self.number}-{name}.log"
        self.child: Child | None = None

    async def start(self) -> "Agent":
        """Starts it, or starts it once more, and returns when it listens."""
        self.socket.unlink(missing_ok=True)
        self.child = await self.rig.child(self._argv, self._log, env=self._env)

        def listens() -> bool:
            if self.child.died():
                raise AssertionError(f"the agent ended at once: {self.child.output()}")
            return self.socket.exists()

        await eventually("the agent listens", listens, 10)
        return self

    async def kill(self) -> None:
        """Ends it without any notice; its socket's file stays."""
        await self.child.kill()


def program(rig, path: str) -> str:
    """A program that `./test` builds into the work folder."""
    file: Path = rig.work / path
    if not file.exists():
        raise Skip(f"{file} is not there; ./test --interop builds it")
    return str(file)


def real(rig, *options: str) -> Agent:
    """The real inspector; its switches stand alone, and what is on by default goes off only by
    the environment."""
    argv = [program(rig, REAL), "--socket", "{socket}", *options]
    return Agent(rig, "real", argv)


def judge(rig) -> Agent:
    """The agent of agents/v2."""
    return Agent(rig, "judge", [program(rig, JUDGE), "{socket}"])


def ours(rig, *options: str, as_page_has_it: bool = False) -> Agent:
    """The gateway's own inspector, as a subcommand or under the name on Sentinel's page."""
    if as_page_has_it:
        command = [str(rig.binary.parent / "sentinel-agent-websocket-inspector")]
    else:
        command = [str(rig.binary), "agent", "websocket-inspector"]
    return Agent(rig, "ours", [*command, "--socket", "{socket}", *options])
