"""Backends behind TLS: what the gateway verifies of them, and what it shows them of itself."""

from dataclasses import dataclass

from backend import dial
from certificates import certificates
from checks.curl import upgrade
from fetch import fetch
from harness import check, equal, expect
from origin import Origin

CONFIG = """
listeners { listener "main" { address "127.0.0.1:0"; protocol "http" } }
routes { route "all" { upstream "origin" } }
upstreams {
    upstream "origin" {
        target "wss://$address"
        tls { $tls }
    }
}
"""


@dataclass
class Case:
    """A backend with a certificate, and what the gateway is told about it."""

    sentence: str
    certificate: str
    tls: str
    status: int
    # The backend asks for a certificate in turn.
    asks: bool = False


CASES = (
    Case("whose authority is named is reached", "localhost", 'ca-file "$folder/ca.pem"', 200),
    Case("whose authority is not among the system's is not", "localhost", "", 502),
    Case("of another authority is not", "localhost", 'ca-file "$folder/other-ca.pem"', 502),
    Case("with a certificate for another name is not", "wild", 'ca-file "$folder/ca.pem"', 502),
    Case(
        "is verified by the name that `sni` gives",
        "wild",
        'ca-file "$folder/ca.pem"; sni "b.example.test"',
        200,
    ),
    Case("whose certificate has expired is not", "expired", 'ca-file "$folder/ca.pem"', 502),
    Case(
        "that nobody verifies is reached, if that is what was asked for",
        "expired",
        "insecure-skip-verify true",
        200,
    ),
    Case(
        "that asks for a certificate is shown it",
        "localhost",
        'ca-file "$folder/ca.pem"; client-cert "$folder/alice.pem"; client-key "$folder/alice.key"',
        200,
        asks=True,
    ),
    Case(
        "that asks for a certificate is not reached without one",
        "localhost",
        'ca-file "$folder/ca.pem"',
        502,
        asks=True,
    ),
)


def register(case: Case) -> None:
    @check(f"a wss backend {case.sentence}, for HTTP and for WebSocket")
    async def body(rig) -> None:
        made = await rig.shared(certificates)
        pem, key = made.pair(case.certificate)
        asks = ["--client-ca", made.path("ca.pem")] if case.asks else []
        origin = await Origin.start(rig, "behind-tls", "--cert", pem, "--key", key, *asks)
        tls = case.tls.replace("$folder", str(made.folder))
        front = await rig.configured("upstream-tls", CONFIG, address=origin.address, tls=tls)
        answer = await fetch(front.http("/hello"))
        equal(answer.status, case.status, "status")
        if case.status == 200:
            equal(answer.seen().server, "behind-tls", "who answered")
            async with dial(front.url("/echo")) as client:
                await client.send("hello")
                equal(await client.recv(), "hello", "message")
            return
        record = await front.record("request", path="/hello")
        expect(record.get("reason"), f"the record gives no reason: {record}")
        # The client learns that the backend failed, not why.
        expect(b"certificate" not in answer.body.lower(), f"the client was told: {answer.body}")
        answer = await fetch(front.http("/echo"), *upgrade())
        equal(answer.status, case.status, "status of an upgrade")


for case in CASES:
    register(case)
