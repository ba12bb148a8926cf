"""The interoperability suite: real clients and servers with the gateway between them.

    python run.py [--gateway PATH] [--work FOLDER] [--only TEXT] [--list]

Needs the packages of requirements.txt (this Python) and package.json (under WORK/node), `curl`,
`openssl`, `haproxy`, `nginx`, `logrotate`, `kamailio` with its modules, `sipp` and, for pages,
`chromium`, and what agents/build puts under WORK/agents; `./test --interop` installs and builds
all of it and runs this.
"""

import argparse
import asyncio
import signal
import sys
import time
from pathlib import Path

import harness
from checks import (  # noqa: F401  importing registers the checks, and sets their order
    echo,
    node,
    control,
    close,
    handshake,
    curl,
    failures,
    limits,
    observe,
    shutdown,
    browser,
    protocols,
    socketio,
    routing,
    forwarding,
    bodies,
    tls,
    wss,
    upstream_tls,
    haproxy,
    balance,
    health,
    commands,
    frame_log,
    frame_log_fields,
    log_files,
    log_targets,
    admission,
    keepalive,
    rates,
    statistics,
    admin,
    management,
    trace,
    reload,
    takeover,
    drain,
    import_nginx,
    inspected_peers,
    page_tests,
    real_agent,
    agent_v2,
    auth,
    auth_socketio,
    webhooks,
    ws_proxy,
    inspection_attacks,
    inspection_load,
    evasion,
    sip_phones,
    sip_inspect,
    sip_calls,
    sip_framing,
    sip_limits,
    sip_abuse,
    sip_loss,
    sip_reverse,
    sip_ways,
    sip_health,
    sip_trace,
    sip_idle,
)
from rig import Rig

ROOT = Path(__file__).resolve().parent.parent


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gateway", type=Path, default=ROOT / "target/release/framegate")
    parser.add_argument("--work", type=Path, default=ROOT / "target/interop")
    parser.add_argument("--only", default="", help="run the checks whose name contains this")
    parser.add_argument("--list", action="store_true", help="print the names and stop")
    return parser.parse_args()


async def main() -> int:
    options = arguments()
    if options.list:
        print("\n".join(item.name for item in harness.CHECKS))
        return 0
    # A terminated suite unwinds, so that the processes it started end with it.
    task = asyncio.current_task()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    started = time.monotonic()
    tally_file = options.work / "tally"
    tally_file.unlink(missing_ok=True)
    rig = Rig(options.gateway.resolve(), options.work.resolve())
    try:
        await rig.start()
        tally = await harness.run(rig, options.only)
    except asyncio.CancelledError:
        print("interrupted")
        return 130
    finally:
        await rig.end()
    for name in tally.again:
        print(f"PASSED ONLY WHEN MADE AGAIN: {name}")
    for name in tally.failed:
        print(f"FAILED: {name}")
    print(f"start, checks and end took {time.monotonic() - started:.0f} s")
    # Kept for whoever runs more after this and wants to close with it.
    tally_file.write_text(tally.line() + "\n")
    print(tally.line())
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
