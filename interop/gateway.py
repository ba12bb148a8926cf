"""The gateway as a process: start, its records, its metrics page, its end."""

import asyncio
import json
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from harness import eventually
from processes import Child, accepts, free_port

Labels = dict[str, str]


@dataclass
class Metrics:
    """One reading of the metrics page."""

    samples: list[tuple[str, Labels, float]]
    types: dict[str, str]

    def sum(self, name: str, **labels: str) -> float:
        """The sum of all samples of this name that carry these labels; 0 when there are none."""
        return sum(
            value
            for sample, has, value in self.samples
            if sample == name and labels.items() <= has.items()
        )

    def names(self) -> set[str]:
        """Every sample name on the page."""
        return {sample for sample, _, _ in self.samples}


class Gateway:
    """`framegate relay` in front of one backend."""

    def __init__(self, child: Child, port: int, metrics_port: int, records: Path) -> None:
        self.child = child
        self.port = port
        self.metrics_port = metrics_port
        self.records_file = records

    @classmethod
    async def start(
        cls, binary: Path, logs: Path, name: str, backend_port: int, *options: str
    ) -> "Gateway":
        """Starts one and returns when it takes connections; `options` are added as they are."""
        port, metrics_port = free_port(), free_port()
        records = logs / f"{name}.records"
        records.unlink(missing_ok=True)
        child = await Child.start(
            [
                str(binary),
                "relay",
                "--listen",
                f"127.0.0.1:{port}",
                "--to",
                f"ws://127.0.0.1:{backend_port}",
                "--metrics",
                f"127.0.0.1:{metrics_port}",
                "--log",
                str(records),
                "--log-format",
                "json",
                *options,
            ],
            logs / f"{name}.log",
        )
        gateway = cls(child, port, metrics_port, records)
        await eventually(
            f"the gateway listens on port {port}; it printed: {child.output()}",
            lambda: child.died() or (accepts(port) and accepts(metrics_port)),
        )
        if child.died():
            raise AssertionError(f"the gateway ended at once: {child.output()}")
        return gateway

    def url(self, path: str = "/") -> str:
        """The WebSocket address of a path at the gateway."""
        return f"ws://127.0.0.1:{self.port}{path}"

    def http(self, path: str = "/") -> str:
        """The same as an HTTP address, for clients that send their own upgrade."""
        return f"http://127.0.0.1:{self.port}{path}"

    def records(self, event: str | None = None) -> list[dict]:
        """The records written up to now, all or those of one event."""
        if not self.records_file.exists():
            return []
        lines = self.records_file.read_text().splitlines()
        parsed = [json.loads(line) for line in lines]
        return [record for record in parsed if event in (None, record.get("event"))]

    async def metrics(self) -> Metrics:
        """Reads and parses the metrics page; a page that does not parse fails the check."""
        page = await asyncio.to_thread(self._page)
        families = list(text_string_to_metric_families(page))
        samples = [(s.name, dict(s.labels), s.value) for f in families for s in f.samples]
        return Metrics(samples, {family.name: family.type for family in families})

    async def failed_handshakes(self) -> float:
        """How many clients asked for a session and got none."""
        page = await self.metrics()
        # The readiness probe connects and asks for nothing; that is counted under its own reason.
        silent = page.sum("framegate_handshake_failures_total", reason="no_request")
        return page.sum("framegate_handshake_failures_total") - silent

    def _page(self) -> str:
        address = f"http://127.0.0.1:{self.metrics_port}/metrics"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(address, timeout=5) as answer:
            return answer.read().decode()

    def resident_bytes(self) -> int:
        """The memory that the process holds, from /proc."""
        status = Path(f"/proc/{self.child.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024

    async def end(self) -> int:
        """Ends the process and gives its exit code."""
        return await self.child.end()
