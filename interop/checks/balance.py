"""Several targets behind one upstream: who gets how many, and who keeps coming to the same one."""

import asyncio
import collections
import json
import stat
from contextlib import AsyncExitStack
from pathlib import Path

from websockets.asyncio.client import unix_connect

from backend import dial
from fetch import Answer, fetch
from gateway import Gateway
from harness import check, equal, eventually, expect
from origin import Origin

LISTENER = """
server { worker-threads 2 }
listeners { listener "main" { address "127.0.0.1:0"; protocol "http" } }
routes { route "all" { upstream "origin" } }
"""
CONFIG = (
    LISTENER
    + """
upstreams {
    upstream "origin" {
        targets {
            target { address "$one"; weight $weight }
            target { address "$two" }
            target { address "$three" }
        }
        $how
    }
}
"""
)
NAMES = ("one", "two", "three")


async def origins(rig) -> dict[str, Origin]:
    """Three backends that stay up, by name."""
    started = await asyncio.gather(*(Origin.start(rig, name) for name in NAMES))
    return dict(zip(NAMES, started))


async def balanced(rig, how: str, weight: int = 1) -> Gateway:
    """A gateway before the three; `weight` is that of the first."""
    addresses = {name: origin.address for name, origin in (await rig.shared(origins)).items()}
    return await rig.configured("balance", CONFIG, how=how, weight=weight, **addresses)


async def asked(front: Gateway, count: int, *options: str) -> collections.Counter:
    """How many of so many requests, one after the other, each server answered."""
    answers = [await fetch(front.http("/"), *options) for _ in range(count)]
    equal({answer.status for answer in answers}, {200}, "statuses")
    return collections.Counter(answer.get("X-Server") for answer in answers)


@check("round-robin goes by weight: of 50 requests 30, 10 and 10")
async def round_robin(rig) -> None:
    counts = await asked(await balanced(rig, 'load-balancing "round-robin"', 3), 50)
    expect(abs(counts["one"] - 30) <= 3, f"requests per server: {counts}")
    expect(min(counts["two"], counts["three"]) >= 8, f"requests per server: {counts}")


def register_chance(name: str) -> None:
    @check(f"{name} goes by chance: of 90 requests everybody has some, and the heaviest most")
    async def body(rig) -> None:
        counts = await asked(await balanced(rig, f'load-balancing "{name}"', 2), 90)
        # Below 8 of 90 with a chance of a quarter each: less than once in 10,000 runs.
        expect(min(counts[name] for name in NAMES) >= 8, f"requests per server: {counts}")


for name in ("random", "power-of-two-choices"):
    register_chance(name)


@check("least-connections sends new sessions to who has fewest, weighed")
async def least_connections(rig) -> None:
    front = await balanced(rig, 'load-balancing "least-connections"', 2)
    async with AsyncExitStack() as stack:
        sessions = collections.defaultdict(list)

        async def open_one() -> str:
            client = await stack.enter_async_context(dial(front.url("/who")))
            server = json.loads(await client.recv())["server"]
            sessions[server].append(client)
            return server

        for _ in range(16):
            await open_one()
        held = {name: len(sessions[name]) for name in NAMES}
        equal(held, {"one": 8, "two": 4, "three": 4}, "sessions per server")
        for client in sessions.pop("two"):
            await client.close()
        # Its close record is written when a session no longer counts.
        await eventually("four close records", lambda: len(front.records("close")) == 4)
        counts = collections.Counter([await open_one() for _ in range(3)])
        equal(counts, {"two": 3}, "where the next ones went")


@check("ip-hash keeps a client's address on one server, and spreads addresses over all")
async def ip_hash(rig) -> None:
    front = await balanced(rig, 'load-balancing "ip-hash"')
    spread = collections.Counter()
    for number in range(30):
        counts = await asked(front, 2, "--interface", f"127.0.2.{number + 1}")
        equal(len(counts), 1, f"servers of client {number}")
        spread += counts
    equal(set(spread), set(NAMES), "servers of all clients together")


@check("consistent-hash: when a server goes, its users move and no others", deadline=40)
async def consistent_hash(rig) -> None:
    own = await asyncio.gather(*(Origin.start(rig, name) for name in NAMES))
    addresses = {origin.name: origin.address for origin in own}
    how = 'load-balancing "consistent_hash"; hash-key "header:X-User"'
    front = await rig.configured("consistent", CONFIG, how=how, weight=1, **addresses)
    users = [f"user-{number}" for number in range(45)]

    async def homes() -> dict[str, str]:
        answers = [await fetch(front.http("/"), "--header", f"X-User: {user}") for user in users]
        return dict(zip(users, (answer.get("X-Server") for answer in answers)))

    before = await homes()
    equal(await homes(), before, "homes the second time")
    equal(set(before.values()), set(NAMES), "servers of all users together")
    await own[0].kill()
    after = await homes()
    stayed = {user: home for user, home in before.items() if home != "one"}
    equal({user: after[user] for user in stayed}, stayed, "homes of the users of the others")
    expect("one" not in after.values(), "somebody was answered by the dead server")


STICKY = 'sticky { cookie-name "home"; cookie-path "/shop"; cookie-same-site "strict" }'


def cookie_of(answer: Answer) -> tuple[str, set[str]]:
    """The cookie that an answer sets, and its attributes in lower case."""
    (line,) = answer.all("Set-Cookie")
    cookie, *attributes = line.split("; ")
    return cookie, {attribute.lower() for attribute in attributes}


@check("sticky: the first answer's cookie leads back to its server, and is not forwarded")
async def sticky(rig) -> None:
    front = await balanced(rig, STICKY)
    for _ in range(3):
        first = await fetch(front.http("/shop"))
        cookie, attributes = cookie_of(first)
        expect(cookie.startswith("home="), f"cookie: {cookie}")
        expect({"path=/shop", "samesite=strict", "httponly"} <= attributes, f"{attributes}")
        expect("127.0.0.1" not in cookie, f"the cookie tells the server's address: {cookie}")
        for _ in range(6):
            again = await fetch(front.http("/shop"), "--header", f"Cookie: a=1; {cookie}; b=2")
            equal(again.get("X-Server"), first.get("X-Server"), "server")
            equal(again.all("Set-Cookie"), [], "cookies set anew")
            equal(again.seen().all("Cookie"), ["a=1; b=2"], "cookies at the backend")
        header = {"Cookie": cookie}
        async with dial(front.url("/who"), additional_headers=header) as client:
            seen = json.loads(await client.recv())
            equal(seen["server"], first.get("X-Server"), "server of a session")
    async with dial(front.url("/who")) as client:
        expect("home=" in client.response.headers["Set-Cookie"], "a 101 sets no cookie")


@check("sticky: the cookie of a server that is gone leads to another, with a new cookie")
async def sticky_gone(rig) -> None:
    own = await asyncio.gather(*(Origin.start(rig, name) for name in NAMES))
    addresses = {origin.name: origin.address for origin in own}
    front = await rig.configured("sticky", CONFIG, how=STICKY, weight=1, **addresses)
    first = await fetch(front.http("/shop"))
    cookie, _ = cookie_of(first)
    await next(origin for origin in own if origin.name == first.get("X-Server")).kill()
    second = await fetch(front.http("/shop"), "--header", f"Cookie: {cookie}")
    equal(second.status, 200, "status")
    other, _ = cookie_of(second)
    expect(other != cookie and second.get("X-Server") != first.get("X-Server"), f"{other}")
    again = await fetch(front.http("/shop"), "--header", f"Cookie: {other}")
    equal(again.get("X-Server"), second.get("X-Server"), "server by the new cookie")
    forged = await fetch(front.http("/shop"), "--header", "Cookie: home=nonsense")
    equal((forged.status, len(forged.all("Set-Cookie"))), (200, 1), "answer to a forged cookie")


UNIX = """
listeners {
    listener "unix" { address "unix:$listen"; protocol "http" }
    listener "tcp" { address "127.0.0.1:0"; protocol "http" }
}
routes { route "all" { upstream "origin" } }
upstreams { upstream "origin" { target "unix:$target" } }
"""


@check("unix sockets, at either end: HTTP and WebSocket through both")
async def unix_sockets(rig) -> None:
    listen, target = rig.folder / "gateway.sock", rig.folder / "origin.sock"
    await Origin.start(rig, "unix", "--unix", target)
    front = await rig.configured("unix", UNIX, listen=listen, target=target)
    equal(stat.S_IMODE(Path(listen).stat().st_mode), 0o660, "permissions of the socket")
    answer = await fetch("http://example.test/hello", "--unix-socket", str(listen))
    equal(answer.status, 200, f"status ({answer.error})")
    equal(answer.seen().server, "unix", "who answered")
    equal(answer.seen().all("Host"), ["example.test"], "Host")
    answer = await fetch(front.http("/hello", "tcp"))
    equal(answer.seen().all("X-Forwarded-For"), ["127.0.0.1"], "X-Forwarded-For of a TCP client")
    async with unix_connect(str(listen), "ws://example.test/echo") as client:
        await client.send("x" * 300_000)
        equal(len(await client.recv()), 300_000, "characters that came back")
