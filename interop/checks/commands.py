"""`framegate check FILE` and a `framegate run FILE` that cannot start: what is wrong, and where."""

import json
import socket
from pathlib import Path
from string import Template

from certificates import certificates
from harness import check, equal, expect
from processes import accepts, free_port, output_of

GOOD = """
listeners { listener "main" { address "127.0.0.1:$port"; protocol "http" } }
routes {
    route "chat" {
        matches { path-prefix "/ws"; query-param name="token"; header name="Cookie" }
        upstream "origin"
    }
    route "rest" { upstream "origin" }
}
upstreams { upstream "origin" { target "$target" } }
"""


async def framegate(rig, command: str, text: str, *options: str) -> tuple[int, str, str]:
    """Runs a command on a file with this text: exit code, standard output, standard error."""
    file = Path(rig.folder, "gateway.kdl")
    file.write_text(text)
    return await output_of([str(rig.binary), command, str(file), *options])


def good(port: int, target: str = "127.0.0.1:9") -> str:
    """A configuration that is right."""
    return Template(GOOD).substitute(port=port, target=target)


@check("framegate check: a good file is good, and nothing listens for it")
async def good_file(rig) -> None:
    port = free_port()
    code, out, error = await framegate(rig, "check", good(port))
    equal(code, 0, f"exit code ({out}{error})")
    expect(not accepts(port), "somebody listens")


@check("framegate check: several mistakes at once, each with its line and what would be right")
async def bad_file(rig) -> None:
    lines = good(free_port()).splitlines()
    lines[5] = lines[5].replace('"origin"', '"orign"')
    lines[7] = lines[7].replace("upstream", "upsteam")
    code, out, error = await framegate(rig, "check", "\n".join(lines))
    expect(code not in (0, 2), f"exit code {code}")
    for word in ("orign", "origin", "upsteam", "gateway.kdl:6", "gateway.kdl:8"):
        expect(word in out + error, f"the report lacks {word!r}: {out}{error}")


@check("framegate check --explain: says which route answers a request, and why not the others")
async def explain(rig) -> None:
    text = good(free_port())
    asked = ["--explain", "GET /ws?token=x"]
    code, out, error = await framegate(rig, "check", text, *asked, "-H", "Cookie: a")
    equal(code, 0, f"exit code ({error})")
    expect("chat" in out, f"the answer lacks the route: {out}")
    code, out, error = await framegate(rig, "check", text, *asked)
    equal(code, 0, f"exit code ({error})")
    expect("rest" in out and "cookie" in out.lower(), f"the answer lacks the reason: {out}")


TLS = """
listeners {
    listener "main" { address "127.0.0.1:$port"; protocol "http" }
    listener "tls" {
        address "127.0.0.1:0"; protocol "https"
        tls { cert-file "$cert"; key-file "$key" }
    }
}
routes { route "all" { upstream "origin" } }
upstreams { upstream "origin" { target "$target" } }
"""


@check("framegate run: bad certificates, keys and hosts are told before anything listens")
async def objections(rig) -> None:
    made = await rig.shared(certificates)
    (cert, key), (_, other) = made.pair("localhost"), made.pair("alice")
    cases = (
        (made.path("absent.pem"), key, "127.0.0.1:9", "absent.pem"),
        (cert, other, "127.0.0.1:9", "alice.key"),
        (made.path("ca.crl"), key, "127.0.0.1:9", "ca.crl"),
        (cert, key, "no-such-host.invalid:80", "no-such-host.invalid"),
    )
    for cert_file, key_file, target, word in cases:
        port = free_port()
        text = Template(TLS).substitute(port=port, cert=cert_file, key=key_file, target=target)
        for command in ("check", "run"):
            code, out, error = await framegate(rig, command, text)
            told = f"{command}: {out}{error}"
            expect(code not in (0, 2), f"exit code {code} by {told}")
            expect(word in told, f"the report lacks {word!r}: {told}")
            expect("gateway.kdl:" in told, f"the report lacks a line: {told}")
            expect("listening" not in error, f"it listened first: {told}")


@check("framegate run: an address that is taken is told with its line")
async def taken(rig) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        second = f'listeners {{ listener "taken" {{ address "127.0.0.1:{port}" }} }}'
        code, out, error = await framegate(rig, "run", good(free_port()) + second)
    expect(code not in (0, 2), f"exit code {code}")
    for word in (str(port), "gateway.kdl:11"):
        expect(word in out + error, f"the report lacks {word!r}: {out}{error}")


@check("framegate run: the first records say where each listener listens, as JSON on a line")
async def first_records(rig) -> None:
    gateway = await rig.configured("first", HEALTH)
    record = json.loads(gateway.logs["errors"].read_text().splitlines()[0])
    equal((record["event"], record["listener"]), ("listening", "main"), "first record")
    expect(accepts(int(record["address"].rpartition(":")[2])), "nobody listens there")


HEALTH = """
listeners { listener "main" { address "127.0.0.1:0"; protocol "http" } }
routes { route "all" { builtin-handler "health" } }
"""
