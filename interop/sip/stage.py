"""Gateways before Kamailio or before a server of the suite's own, with their configuration."""

import itertools

from certificates import certificates
from checks.reload import File
from gateway import Gateway
from sip.kamailio import Kamailio

CONFIG = """
server { worker-threads $workers; $server }
listeners {
    listener "main" { address "127.0.0.1:$port" }
    listener "wss" {
        address "127.0.0.1:$secure"; protocol "https"
        tls { cert-file "$folder/localhost.pem"; key-file "$folder/localhost.key" }
    }
    $listeners
}
routes {
    route "version" { matches { path "/version/$version" }; builtin-handler "health" }
    route "sip" {
        matches { path-prefix "/sip" }
        upstream "server"
        websocket {
            sip { mode "$mode"; $sip }
            $websocket
        }
    }
}
upstreams {
    upstream "server" {
        targets { target { address "$target" }; $targets }
        $trusts
        $upstream
    }
}
$more
"""
EMPTY = dict.fromkeys(
    ("server", "listeners", "sip", "websocket", "targets", "upstream", "more"), ""
)

_users = itertools.count(1)


def user(name: str) -> str:
    """A user whom nobody has registered before."""
    return f"{name}{next(_users)}"


async def kamailio(rig) -> Kamailio:
    """The suite's Kamailio; to be asked for by `rig.shared`."""
    return await Kamailio.start(rig, "kamailio")


async def front(
    rig,
    name: str,
    target: str,
    mode: str = "edge",
    back: int | None = None,
    host: str = "127.0.0.1",
    **values: object,
) -> File:
    """A gateway before a SIP server; `back` is the port of the listener for what the server asks
    for by itself, at this host, 0 one of the system's choice, and without it there is none."""
    folder = (await rig.shared(certificates)).folder
    transport = target.partition(":")[0]
    fixed = {"port": 0, "secure": 0, "workers": 2, "folder": folder}
    trusts = f'tls {{ ca-file "{folder}/ca.pem"; sni "localhost" }}'
    fixed |= {"mode": mode, "target": target}
    fixed |= {"trusts": trusts if transport in ("tls", "wss") else ""}
    values = EMPTY | fixed | values
    if back is not None:
        pair = f'tls {{ cert-file "{folder}/localhost.pem"; key-file "{folder}/localhost.key" }}'
        values["listeners"] += (
            f'listener "back" {{ address "{host}:{back}"\n'
            f'protocol "sip-{transport}"; {pair if transport == "tls" else ""} }}'
        )
        values["sip"] += '; listener "back"'
    return await File.run(rig, f"sip-{name}", CONFIG, **values)


async def before_kamailio(rig, name: str, transport: str, mode: str, **values: object) -> File:
    """A gateway before the suite's Kamailio, over one of its transports."""
    server = await rig.shared(kamailio)
    port = server.tls_port if transport in ("tls", "wss") else server.port
    back = 0 if mode == "edge" and transport in ("udp", "tcp", "tls") else None
    target = f"{transport}://127.0.0.1:{port}"
    return await front(rig, name, target, mode, back, **values)


def url(gateway: Gateway, secure: bool = False) -> str:
    """Where phones connect."""
    if secure:
        return f"wss://localhost:{gateway.port_of('wss')}/sip"
    return gateway.url("/sip", "main")
