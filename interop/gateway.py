"""The gateway as a process: start, its records, its metrics page, its end."""

import asyncio
import json
import re
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from string import Template

from prometheus_client.parser import text_string_to_metric_families

from harness import eventually
from processes import Child, accepts, free_port

Labels = dict[str, str]

# Added to every configuration; blocks of one kind may stand in several places.
OBSERVED = """
observability {
    metrics { address "127.0.0.1:0" }
    logging { format "json"; access-log { file "$access" }; error-log { file "$errors" } }
}
"""


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
    """`framegate relay` in front of one backend, or `framegate run` with a configuration."""

    def __init__(self, child: Child, logs: dict[str, Path]) -> None:
        self.child = child
        self.logs = logs
        # Where each listener listens, by its id.
        self.addresses: dict[str, str] = {}
        self.metrics_address = ""

    @classmethod
    async def relay(cls, rig, name: str, backend_port: int, *options: str) -> "Gateway":
        """Starts one and returns when it takes connections; `options` are added as they are."""
        port, metrics_port = free_port(), free_port()
        records = fresh(rig.logs / f"{name}.records")
        child = await rig.child(
            [
                str(rig.binary),
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
            rig.logs / f"{name}.log",
        )
        gateway = cls(child, {"access": records, "errors": records})
        gateway.addresses["relay"] = f"127.0.0.1:{port}"
        gateway.metrics_address = f"127.0.0.1:{metrics_port}"
        await gateway._until_up(lambda: accepts(port) and accepts(metrics_port))
        return gateway

    @classmethod
    async def run(cls, rig, name: str, config: str, **values: object) -> "Gateway":
        """Starts one with a KDL text, in which `$name` stands for the value of that name, and
        returns when every listener of it has said where it listens."""
        logs = {kind: fresh(rig.logs / f"{name}.{kind}") for kind in ("access", "errors")}
        text = Template(config).substitute(values) + Template(OBSERVED).substitute(logs)
        file = rig.logs / f"{name}.kdl"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return await cls.of_file(rig, name, file, logs)

    @classmethod
    async def of_file(
        cls, rig, name: str, file: Path, logs: dict[str, Path], *options: str, **how
    ) -> "Gateway":
        """Starts one with a file whose logs are these, and returns when every listener of it has
        said where it listens; `how` is for the process."""
        argv = [str(rig.binary), "run", *options, str(file)]
        gateway = cls(await rig.child(argv, rig.logs / f"{name}.log", **how), logs)
        # Routes may name listeners, too; those have no block behind their name.
        count = len(re.findall(r'\blistener "[^"]*" *\{', file.read_text()))
        await gateway._until_up(lambda: gateway._all_listen(count))
        return gateway

    async def _until_up(self, is_up) -> None:
        await eventually(
            lambda: f"the gateway listens; it printed: {self.child.output()}",
            lambda: self.child.died() or is_up(),
            10,
        )
        if self.child.died():
            raise AssertionError(f"the gateway ended at once: {self.child.output()}")

    def _all_listen(self, count: int) -> bool:
        for record in self.errors("listening"):
            self.addresses[record["listener"]] = record["address"]
        for record in self.errors("metrics"):
            self.metrics_address = record["address"]
        return bool(len(self.addresses) == count and self.metrics_address)

    def address(self, listener: str = "") -> str:
        """Where a listener listens; without an id, the only one."""
        if listener:
            return self.addresses[listener]
        (address,) = self.addresses.values()
        return address

    @property
    def port(self) -> int:
        """The port of the only listener."""
        return self.port_of()

    def port_of(self, listener: str = "") -> int:
        """The port of a listener; without an id, of the only one."""
        return int(self.address(listener).rpartition(":")[2])

    def url(self, path: str = "/", listener: str = "") -> str:
        """The WebSocket address of a path at the gateway."""
        return f"ws://{self.address(listener)}{path}"

    def http(self, path: str = "/", listener: str = "") -> str:
        """The same as an HTTP address."""
        return f"http://{self.address(listener)}{path}"

    def records(self, event: str | None = None) -> list[dict]:
        """The access log's records up to this moment, all or those of one event."""
        return self._records("access", event)

    async def record(self, event: str | None, **fields: object) -> dict:
        """The access log's last record of an event (None: of any) that has these fields, once
        there is one."""

        def find() -> list[dict]:
            return [record for record in self.records(event) if fields.items() <= record.items()]

        def missed() -> str:
            return f"a record of {event} with {fields}; the last ones are {self.records()[-5:]}"

        return (await eventually(missed, find))[-1]

    def errors(self, event: str | None = None) -> list[dict]:
        """The same of the error log."""
        return self._records("errors", event)

    def _records(self, log: str, event: str | None) -> list[dict]:
        file = self.logs[log]
        if not file.exists():
            return []
        # Behind the last line's end there may be the beginning of another.
        lines = file.read_text().split("\n")[:-1]
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
        address = f"http://{self.metrics_address}/metrics"
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


def fresh(file: Path) -> Path:
    """The path of a file that is not there (any more)."""
    file.unlink(missing_ok=True)
    return file
