"""Kamailio as a process: a registrar and proxy on udp, tcp and ws of one port, on tls and wss of
another."""

import asyncio
import os
import signal
import socket
from contextlib import suppress
from pathlib import Path

from certificates import certificates
from harness import eventually
from processes import Child

CONFIG = Path(__file__).with_name("kamailio.cfg")
PROGRAM = "/usr/sbin/kamailio"


class Kamailio:
    """One server; its ports stay the same when it is started again."""

    def __init__(self, rig, name: str, host: str) -> None:
        self.rig = rig
        self.name = name
        self.host = host
        self.port = 0
        self.tls_port = 0
        self._options: list[str] = []
        self._child: Child | None = None

    @classmethod
    async def start(cls, rig, name: str, host: str = "127.0.0.1") -> "Kamailio":
        """Starts one at an address of loopback, as it stands in URIs, and returns when all of its
        sockets are open."""
        server = cls(rig, name, host)
        made = await rig.shared(certificates)
        chain, key = made.pair("localhost")
        server._options = ["-A", "WITH_TLS"]
        server._options += ["-A", f'CERT_FILE="{chain}"', "-A", f'KEY_FILE="{key}"']
        for _ in range(5):
            server.port, server.tls_port = free_sip_port(), free_sip_port()
            if await server._run():
                return server
        raise AssertionError(f"Kamailio does not start: {server.output()}")

    async def again(self) -> None:
        """Starts it once more where it was; it knows nobody any longer."""

        async def up() -> bool:
            return await self._run()

        await eventually("Kamailio starts where it was", up, 15)

    async def kill(self) -> None:
        """Ends all of its processes without any notice."""
        stop(self._child.process.pid, signal.SIGKILL)
        await self._child.process.wait()

    async def end(self) -> None:
        """Ends it."""
        await self._child.end()

    def output(self) -> str:
        """What it has printed."""
        return self._child.output()

    def seen(self, *words: str) -> list[str]:
        """The lines that tell of messages that came, those with all of these words."""
        lines = [line for line in self.output().splitlines() if " seen " in line]
        return [line for line in lines if all(word in line for word in words)]

    async def sees(self, *words: str) -> str:
        """The first such line, once there is one."""
        found = await eventually(
            lambda: f"Kamailio sees {words}; it saw {self.seen()[-5:]}", lambda: self.seen(*words)
        )
        return found[0]

    async def _run(self) -> bool:
        """Whether it came up; it does not where a port is taken."""
        plain, secure = f"{self.host}:{self.port}", f"{self.host}:{self.tls_port}"
        folder = self.rig.folder / f"{self.name}-{self.port}"
        folder.mkdir(exist_ok=True)
        self._child = await self.rig.child(
            [PROGRAM, "-DD", "-E", "-f", str(CONFIG), "-w", str(folder), "-Y", str(folder)]
            + ["-m", "64", "-M", "8", *self._options]
            + ["-l", f"udp:{plain}", "-l", f"tcp:{plain}", "-l", f"tls:{secure}"],
            self.rig.logs / f"{self.name}.log",
        )
        await eventually(
            lambda: f"Kamailio answers; it printed: {self.output()[-2000:]}",
            lambda: self._child.died() or self._answers(),
            15,
        )
        return not self._child.died()

    async def _answers(self) -> bool:
        bare = self.host.strip("[]")
        return await answers(self.port, bare) and await accepts_soon(self.tls_port, bare)


OPTIONS = (
    "OPTIONS sip:{host}:{port} SIP/2.0\r\n"
    "Via: SIP/2.0/UDP {host}:{own};branch=z9hG4bKprobe\r\n"
    "Max-Forwards: 1\r\nFrom: <sip:probe@{host}>;tag=1\r\nTo: <sip:{host}>\r\n"
    "Call-ID: probe\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)


async def answers(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server answers OPTIONS over UDP."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        probe.setblocking(False)
        named = f"[{host}]" if ":" in host else host
        text = OPTIONS.format(host=named, port=port, own=probe.getsockname()[1])
        probe.sendto(text.encode(), (host, port))
        loop = asyncio.get_running_loop()
        with suppress(OSError, TimeoutError):
            return bool(await asyncio.wait_for(loop.sock_recv(probe, 4096), 0.3))
    return False


async def accepts_soon(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something on the loopback port takes connections."""
    with suppress(OSError):
        _, writer = await asyncio.open_connection(host, port)
        writer.close()
        return True
    return False


def free_sip_port() -> int:
    """A loopback port that nobody has for streams or for datagrams at this moment."""
    while True:
        with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
            stream.bind(("127.0.0.1", 0))
            port = stream.getsockname()[1]
            with suppress(OSError):
                datagrams.bind(("127.0.0.1", port))
                return port


def listens(port: int, transport: str, host: str = "127.0.0.1") -> bool:
    """Whether somebody has the loopback port, by the system's table of sockets."""
    six = ":" in host
    table = Path(f"/proc/net/{transport}{6 if six else ''}").read_text().splitlines()[1:]
    address = f"{1 << 24:032X}" if six else "0100007F"
    return any(line.split()[1] == f"{address}:{port:04X}" for line in table)


def stop(pid: int, how: int) -> None:
    """Sends a signal to a process and those that it began."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    with suppress(OSError):
        for child in children.read_text().split():
            stop(int(child), how)
    with suppress(ProcessLookupError):
        os.kill(pid, how)
