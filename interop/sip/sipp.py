"""sipp as a process: caller, callee or one that registers, over udp or tcp."""

import itertools
from collections.abc import Callable
from pathlib import Path

from harness import eventually
from processes import Child
from sip.agent import Agent
from sip.kamailio import free_sip_port, listens

SCENARIOS = Path(__file__).with_name("scenarios")
_numbers = itertools.count(1)
TRANSPORTS = {"udp": "u1", "tcp": "t1"}


class Sipp:
    """One run of a scenario, on a port of its own."""

    def __init__(self, child: Child, port: int, errors: Path) -> None:
        self.child = child
        self.port = port
        self._errors = errors

    @classmethod
    async def start(
        cls,
        rig,
        scenario: str,
        *options: str,
        remote: int = 0,
        port: int = 0,
        transport="udp",
        host: str = "127.0.0.1",
    ) -> "Sipp":
        """Starts a scenario towards a loopback port, or one that waits to be called; `host` is as
        it stands in URIs."""
        port = port or free_sip_port()
        base = rig.logs / f"sipp-{next(_numbers)}-{scenario}"
        errors = base.with_suffix(".errors")
        errors.unlink(missing_ok=True)
        argv = ["sipp", "-sf", str(SCENARIOS / f"{scenario}.xml"), "-nostdin"]
        argv += ["-i", host.strip("[]"), "-p", str(port), "-t", TRANSPORTS[transport]]
        argv += ["-cp", str(free_sip_port()), "-trace_err", "-error_file", str(errors), *options]
        argv += [f"{host}:{remote}"] if remote else []
        return cls(await rig.child(argv, base.with_suffix(".log")), port, errors)

    async def succeeds(self, within: float = 20) -> None:
        """Waits for its end; every call of it must have gone by the scenario."""
        await eventually(lambda: f"sipp ends; {self.said()}", lambda: self.child.died(), within)
        if self.child.process.returncode != 0:
            raise AssertionError(f"sipp ended with {self.child.process.returncode}; {self.said()}")

    def said(self) -> str:
        """What it has to say about errors, and the end of its screen."""
        errors = self._errors.read_text(errors="replace") if self._errors.exists() else ""
        return f"errors: {errors[-1500:]}\nscreen: {self.child.output()[-1500:]}"


async def callee(
    rig, scenario: str, *options: str, port: int = 0, transport="udp", host: str = "127.0.0.1"
) -> Sipp:
    """A callee that is there when this returns."""
    started = await Sipp.start(rig, scenario, *options, port=port, transport=transport, host=host)
    await eventually(
        lambda: f"sipp listens; {started.said()}", lambda: listens(started.port, transport, host)
    )
    return started


async def answers(
    rig, agent: Agent, to: Callable[[Sipp], str], port: int = 0, transport="udp", host="127.0.0.1"
) -> None:
    """An agent calls sipp twice, by the URI that `to` gives, and hangs up; then sipp does."""
    for scenario in ("uas", "uas-hangs-up"):
        answerer = await callee(
            rig, scenario, "-m", "1", port=port, transport=transport, host=host
        )
        dialog = await agent.call(to(answerer))
        if scenario == "uas":
            await dialog.bye()
        else:
            await dialog.next("BYE")
        await answerer.succeeds()
