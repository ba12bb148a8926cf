"""Checks of SIP servers: Kamailio is asked whether it lives, over each of its transports."""

from harness import check, eventually
from sip.kamailio import Kamailio
from sip.stage import front

CHECK = """
health-check {
    type "sip"; interval-secs 1; timeout-secs 1
    healthy-threshold 1; unhealthy-threshold 1
}
"""


def lives(transport: str) -> None:
    @check(f"SIP, {transport}: a check finds Kamailio alive, dead, and alive again", 60)
    async def body(rig) -> None:
        server = await Kamailio.start(rig, f"kamailio-checked-{transport}")
        port = server.tls_port if transport in ("tls", "wss") else server.port
        target = f"{transport}://127.0.0.1:{port}"
        file = await front(rig, f"health-{transport}", target, upstream=CHECK)

        async def healthy() -> float:
            page = await file.gateway.metrics()
            return page.sum("framegate_upstream_healthy", upstream="server")

        async def is_up() -> bool:
            return await healthy() == 1

        async def is_down() -> bool:
            return await healthy() == 0

        if transport in ("udp", "tcp", "tls"):
            await server.sees("OPTIONS", f"{transport}:")
        await eventually("the server is found alive", is_up, 10)
        await server.kill()
        await eventually("the server is found dead", is_down, 10)
        await server.again()
        await eventually("the server is found alive again", is_up, 10)


for transport in ("udp", "tcp", "tls", "ws", "wss"):
    lives(transport)
