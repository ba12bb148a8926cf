"""Thousands of clients that have registered and are silent: what each costs, and that all of them
are still there."""

import asyncio
import random

from harness import check, equal, eventually, expect
from sip.agent import agent
from sip.message import token
from sip.raw import SUBPROTOCOL, exact, request, sip
from sip.stage import before_kamailio, kamailio, user
from wire import TEXT, End, dial

CLIENTS = 5_000
# Opened before the measurement, so that what is laid out once is not counted.
BEFORE = 200
AT_ONCE = 40
BAR = 4_096


@check(
    f"{CLIENTS:,} registered clients are idle, cost at most 4 KiB each, and all can be reached", 180
)
async def idle(rig) -> None:
    file = await before_kamailio(rig, "idle", "udp", "edge", websocket="ping-interval-secs 0")
    gateway, server = file.gateway, await rig.shared(kamailio)
    prefix = user("idle") + "-"
    ends: list[End] = []
    try:
        await open_up(gateway.port_of("main"), prefix, ends, BEFORE)
        before = await settled(gateway)
        await open_up(gateway.port_of("main"), prefix, ends, CLIENTS - BEFORE)
        each = (await settled(gateway) - before) / (CLIENTS - BEFORE)
        async with agent(f"ws://127.0.0.1:{server.port}/", user("caller")) as caller:
            for number in random.sample(range(CLIENTS), 50):
                asked = asyncio.create_task(caller.say(f"{prefix}{number}", "there?"))
                came = await sip(ends[number])
                equal(came.body, b"there?", f"what client {number} hears")
                await ends[number].send(TEXT, came.reply(200, "OK", token()).bytes())
                equal((await asked).status, 200, f"answer of client {number}")
        expect(each <= BAR, f"{each:.0f} bytes for each client, not {BAR}")
    finally:
        for end in ends:
            end.reset()
    await eventually("the connections end", lambda: gone(gateway), 20)


async def open_up(port: int, prefix: str, ends: list[End], count: int) -> None:
    """Opens connections and registers a user on each, some at a time."""
    for begin in range(len(ends), len(ends) + count, AT_ONCE):
        numbers = range(begin, min(begin + AT_ONCE, len(ends) + count))
        ends += await asyncio.gather(*(registered(port, f"{prefix}{number}") for number in numbers))


async def registered(port: int, name: str) -> End:
    """A client that has registered."""
    end = await dial(port, "/sip", SUBPROTOCOL)
    aor = f"<sip:{name}@sip.example.test>"
    contact = f"<sip:{name}@{token()}.invalid;transport=ws>;expires=3600"
    whole = exact(request("REGISTER", target="sip:sip.example.test", To=aor, Contact=contact))
    await end.send(TEXT, whole)
    equal((await sip(end, 20)).status, 200, f"answer to {name}")
    return end


async def settled(gateway) -> int:
    """The memory of the gateway once it stands still."""
    seen = [gateway.resident_bytes()]

    def still() -> bool:
        seen.append(gateway.resident_bytes())
        return len(seen) > 20 and len(set(seen[-20:])) == 1

    await eventually(lambda: f"memory stands still: {seen[-20:]}", still, 20)
    return seen[-1]


async def gone(gateway) -> bool:
    """Whether no client is there any longer."""
    page = await gateway.metrics()
    return page.sum("framegate_connections_active") == 0
