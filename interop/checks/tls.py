"""TLS as openssl's `s_client` and curl see it: versions, ALPN, which certificate is shown, which
are accepted, sessions taken up again.
"""

import asyncio
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from certificates import certificates
from checks.reload import File
from fetch import fetch
from gateway import Gateway
from harness import check, equal, eventually, expect
from origin import Origin, said
from processes import free_port, output_of

CONFIG = """
server { worker-threads 2 }
listeners {
    listener "default" {
        address "127.0.0.1:0"; protocol "https"
        tls {
            $identity
            handshake-timeout-ms 700
            key-log-file "$folder/secrets.log"
            sni "a.example.test" {
                cert-file "$folder/a.example.test.pem"
                key-file "$folder/a.example.test.key"
            }
            sni "*.example.test" { cert-file "$folder/wild.pem"; key-file "$folder/wild.key" }
        }
    }
    listener "up-to-1.2" {
        address "127.0.0.1:0"; protocol "https"
        tls { $identity; max-version "1.2" }
    }
    listener "from-1.3" {
        address "127.0.0.1:0"; protocol "https"
        tls { $identity; min-version "1.3" }
    }
    listener "no-tickets" {
        address "127.0.0.1:0"; protocol "https"
        tls { $identity; session-tickets false }
    }
    listener "require" {
        address "127.0.0.1:0"; protocol "https"
        tls {
            $identity
            ca-file "$folder/ca.pem"; crl-file "$folder/ca.crl"; client-auth "require"
        }
    }
    listener "request" {
        address "127.0.0.1:0"; protocol "https"
        tls {
            $identity
            ca-file "$folder/ca.pem"; client-auth "request"
        }
    }
}
routes { route "all" { upstream "origin" } }
upstreams { upstream "origin" { target "$origin" } }
"""
REQUEST = b"GET /who HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
VERSIONS = ("tls1", "tls1_1", "tls1_2", "tls1_3")
# What a client of that version is told where it is not spoken. The first two have no signature
# algorithms to offer, and whether that or their version is looked at first is the server's choice.
REFUSAL = {
    "tls1": "alert protocol version|alert handshake failure",
    "tls1_1": "alert protocol version|alert handshake failure",
    "tls1_2": "alert protocol version",
    "tls1_3": "alert protocol version",
}
# openssl offers and accepts what is older than TLS 1.2 only when told to forget its level.
WEAK = ("-cipher", "ALL:@SECLEVEL=0")


async def gateway(rig) -> Gateway:
    """One gateway with a listener for each way to configure TLS."""
    folder = (await rig.shared(certificates)).folder
    origin = await Origin.start(rig, "tls")
    identity = f'cert-file "{folder}/localhost.pem"; key-file "{folder}/localhost.key"'
    values = {"folder": folder, "identity": identity, "origin": origin.address}
    return await rig.configured("tls", CONFIG, **values)


@dataclass
class Spoken:
    """What `openssl s_client` says about a connection on which it sent a request."""

    text: str
    # Of the HTTP answer; 0 is none.
    status: int
    # `TLSv1.3`; empty when there was no handshake.
    version: str
    resumed: bool
    alpn: str | None
    # The certificate that the server showed first.
    certificate: str


async def s_client(port: int, *options: str) -> Spoken:
    """Connects, asks for a page, and reads to the end."""
    argv = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-ign_eof", *options]
    _, out, error = await output_of(argv, stdin=REQUEST)
    # It may stand in the middle of a line, behind the dump of a ticket.
    status = re.search(r"HTTP/1\.1 (\d+) ", out)
    version = re.search(r"^(?:New|Reused), (TLSv[\d.]+),", out, re.M)
    alpn = re.search(r"^ALPN protocol: (\S+)", out, re.M)
    pem = re.search(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", out, re.S)
    return Spoken(
        out + error,
        int(status[1]) if status else 0,
        version[1] if version else "",
        "\nReused, " in out,
        alpn[1] if alpn else None,
        pem[0] if pem else "",
    )


def register_versions(listener: str, accepted: set[str]) -> None:
    @check(f"openssl: the listener {listener!r} speaks {', '.join(sorted(accepted))} alone")
    async def body(rig) -> None:
        front = await rig.shared(gateway)
        for version in VERSIONS:
            weak = WEAK if version in VERSIONS[:2] else ()
            spoken = await s_client(front.port_of(listener), f"-{version}", *weak)
            wanted = 200 if version in accepted else 0
            equal(spoken.status, wanted, f"status by {version}")
            if version not in accepted:
                expect(re.search(REFUSAL[version], spoken.text), f"{version}: {spoken.text}")


for listener, accepted in {
    "default": {"tls1_2", "tls1_3"},
    "up-to-1.2": {"tls1_2"},
    "from-1.3": {"tls1_3"},
}.items():
    register_versions(listener, accepted)


@check("openssl: this client does speak TLS 1.0 and 1.1 to who accepts it, so their refusal counts")
async def old_versions(rig) -> None:
    pem, key = (await rig.shared(certificates)).pair("localhost")
    for version in VERSIONS[:2]:
        port = free_port()
        argv = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", pem, "-key", key]
        server = await rig.child(
            [*argv, f"-{version}", "-www", *WEAK], rig.logs / f"s_server-{version}.log"
        )
        await said(server, "ACCEPT")
        spoken = await s_client(port, f"-{version}", *WEAK)
        expect("HTTP/1.0 200 ok" in spoken.text, f"{version}: {spoken.text}")


@check("openssl: ALPN chooses http/1.1, does without where none is offered, refuses h2 alone")
async def alpn(rig) -> None:
    port = (await rig.shared(gateway)).port_of("default")
    for offer in ("h2,http/1.1", "http/1.1"):
        spoken = await s_client(port, "-alpn", offer)
        equal((spoken.alpn, spoken.status), ("http/1.1", 200), f"answer to {offer}")
    spoken = await s_client(port)
    equal((spoken.alpn, spoken.status), (None, 200), "answer to no offer")
    for version in ("-tls1_2", "-tls1_3"):
        spoken = await s_client(port, version, "-alpn", "h2")
        equal(spoken.status, 0, "status for h2 alone")
        expect("alert no application protocol" in spoken.text, spoken.text)


SHOWN = {
    "": "localhost",
    "localhost": "localhost",
    "a.example.test": "a.example.test",
    "A.Example.TEST": "a.example.test",
    "b.example.test": "wild",
    # A wildcard stands for one label.
    "c.b.example.test": "localhost",
    "example.test": "localhost",
    "elsewhere.test": "localhost",
}


@check("openssl: the name that a client asks for decides which certificate it is shown")
async def server_names(rig) -> None:
    port = (await rig.shared(gateway)).port_of("default")
    made = await rig.shared(certificates)
    for name, shown in SHOWN.items():
        asked = ["-servername", name] if name else ["-noservername"]
        spoken = await s_client(port, *asked)
        equal(spoken.status, 200, f"status for {name!r}")
        chain = Path(made.path(f"{shown}.pem")).read_text()
        expect(chain.startswith(spoken.certificate), f"{name!r} was not shown {shown!r}")
    trust = ["-CAfile", made.path("ca.pem"), "-verify_return_error"]
    for name in ("a.example.test", "b.example.test"):
        spoken = await s_client(port, *trust, "-servername", name, "-verify_hostname", name)
        expect("Verify return code: 0 (ok)" in spoken.text, f"{name}: {spoken.text}")


# By listener: what becomes of whom, and what an alert says about it.
ADMITTED = {
    "default": {None: "", "stranger": ""},
    "request": {None: "", "alice": "", "stranger": "unknown ca"},
    "require": {
        None: "certificate required|handshake failure",
        "alice": "",
        "stranger": "unknown ca",
        "mallory": "certificate revoked",
        "old": "certificate expired",
    },
}


def register_clients(listener: str, version: str) -> None:
    people = ", ".join(name or "nobody" for name in ADMITTED[listener])

    @check(f"openssl, {version}: who gets past the listener {listener!r}: {people}")
    async def body(rig) -> None:
        port = (await rig.shared(gateway)).port_of(listener)
        made = await rig.shared(certificates)
        for name, alert in ADMITTED[listener].items():
            shown = []
            if name:
                pem, key = made.pair(name)
                shown = ["-cert", pem, "-key", key]
            spoken = await s_client(port, f"-{version}", *shown)
            equal(spoken.status, 0 if alert else 200, f"status for {name}")
            expect(re.search(alert, spoken.text), f"{name}: {spoken.text}")


for listener in ADMITTED:
    for version in VERSIONS[2:]:
        register_clients(listener, version)


DOMAINS = """
listeners {
    listener "domains" {
        address "127.0.0.1:$port"; protocol "https"
        tls {
            cert-file "$folder/localhost.pem"; key-file "$folder/localhost.key"
            unknown-sni "$unknown"
            sni "a.example.test" {
                cert-file "$folder/a.example.test.pem"; key-file "$folder/a.example.test.key"
                client-auth "$auth"; ca-file "$folder/ca.pem"; crl-file "$folder/ca.crl"
                min-version "1.3"
            }
            sni "b.example.test" {
                cert-file "$folder/wild.pem"; key-file "$folder/wild.key"; max-version "1.2"
            }
        }
    }
}
routes { route "all" { builtin-handler "health" } }
"""
# The name asked for, what else the client is told, and what becomes of it: the version spoken, or
# what the alert says.
STRICT = (
    ("a.example.test", ["alice"], "TLSv1.3"),
    ("a.example.test", [], "certificate required"),
    ("a.example.test", ["mallory"], "certificate revoked"),
    ("a.example.test", ["stranger"], "unknown ca"),
    ("a.example.test", ["alice", "-tls1_2"], "alert protocol version"),
    ("b.example.test", [], "TLSv1.2"),
    ("b.example.test", ["alice"], "TLSv1.2"),
    ("b.example.test", ["-tls1_3"], "alert protocol version"),
    ("", [], "TLSv1.3"),
    ("elsewhere.test", [], "unrecognized name"),
)
LAX = (
    ("a.example.test", [], "TLSv1.3"),
    ("a.example.test", ["stranger"], "TLSv1.3"),
    ("a.example.test", ["-tls1_2"], "alert protocol version"),
    ("elsewhere.test", [], "TLSv1.3"),
)


@check("openssl: each name has its own versions and clients, and a reload gives it others", 60)
async def domains(rig) -> None:
    made = await rig.shared(certificates)
    values = {"folder": made.folder, "port": free_port(), "auth": "require", "unknown": "reject"}
    file = await File.run(rig, "tls-domains", DOMAINS, **values)

    async def become(cases) -> None:
        for name, options, outcome in cases:
            asked = ["-servername", name] if name else ["-noservername"]
            for option in options:
                pem, key = made.pair(option)
                shown = ["-cert", pem, "-key", key]
                asked += [option] if option.startswith("-") else shown
            spoken = await s_client(file.gateway.port_of("domains"), *asked)
            version = outcome if outcome.startswith("TLS") else ""
            equal(spoken.status, 200 if version else 0, f"status for {name} with {options}")
            if version:
                equal(spoken.version, version, f"version for {name} with {options}")
            else:
                expect(outcome in spoken.text, f"{name} with {options}: {spoken.text}")

    await become(STRICT)
    await file.reload(auth="none", unknown="default")
    await eventually("the reload", lambda: file.gateway.errors("reloaded"))
    await become(LAX)
    failures = await file.gateway.metrics()
    name = "framegate_tls_handshake_failures_total"
    equal(failures.sum(name, reason="unknown_name"), 1, "names that nobody has")


@check("openssl: a TLS 1.2 session is taken up again on each of five connections (-reconnect)")
async def reconnect(rig) -> None:
    front = await rig.shared(gateway)
    spoken = await s_client(front.port_of("default"), "-tls1_2", "-reconnect")
    equal(spoken.text.count("\nReused, TLSv1.2"), 5, "sessions taken up again")
    equal(spoken.status, 200, "status on the last of them")
    spoken = await s_client(front.port_of("no-tickets"), "-tls1_2", "-reconnect")
    equal(spoken.text.count("\nReused, "), 0, "sessions taken up again without tickets")


@check("openssl: a TLS 1.3 ticket is good on whichever thread a connection comes to (-sess_in)")
async def tickets(rig) -> None:
    front = await rig.shared(gateway)
    session = rig.folder / "session"
    first = await s_client(front.port_of("default"), "-tls1_3", "-sess_out", str(session))
    equal((first.status, first.resumed), (200, False), "first connection")
    for _ in range(8):
        again = await s_client(front.port_of("default"), "-tls1_3", "-sess_in", str(session))
        equal((again.status, again.resumed), (200, True), "a later connection")
    without = rig.folder / "session-without"
    await s_client(front.port_of("no-tickets"), "-tls1_3", "-sess_out", str(without))
    expect(not without.exists(), "a listener without tickets has given one")


@check("openssl: the key log has the very secrets that the client has, for its owner's eyes only")
async def key_log(rig) -> None:
    front = await rig.shared(gateway)
    for version, count in (("-tls1_2", 1), ("-tls1_3", 4)):
        client = rig.folder / f"client{version}.log"
        spoken = await s_client(front.port_of("default"), version, "-keylogfile", str(client))
        equal(spoken.status, 200, "status")
        secrets = {line for line in client.read_text().splitlines() if not line.startswith("#")}
        expect(len(secrets) >= count, f"secrets of the client: {secrets}")
        log = (await rig.shared(certificates)).folder / "secrets.log"
        # The exporter's secret is made when somebody asks for it.
        missing = {
            line for line in secrets - set(log.read_text().splitlines()) if "EXPORTER" not in line
        }
        equal(missing, set(), "secrets that are not in the gateway's log")
        equal(stat.S_IMODE(log.stat().st_mode), 0o600, "permissions")


@check("a client that connects and never says a word of TLS is gone after handshake-timeout-ms")
async def silent_client(rig) -> None:
    front = await rig.shared(gateway)
    for said_so_far in (b"", b"\x16\x03\x01"):
        reader, writer = await asyncio.open_connection("127.0.0.1", front.port_of("default"))
        try:
            writer.write(said_so_far)
            await asyncio.wait_for(reader.read(), 5)
        except ConnectionError:
            pass
        finally:
            writer.close()


@check("plain HTTP at a TLS port gets no answer in HTTP, and harms nobody else")
async def plain_at_tls(rig) -> None:
    front = await rig.shared(gateway)
    answer = await fetch(f"http://{front.address('default')}/")
    equal(answer.status, 0, "status")
    expect(answer.code, "curl was content")
    spoken = await s_client(front.port_of("default"))
    equal(spoken.status, 200, "status of the next client")


@check("curl: https with the authority's certificate, and not without")
async def curl_https(rig) -> None:
    front = await rig.shared(gateway)
    made = await rig.shared(certificates)
    url = f"https://localhost:{front.port_of('default')}/hello"
    answer = await fetch(url, "--cacert", made.path("ca.pem"))
    equal((answer.code, answer.status), (0, 200), "with it")
    equal(answer.seen().all("X-Forwarded-Proto"), ["https"], "X-Forwarded-Proto at the backend")
    equal((await fetch(url)).code, 60, "curl's code without it: not to be verified")
    pem, key = made.pair("alice")
    url = f"https://localhost:{front.port_of('require')}/hello"
    answer = await fetch(url, "--cacert", made.path("ca.pem"), "--cert", pem, "--key", key)
    equal((answer.code, answer.status), (0, 200), "with a client certificate")


@check("what fails of TLS is told in the records, and counted with a reason")
async def records(rig) -> None:
    front = await rig.shared(gateway)
    failures = "framegate_tls_handshake_failures_total"
    counted = (await front.metrics()).sum(failures, reason="incompatible")
    before = len(incompatible(front))
    await s_client(front.port_of("from-1.3"), "-tls1_2")
    (record,) = await eventually("a record of it", lambda: incompatible(front)[before:])
    equal(record["reason"], "tls_handshake", "reason")
    equal(record["client"].rpartition(":")[0], "127.0.0.1", "client")
    metrics = await front.metrics()
    equal(metrics.sum(failures, reason="incompatible"), counted + 1, "failures counted")


def incompatible(front: Gateway) -> list[dict]:
    """The records of clients that had no version or cipher in common with the gateway."""
    records = front.records("refused")
    return [record for record in records if "do not agree on TLS" in record["detail"]]
