"""Many sessions with an agent that takes its time: memory stays bounded, each session's order is
kept, nothing is lost.
"""

import asyncio
import sys
from pathlib import Path

from agents import Agent
from evasion.frames import farewell, frame
from evasion.sessions import Sender, Stage, Trial
from gateway import Gateway
from harness import check, equal, expect
from wire import TEXT

CONFIG = """
listeners { listener "main" { address "127.0.0.1:0" } }
routes {
    route "slow" {
        upstream "backend"; agents "slow"
        websocket { max-in-flight 16; max-in-flight-bytes "16KB" }
    }
}
upstreams { upstream "backend" { target "127.0.0.1:$port" } }
agents {
    agent "slow" {
        unix-socket path="$socket"
        events "websocket_frame"
        timeout-ms 30000
        failure-mode "closed"
    }
}
"""

SESSIONS = 5_000
MESSAGES = 6
# Of the gateway, above what it holds before the first session: a session with its messages that
# wait and the call that is under way, the connections to the agent, and 5,000 handshakes at once.
BOUND_PER_SESSION = 96 * 1024


def peak_bytes(gateway: Gateway) -> int:
    """The most memory that the process has held, from /proc."""
    status = Path(f"/proc/{gateway.child.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


@check(
    f"{SESSIONS:,} sessions, an agent that takes 20 ms: in order, nothing lost, memory bounded", 120
)
async def slow_agent(rig) -> None:
    argv = [sys.executable, rig.peer("slow_agent.py"), "{socket}", "20"]
    agent = await Agent(rig, "slow", argv).start()
    stage = await Stage().start()
    gateway = await rig.configured("inspection-load", CONFIG, port=stage.port, socket=agent.socket)
    base = gateway.resident_bytes()

    go = asyncio.Event()
    trials = []
    for number in range(SESSIONS):
        texts = [
            f'{{"session": {number}, "message": {at}, "text": "{"x" * 200}"}}'
            for at in range(MESSAGES)
        ]
        stream = b"".join(frame(TEXT, text.encode(), True) for text in texts) + farewell(True)
        trials.append(Trial(Sender.CLIENT, "load", stream, says_goodbye=True, go=go))

    running = asyncio.create_task(stage.run(trials, gateway.port, SESSIONS, 60))
    await asyncio.gather(*(trial.opened.wait() for trial in trials))
    idle = gateway.resident_bytes()
    started = asyncio.get_running_loop().time()
    go.set()
    await running
    took = asyncio.get_running_loop().time() - started
    peak = peak_bytes(gateway)
    print(
        f"     {base / 1e6:.0f} MB before, {idle / 1e6:.0f} MB with {SESSIONS:,} idle sessions,"
        f" {peak / 1e6:.0f} MB at most; {SESSIONS * MESSAGES / took:,.0f} messages/s",
        flush=True,
    )
    wrong = [
        number
        for number, trial in enumerate(trials)
        if bytes(trial.upstream.received) != trial.stream
    ]
    equal(wrong, [], "sessions whose messages did not arrive as they were sent, in order")
    bound = base + SESSIONS * BOUND_PER_SESSION
    expect(peak <= bound, f"{peak:,} bytes at most, where {bound:,} are the bound")
    page = await gateway.metrics()
    equal(page.sum("framegate_agent_failures_total"), 0.0, "failures of the agent")
    stage.end()


@check(
    "an agent that is never done: who sends on and on is not read any more, memory is bounded", 60
)
async def never_done(rig) -> None:
    argv = [sys.executable, rig.peer("slow_agent.py"), "{socket}", "20000"]
    agent = await Agent(rig, "stuck", argv).start()
    stage = await Stage().start()
    gateway = await rig.configured("inspection-stuck", CONFIG, port=stage.port, socket=agent.socket)
    base = gateway.resident_bytes()
    # 50 MiB each; their own sockets hold some of it.
    stream = frame(TEXT, b'"' + b"x" * 4_094 + b'"', True) * 12_800
    trials = [Trial(Sender.CLIENT, "load", stream) for _ in range(20)]
    await stage.run(trials, gateway.port, 20, 8)
    grown = peak_bytes(gateway) - base
    print(f"     {grown / 1e6:.1f} MB more for 20 sessions that sent 50 MiB each", flush=True)
    expect(grown < 32 << 20, f"{grown:,} bytes")
    equal([bytes(trial.upstream.received) for trial in trials], [b""] * 20, "what arrived unjudged")
    stage.end()
