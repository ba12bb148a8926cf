"""A backend on Python `websockets` in this process: each check scripts its own path.

Because both ends of a session are objects here, a check can look at what arrived on either.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

Handler = Callable[[ServerConnection], Awaitable[None]]


@dataclass
class Scene:
    """How the backend behaves on one path."""

    handle: Handler
    # Answers instead of the upgrade, when set.
    refuse: Callable[[ServerConnection, Request], Response] | None = None
    # Changes the 101 before it is sent, when set.
    decorate: Callable[[Response], None] | None = None
    # The subprotocol to select; None selects nothing.
    subprotocol: str | None = None


async def echo(connection: ServerConnection) -> None:
    """Sends every message back as it came."""
    async for message in connection:
        await connection.send(message)


class Backend:
    """The server and its scenes; `/` echoes."""

    def __init__(self) -> None:
        self.scenes: dict[str, Scene] = {"/": Scene(echo)}
        # Upgrade requests that reached the backend, refused ones included.
        self.requests = 0
        self.port = 0
        self._server: Server | None = None
        self._numbers = itertools.count(1)

    async def start(self) -> "Backend":
        """Listens on a port of the system's choice."""
        self._server = await serve(
            self._handle,
            "127.0.0.1",
            0,
            max_size=None,
            ping_interval=None,
            close_timeout=5,
            process_request=self._process_request,
            process_response=self._process_response,
            select_subprotocol=self._select_subprotocol,
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def end(self) -> None:
        """Stops listening and closes what is open."""
        if self._server:
            self._server.close()
            await self._server.wait_closed()

    def add(self, scene: Scene) -> str:
        """Gives the scene a path of its own."""
        path = f"/scene/{next(self._numbers)}"
        self.scenes[path] = scene
        return path

    def _scene(self, target: str) -> Scene:
        return self.scenes[target.partition("?")[0]]

    async def _handle(self, connection: ServerConnection) -> None:
        try:
            await self._scene(connection.request.path).handle(connection)
        except ConnectionClosed:
            # The check that scripted the scene looks at the close itself.
            pass

    def _process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        self.requests += 1
        refuse = self._scene(request.path).refuse
        return refuse(connection, request) if refuse else None

    def _process_response(
        self, connection: ServerConnection, request: Request, response: Response
    ) -> None:
        decorate = self._scene(request.path).decorate
        if decorate and response.status_code == 101:
            decorate(response)

    def _select_subprotocol(
        self, connection: ServerConnection, offered: Sequence[str]
    ) -> str | None:
        return self._scene(connection.request.path).subprotocol


def dial(url: str, **options) -> connect:
    """A Python client that has no limits or timers of its own, so that only the gateway's count."""
    defaults = {
        "compression": None,
        "max_size": None,
        "ping_interval": None,
        "proxy": None,
        "open_timeout": 10,
        "close_timeout": 5,
    }
    return connect(url, **(defaults | options))


@asynccontextmanager
async def pair(
    rig,
    query: str = "",
    gateway=None,
    scene_options: dict | None = None,
    **options,
) -> AsyncIterator[tuple[ClientConnection, ServerConnection]]:
    """A session through the gateway with both of its ends: (client, server)."""
    arrived: asyncio.Future[ServerConnection] = asyncio.get_running_loop().create_future()

    async def hold(connection: ServerConnection) -> None:
        arrived.set_result(connection)
        await connection.wait_closed()

    path = rig.backend.add(Scene(hold, **(scene_options or {})))
    async with dial((gateway or rig.gateway).url(path + query), **options) as client:
        yield client, await arrived


async def left(connection) -> list:
    """What a connection receives until it is closed."""
    messages = []
    try:
        while True:
            messages.append(await connection.recv())
    except ConnectionClosed:
        return messages
