"""JsSIP and SIP.js at Kamailio on routes that look into messages as well: rules, a webhook on aiohttp
and a frame log beside `sip`. What phones and Kamailio say by themselves passes all of them."""

import asyncio
from pathlib import Path

from checks.sip_phones import exchange, phones
from checks.webhooks import Hook
from harness import check, equal, eventually, expect
from sip.stage import before_kamailio

LOG = """
frame-logs { frame-log "frames" {
    path "%s"
    open "open $ws_subprotocol"
    message "message $ws_packet_source $ws_message_size"
    close "close $ws_close_code by $ws_close_initiator"
} }
"""
BESIDE = """
rate-limit { messages 1000; bytes "1MB" }
frame-log "frames"
inspect { on-match "drop" }
webhook "inbound" url="http://127.0.0.1:%(port)s/in" { rewrite true }
webhook "outbound" url="http://127.0.0.1:%(port)s/out" { rewrite true }
"""
SCRIPT = "<script>alert(document.cookie)</script>"


def lines(log: Path, start: str) -> list[str]:
    """Those of the frame log that begin so."""
    return [line for line in log.read_text().split("\n") if line.startswith(start)]


def looked_into(mode: str, transport: str) -> None:
    @check(f"JsSIP and SIP.js, {mode}, {transport}: rules, a webhook and a frame log see all of it", 60)
    async def body(rig) -> None:
        hook = await Hook().start()
        log = rig.logs / f"sip-inspect-{mode}-{transport}-frames.log"
        log.unlink(missing_ok=True)
        beside = BESIDE % {"port": hook.port}
        name = f"inspect-{mode}-{transport}"
        file = await before_kamailio(
            rig, name, transport, mode, websocket=beside, more=LOG % log, workers=1
        )
        first, second, users = await phones(rig, file.gateway)
        alice, bob = users
        await exchange(first, second, users)

        # The webhook puts something shorter or longer in its place, and Content-Length is right.
        status, came = await asyncio.gather(
            first.say(bob, "a secret, ünd what follows"), second.event("message")
        )
        equal(status, 200, "answer to MESSAGE")
        equal((came["from"], came["text"]), (alice, "a ******, ünd what follows"), "message")

        equal(await second.say(alice, SCRIPT), 403, "answer to a message with a script")
        await exchange(first, second, users)
        equal(first.losses() + second.losses(), [], "connections that were lost on the way")
        equal(await asyncio.gather(first.leave(), second.leave()), [0, 0], "exit codes")

        metrics = await file.gateway.metrics()
        dropped = metrics.sum("framegate_sip_dropped_total", reason="inspection")
        equal(dropped, 1, "messages that went nowhere")
        asked = {(entry["url"], entry["body"].split(b" ")[0]) for entry in hook.asked}
        for wanted in (("/in", b"REGISTER"), ("/in", b"MESSAGE"), ("/out", b"SIP/2.0"), ("/out", b"MESSAGE")):
            expect(wanted in asked, f"{wanted} in {asked}")
        expect(not any(SCRIPT.encode() in entry["body"] for entry in hook.asked), "rules come first")

        await eventually(lambda: log.read_text(), lambda: len(lines(log, "close")) == 2)
        equal(lines(log, "open"), ["open sip"] * 2, "opens")
        expect(len(lines(log, "message client")) > 8, "messages of clients")
        expect(len(lines(log, "message upstream")) > 8, "messages to clients")
        await hook.end()


looked_into("edge", "udp")
looked_into("edge", "wss")
looked_into("transparent", "tcp")
