"""What all checks share: the programs, the two standing backends and a gateway before each."""

import os
from pathlib import Path

from backend import Backend
from gateway import Gateway
from harness import eventually
from processes import Child

HERE = Path(__file__).resolve().parent


class Rig:
    """`gateway` stands before the Python backend, `node_gateway` before the Node one."""

    def __init__(self, binary: Path, work: Path) -> None:
        self.binary = binary
        self.work = work
        self.logs = work / "logs"
        self.node_modules = work / "node" / "node_modules"
        self.backend = Backend()
        self._children: list[Child] = []

    async def start(self) -> "Rig":
        """Starts the backends first, then the gateways."""
        await self.backend.start()
        node_port = await self._start_node_backend()
        self.gateway = await self.new_gateway("python-backend", self.backend.port)
        self.node_gateway = await self.new_gateway("node-backend", node_port)
        return self

    async def end(self) -> None:
        """Ends every process that is still there."""
        for child in reversed(self._children):
            await child.end()
        await self.backend.end()

    async def new_gateway(self, name: str, backend_port: int, *options: str) -> Gateway:
        """A gateway of a check's own; it ends with the rig if the check does not end it."""
        gateway = await Gateway.start(self.binary, self.logs, name, backend_port, *options)
        self._children.append(gateway.child)
        return gateway

    def node_env(self) -> dict[str, str]:
        """The environment in which Node finds the suite's packages."""
        return os.environ | {"NODE_PATH": str(self.node_modules)}

    def peer(self, script: str) -> str:
        """The path of a script in `peers/`."""
        return str(HERE / "peers" / script)

    async def _start_node_backend(self) -> int:
        child = await Child.start(
            ["node", self.peer("echo.js"), "--deflate"],
            self.logs / "node-echo.log",
            self.node_env(),
        )
        self._children.append(child)
        line = await eventually(
            "the Node backend listens",
            lambda: "listening " in child.output() and child.output(),
        )
        return int(line.split()[1])
