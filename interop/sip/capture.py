"""Receivers of HEP that others wrote: Kamailio's sipcapture and hep-js, for the same packets."""

import asyncio
import hashlib
import json
import re
from pathlib import Path

from harness import eventually
from origin import said
from sip.kamailio import PROGRAM, free_sip_port, listens

CONFIG = Path(__file__).with_name("capture.cfg")
# What sipcapture calls the fields, and what hep-js does.
FIELDS = {
    "family": "protocolFamily",
    "protocol": "protocol",
    "seconds": "timeSeconds",
    "micros": "timeUseconds",
    "type": "payloadType",
    "agent": "captureId",
    "key": "capturePass",
    "correlation": "correlation_id",
}


class Capture:
    """Takes packets by UDP and gives each to both; `port` is where to send them."""

    def __init__(self) -> None:
        self.port = 0
        self.packets: list[bytes] = []
        self._copies: list[tuple[str, int]] = []

    @classmethod
    async def start(cls, rig, name: str) -> "Capture":
        """Starts both receivers."""
        capture = cls()
        node = await rig.child(["node", rig.peer("hep.js"), "udp"], rig.logs / f"{name}-hep-js.log")
        capture._node = node
        port = int(await said(node, "listening "))
        own = free_sip_port()
        folder = rig.folder / name
        folder.mkdir()
        kamailio = capture._kamailio = await rig.child(
            [PROGRAM, "-DD", "-E", "-f", str(CONFIG), "-w", str(folder), "-Y", str(folder)]
            + ["-A", f'DB_URL="text://{folder}"', "-l", f"udp:127.0.0.1:{own}"],
            rig.logs / f"{name}-sipcapture.log",
        )
        loop = asyncio.get_running_loop()
        capture._copies = [("127.0.0.1", port), ("127.0.0.1", own)]
        capture._socket, _ = await loop.create_datagram_endpoint(
            lambda: _Receiver(capture), local_addr=("127.0.0.1", 0)
        )
        capture.port = capture._socket.get_extra_info("sockname")[1]

        # From then on packets wait for it.
        await eventually(
            lambda: f"sipcapture listens; it printed {kamailio.output()}",
            lambda: kamailio.died() or listens(own, "udp"),
            10,
        )
        return capture

    def took(self, packet: bytes) -> None:
        """Keeps a packet and gives it to both."""
        self.packets.append(packet)
        for there in self._copies:
            self._socket.sendto(packet, there)

    def of_hep_js(self) -> list[dict]:
        """What hep-js read, in the words of sipcapture, without the payload but for its sum."""
        found = []
        for packet in self.decoded():
            info = packet["rcinfo"]
            fields = {name: str(info.get(theirs)) for name, theirs in FIELDS.items()}
            fields["source"] = f"{info['srcIp']}:{info['srcPort']}"
            fields["destination"] = f"{info['dstIp']}:{info['dstPort']}"
            fields["sum"] = hashlib.md5(packet["payload"].encode()).hexdigest()
            found.append(fields)
        return found

    def of_sipcapture(self) -> list[dict]:
        """What sipcapture read."""
        return read(self._kamailio.output())

    def decoded(self) -> list[dict]:
        """What hep-js read, in its own words."""
        lines = self._node.output().split("\n")[1:-1]
        packets = [json.loads(line) for line in lines]
        return [packet for packet in packets if "undecoded" not in packet]

    async def messages(self, count: int) -> list[dict]:
        """The copies of SIP messages, once there are this many: what hep-js read."""

        def enough() -> list[dict]:
            found = [one for one in self.decoded() if one["rcinfo"]["payloadType"] == 1]
            return found if len(found) >= count else []

        return await eventually(lambda: f"{count} copies; there are {self.decoded()}", enough, 10)


class Collector:
    """Kamailio's sipcapture alone, as the gateway reaches it over one transport."""

    def __init__(self, child, address: str) -> None:
        self._child = child
        self.address = address

    @classmethod
    async def start(
        cls, rig, name: str, transport: str, host: str, pair: tuple[str, str]
    ) -> "Collector":
        """Starts one at a host, as that stands in URIs, with this certificate chain and key."""
        port = free_sip_port()
        folder = rig.folder / f"{name}-{port}"
        folder.mkdir()
        chain, key = pair
        child = await rig.child(
            [PROGRAM, "-DD", "-E", "-f", str(CONFIG), "-w", str(folder), "-Y", str(folder)]
            + ["-A", f'DB_URL="text://{folder}"', "-l", f"{transport}:{host}:{port}"]
            + (["-A", "WITH_TLS"] if transport == "tls" else [])
            + ["-A", f'CERT_FILE="{chain}"', "-A", f'KEY_FILE="{key}"'],
            rig.logs / f"{name}-sipcapture.log",
        )
        await eventually(
            lambda: f"sipcapture listens; it printed {child.output()}",
            lambda: child.died() or listens(port, "udp" if transport == "udp" else "tcp", host),
            10,
        )
        return cls(child, f"{host}:{port}")

    def output(self) -> str:
        """What it has printed."""
        return self._child.output()

    def copies(self) -> list[dict]:
        """The copies of SIP messages that it has read."""
        return [one for one in read(self._child.output()) if one["type"] == "1"]


def read(output: str) -> list[dict]:
    """What sipcapture says that it has read."""
    lines = [line for line in output.splitlines() if ": hep 3 " in line]
    return [dict(re.findall(r"(\w+)=(\S+)", line)) for line in lines]


class _Receiver(asyncio.DatagramProtocol):
    def __init__(self, capture: Capture) -> None:
        self._capture = capture

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._capture.took(data)
