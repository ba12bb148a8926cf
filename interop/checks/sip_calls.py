"""Calls through the gateway: sipp and a user agent over WebSocket call each other by Kamailio, and
two pages in a browser do."""

import shutil
import tempfile

from certificates import trust
from harness import Skip, check, equal, expect
from processes import free_port, output_of
from sip.agent import DOMAIN, agent
from sip.sipp import Sipp, answers
from sip.stage import before_kamailio, kamailio, url, user

ROUTES = (
    ("edge", "udp"),
    ("edge", "tcp"),
    ("edge", "tls"),
    ("edge", "ws"),
    ("edge", "wss"),
) + tuple(("transparent", transport) for transport in ("tcp", "tls", "ws", "wss"))
CALLS = 3


def register(mode: str, transport: str) -> None:
    other = "tcp" if transport in ("tcp", "ws") else "udp"

    @check(
        f"sipp over {other} and a browser's kind of agent, {mode}, {transport}: calls both ways", 60
    )
    async def body(rig) -> None:
        file = await before_kamailio(rig, f"calls-{mode}-{transport}", transport, mode)
        server = await rig.shared(kamailio)
        phone = url(file.gateway, secure=True), user("alice"), await trust(rig)
        async with agent(*phone) as alice:
            await alice.registered()
            calls = ["-s", alice.user, "-m", str(CALLS), "-l", "1"]
            caller = await Sipp.start(rig, "uac", *calls, remote=server.port, transport=other)
            for _ in range(CALLS):
                dialog, _ = await alice.called()
                await dialog.next("ACK")
                await dialog.next("BYE")
            await caller.succeeds()
            there = f"sip:uas@127.0.0.1:%s;transport={other}"
            await answers(rig, alice, lambda sipp: there % sipp.port, transport=other)
            alice.check()


for mode, transport in ROUTES:
    register(mode, transport)


@check("a call from one agent to another, both of the same gateway, ends from either side")
async def between(rig) -> None:
    file = await before_kamailio(rig, "between", "udp", "edge")
    where = url(file.gateway)
    async with agent(where, user("alice")) as alice, agent(where, user("bob")) as bob:
        await alice.registered()
        await bob.registered()
        for ends in ("caller", "callee"):
            ours = await alice.call(f"sip:{bob.user}@{DOMAIN}")
            theirs, invite = await bob.called()
            await theirs.next("ACK")
            # Once on the way in, once on the way out, and Kamailio between them.
            equal(len(invite.all("record-route")), 3, "Record-Routes")
            expect("lr" in invite.all("record-route")[0], "loose routing")
            if ends == "caller":
                await ours.bye()
                await theirs.next("BYE")
            else:
                await theirs.bye()
                await ours.next("BYE")
        alice.check()
        bob.check()


@check("a call that is refused is refused with the callee's status, and acknowledged")
async def refused(rig) -> None:
    file = await before_kamailio(rig, "refused", "udp", "edge")
    where = url(file.gateway)
    async with agent(where, user("alice")) as alice, agent(where, user("bob")) as bob:
        await alice.registered()
        await bob.registered()
        bob.answers_calls_with = 486
        invite = alice.request(
            "INVITE", f"sip:{bob.user}@{DOMAIN}", f"<sip:{bob.user}@{DOMAIN}>", 1
        )
        invite.headers += [("Contact", alice.contact)]
        equal((await alice.ask(invite)).status, 486, "answer to INVITE")
        alice.check()
        bob.check()


@check("a call that is cancelled ends with 487 at the caller and with CANCEL at the callee")
async def cancelled(rig) -> None:
    file = await before_kamailio(rig, "cancelled", "udp", "edge")
    where = url(file.gateway)
    async with agent(where, user("alice")) as alice, agent(where, user("bob")) as bob:
        await alice.registered()
        await bob.registered()
        bob.rings_only = True
        invite = alice.request(
            "INVITE", f"sip:{bob.user}@{DOMAIN}", f"<sip:{bob.user}@{DOMAIN}>", 1
        )
        invite.headers += [("Contact", alice.contact)]
        call = await alice.begin(invite)
        await call.provisional(180)
        equal((await alice.cancel(invite)).status, 200, "answer to CANCEL")
        equal((await call.final()).status, 487, "answer to INVITE")
        equal((await bob.heard()).method, "CANCEL", "what the callee hears")
        alice.check()
        bob.check()


def browser(what: str, beside: str, script_status: int) -> None:
    @check(f"two pages in Chromium call each other, JsSIP to SIP.js, {what}", deadline=90)
    async def body(rig) -> None:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        if not chromium:
            raise Skip("no chromium on this machine")
        port = free_port()
        websocket = f'origins "http://127.0.0.1:{port}"; {beside}'
        name = f"browser-{script_status}"
        file = await before_kamailio(rig, name, "udp", "edge", websocket=websocket)
        with tempfile.TemporaryDirectory(dir=rig.work, ignore_cleanup_errors=True) as profile:
            code, _, err = await output_of(
                ["node", rig.peer("call.js"), url(file.gateway), url(file.gateway, secure=True)]
                + [DOMAIN, str(port), chromium, profile]
                + [user("carol"), user("dave"), str(script_status)],
                rig.node_env(),
            )
        expect(code == 0, err.strip() or f"exit code {code}")
        metrics = await file.gateway.metrics()
        dropped = metrics.sum("framegate_sip_dropped_total", reason="inspection")
        equal(dropped, 0 if script_status == 200 else 1, "messages that rules have dropped")


browser("and hear and read each other", "", 200)
browser("and rules refuse a script in the call alone", 'inspect { on-match "drop" }', 403)
