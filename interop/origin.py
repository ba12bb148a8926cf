"""The backend of peers/origin.js as a process: started, killed, started again, asked directly."""

import itertools
import json
from pathlib import Path

from fetch import fetch
from harness import eventually
from processes import Child

_numbers = itertools.count(1)


class Origin:
    """One server with a name; its port stays the same when it is started again."""

    def __init__(self, rig, name: str, options: tuple[str, ...]) -> None:
        self.rig = rig
        self.name = name
        self.port = 0
        self.unix = options[options.index("--unix") + 1] if "--unix" in options else ""
        self._options = options
        self._log = rig.logs / f"origin-{next(_numbers)}-{name}.log"
        self._child: Child | None = None

    @classmethod
    async def start(cls, rig, name: str, *options: str | Path) -> "Origin":
        """Starts one and returns when it listens; `options` are those of the script."""
        origin = cls(rig, name, tuple(str(option) for option in options))
        await origin.again()
        return origin

    async def again(self) -> None:
        """Starts it, or starts it once more where it was."""
        if self.unix:
            Path(self.unix).unlink(missing_ok=True)
        port = ["--port", str(self.port)] if self.port else []
        self._child = await self.rig.child(
            ["node", self.rig.peer("origin.js"), self.name, *port, *self._options], self._log
        )
        where = await said(self._child, "listening ")
        self.port = int(where) if where.isdigit() else 0

    async def kill(self) -> None:
        """Ends it without any notice to those who are connected."""
        await self._child.kill()

    async def end(self) -> None:
        """Ends it."""
        await self._child.end(0.5)

    @property
    def address(self) -> str:
        """What a target's address is to say."""
        return f"unix:{self.unix}" if self.unix else f"127.0.0.1:{self.port}"

    async def ask(self, path: str) -> str:
        """Asks the server itself, past any gateway, and gives the body of its answer."""
        unix = ["--unix-socket", self.unix] if self.unix else []
        host = "origin" if self.unix else f"127.0.0.1:{self.port}"
        return (await fetch(f"http://{host}{path}", *unix)).body.decode()

    async def facts(self) -> dict:
        """How many requests came, how many of them as health checks, and by which Host those."""
        return json.loads(await self.ask("/facts"))


async def said(child: Child, what: str) -> str:
    """The rest of the line that a program begins with `what`, once it has printed it."""

    def lines() -> list[str]:
        if child.died():
            raise AssertionError(f"the peer ended at once: {child.output()}")
        begun = [line for line in child.output().splitlines(True) if line.startswith(what)]
        return [line[len(what) :].strip() for line in begun if line.endswith("\n")]

    return (await eventually(lambda: f"{what!r}; it printed: {child.output()}", lines, 10))[0]
