"""What all checks share: the programs, the two standing backends and a gateway before each."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from backend import Backend
from gateway import Gateway
from harness import eventually
from processes import Child

HERE = Path(__file__).resolve().parent

T = TypeVar("T")


class Rig:
    """`gateway` stands before the Python backend, `node_gateway` before the Node one, which
    listens on `node_port`."""

    def __init__(self, binary: Path, work: Path) -> None:
        self.binary = binary
        self.work = work
        self.logs = work / "logs"
        self.node_modules = work / "node" / "node_modules"
        self.backend = Backend()
        # For sockets and certificates: the paths of unix sockets must be short.
        self.folder = Path(tempfile.mkdtemp(prefix="framegate-"))
        # Programs that end with the suite, and those that end with the check that began them.
        self._standing: list[Child] = []
        self._passing: list[Child] = []
        self._shared: dict[object, object] = {}

    async def start(self) -> "Rig":
        """Starts the backends first, then the gateways."""
        await self.backend.start()
        self.node_port = await self._start_node_backend()
        self.gateway = await self.new_gateway("python-backend", self.backend.port)
        self.node_gateway = await self.new_gateway("node-backend", self.node_port)
        self._keep()
        return self

    async def after_check(self) -> None:
        """Ends what a check began and left."""
        passing, self._passing = self._passing, []
        await asyncio.gather(*(child.end(0.5) for child in passing))

    async def end(self) -> None:
        """Ends every process that is still there."""
        self._keep()
        await asyncio.gather(*(child.end(0.5) for child in self._standing))
        await self.backend.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    async def new_gateway(self, name: str, backend_port: int, *options: str) -> Gateway:
        """A gateway of a check's own; it ends with the check at the latest."""
        return await Gateway.relay(self, name, backend_port, *options)

    async def configured(self, name: str, config: str, **values: object) -> Gateway:
        """The same with a configuration, in which `$name` stands for the value of that name."""
        return await Gateway.run(self, name, config, **values)

    async def child(
        self,
        argv: list[str],
        log: Path,
        pass_fds: tuple[int, ...] = (),
        env: dict[str, str] | None = None,
    ) -> Child:
        """A program that ends with the check at the latest; Node finds the suite's packages."""
        child = await Child.start(argv, log, self.node_env() | (env or {}), pass_fds=pass_fds)
        self._passing.append(child)
        return child

    async def shared(self, make: Callable[["Rig"], Awaitable[T]]) -> T:
        """What `make` makes of the rig: made for the first who asks, and kept for the others, to
        whom it fails as it did for the first."""
        if make not in self._shared:
            own, self._passing = self._passing, []
            try:
                self._shared[make] = await make(self)
                self._keep()
            except AssertionError as reason:
                self._shared[make] = reason
            finally:
                self._passing += own
        made = self._shared[make]
        if isinstance(made, AssertionError):
            raise made
        return made

    def node_env(self) -> dict[str, str]:
        """The environment in which Node finds the suite's packages."""
        return os.environ | {"NODE_PATH": str(self.node_modules)}

    def peer(self, script: str) -> str:
        """The path of a script in `peers/`."""
        return str(HERE / "peers" / script)

    def _keep(self) -> None:
        self._standing += self._passing
        self._passing = []

    async def _start_node_backend(self) -> int:
        child = await self.child(
            ["node", self.peer("echo.js"), "--deflate"], self.logs / "node-echo.log"
        )
        line = await eventually(
            "the Node backend listens",
            lambda: "listening " in child.output() and child.output(),
        )
        return int(line.split()[1])
