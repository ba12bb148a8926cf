"""JsSIP and SIP.js register at Kamailio through the gateway and exchange messages, over each kind
of upstream, in both modes."""

import asyncio

from harness import check, equal, expect
from processes import free_port
from sip.kamailio import free_sip_port
from sip.phone import Phone
from sip.stage import before_kamailio, front, kamailio, url, user

UPSTREAMS = {
    "edge": ("udp", "tcp", "tls", "ws", "wss"),
    "transparent": ("tcp", "tls", "ws", "wss"),
}
# What Kamailio says of messages that came with another's Via on top and with a Path, and without.
MARKS = {"edge": ("via 2", "path 1"), "transparent": ("via 1", "path 0")}


async def phones(rig, gateway) -> tuple[Phone, Phone, tuple[str, str]]:
    """JsSIP over ws and SIP.js over wss, registered, and their users."""
    alice, bob = user("alice"), user("bob")
    pair = await asyncio.gather(
        Phone.start(rig, "jssip", url(gateway), alice),
        Phone.start(rig, "sipjs", url(gateway, secure=True), bob),
    )
    return *pair, (alice, bob)


async def exchange(first: Phone, second: Phone, users: tuple[str, str]) -> None:
    """A message in each direction, with characters of several bytes."""
    alice, bob = users
    for sender, receiver, name, to in ((first, second, alice, bob), (second, first, bob, alice)):
        text = f"Grüße von {name} 👋"
        status, came = await asyncio.gather(sender.say(to, text), receiver.event("message"))
        equal(status, 200, "answer to MESSAGE")
        equal((came["from"], came["text"]), (name, text), "message")


def register(mode: str, transport: str) -> None:
    @check(f"JsSIP and SIP.js, {mode}, {transport}: MESSAGE both ways, and on through a reload", 60)
    async def body(rig) -> None:
        file = await before_kamailio(rig, f"phones-{mode}-{transport}", transport, mode)
        first, second, users = await phones(rig, file.gateway)
        server = await rig.shared(kamailio)
        for name in users:
            line = await server.sees("REGISTER", f"user {name} ")
            expect(all(mark in line for mark in MARKS[mode]), f"{MARKS[mode]} in {line}")
            expect(f"from {transport}:" in line, f"over {transport}: {line}")
        await exchange(first, second, users)
        await file.reload(version=2)
        await file.becomes(2)
        for phone in (first, second):
            phone.tell("register")
            await phone.event("registered")
        await exchange(first, second, users)
        equal(first.losses() + second.losses(), [], "connections that were lost on the way")
        equal(await asyncio.gather(first.leave(), second.leave()), [0, 0], "exit codes")


for mode, transports in UPSTREAMS.items():
    for transport in transports:
        register(mode, transport)


@check("JsSIP and SIP.js register and talk where one of two servers is not there", deadline=60)
async def half(rig) -> None:
    nobody = f'target {{ address "tcp://127.0.0.1:{free_port()}" }}'
    trusting = "passive-health { max-fails 0 }"
    more = {"targets": nobody, "upstream": trusting, "workers": 1}
    file = await before_kamailio(rig, "phones-half", "tcp", "edge", **more)
    first, second, users = await phones(rig, file.gateway)
    # Each message has a Call-ID of its own, of which every other one falls on nobody.
    for _ in range(5):
        await exchange(first, second, users)
    metrics = await file.gateway.metrics()
    expect(metrics.sum("framegate_sip_failovers_total") > 0, "requests that went on")
    equal(metrics.sum("framegate_sip_answers_total", status="503"), 0, "requests that were refused")
    equal(first.losses() + second.losses(), [], "connections that were lost, and refusals")
    equal(await asyncio.gather(first.leave(), second.leave()), [0, 0], "exit codes")


@check("JsSIP and SIP.js come back to a gateway that was killed, register and talk", deadline=60)
async def restarted(rig) -> None:
    server = await rig.shared(kamailio)
    ports = {"port": free_port(), "secure": free_port(), "back": free_sip_port()}
    target = f"udp://127.0.0.1:{server.port}"
    file = await front(rig, "phones-again", target, **ports)
    first, second, users = await phones(rig, file.gateway)
    await exchange(first, second, users)
    await file.gateway.child.kill()
    equal((await first.event("disconnected"))["code"], 1006, "close code")
    await front(rig, "phones-again", target, **ports)
    await first.event("registered", 20)
    await second.event("registered", 20)
    await exchange(first, second, users)
