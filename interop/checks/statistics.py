"""Statistics: the text page of nginx's module, JSON and Prometheus have the right sums, agree with
one another and survive a reload."""

import asyncio
import json

from prometheus_client.parser import text_string_to_metric_families

from checks.reload import File
from fetch import fetch
from harness import check, equal, eventually, expect
from processes import free_port
from wire import BINARY, CLOSE, CONTINUATION, PING, TEXT, Server, session

CONFIG = """
server { worker-threads 2 }
listeners { listener "main" { address "127.0.0.1:$port" } }
routes {
    route "version" { matches { path "/version/$version" }; builtin-handler "health" }
    route "stat" { matches { path "/ws_stat" }; builtin-handler "ws-stat" }
    route "page" { matches { path "/page" }; builtin-handler "metrics" }
    route "all" { upstream "backend" }
}
upstreams { upstream "backend" { targets { target { address "$backend" } } } }
observability { metrics { prefix "$prefix" } }
"""

# A session of `traffic`: frames, payload and bytes of each side. The client's frames have 6 bytes
# of header, and 8 where the length is of 16 bits; the server's 4 less.
PAYLOAD = 5 + 0 + 2 + 4 + 3 + 300 + 5
CLIENT = (7, PAYLOAD, PAYLOAD + 6 * 6 + 8)
UPSTREAM = (7, PAYLOAD, PAYLOAD + 6 * 2 + 4)


async def stage(rig, name: str, prefix: str = "sentinel") -> tuple[File, Server]:
    """A gateway before a server that echoes frames."""
    server = await Server().start()
    file = await File.run(
        rig, name, CONFIG, backend=server.address, port=free_port(), prefix=prefix
    )
    return file, server


async def traffic(port: int) -> None:
    """Seven frames that come back, of which the last is the Close; four messages."""
    async with session(port) as client:
        for opcode, payload, fin in (
            (TEXT, b"hello", True),
            (TEXT, b"", True),
            (PING, b"hi", True),
            (BINARY, b"four", False),
            (CONTINUATION, b"and", True),
            (BINARY, b"x" * 300, True),
        ):
            await client.send(opcode, payload, fin)
            await client.frame()
        await client.leave(1000, "bye")


def module_page(connections: int, sessions: int) -> str:
    """What nginx's module would say after so many sessions of `traffic`."""
    client, upstream = (
        " ".join(str(number * sessions) for number in side) for side in (CLIENT, UPSTREAM)
    )
    return (
        f"WebSocket connections: {connections}\n"
        "client websocket frames  | client websocket payload | client tcp data\n"
        f"{client}\n"
        "upstream websocket frames  | upstream websocket payload | upstream tcp data\n"
        f"{upstream}\n"
    )


async def text_page(file: File) -> str:
    answer = await fetch(file.gateway.http("/ws_stat"))
    equal(answer.status, 200, "status")
    expect((answer.get("content-type") or "").startswith("text/plain"), f"{answer.fields}")
    return answer.body.decode()


async def becomes(file: File, page: str) -> None:
    """Waits for this page, and shows what there is where it does not come."""
    last = ""

    async def same() -> bool:
        nonlocal last
        last = await text_page(file)
        return last == page

    await eventually(lambda: f"{page!r}; the page is {last!r}", same)


@check("ws-stat: the page of nginx's module, line by line, with the right sums")
async def sums(rig) -> None:
    file, _ = await stage(rig, "stat")
    equal(await text_page(file), module_page(0, 0), "the page at the start")
    await traffic(file.gateway.port)
    await becomes(file, module_page(0, 1))
    async with session(file.gateway.port, "/hold"), session(file.gateway.port, "/hold"):
        await becomes(file, module_page(2, 1))
    await becomes(file, module_page(0, 1))
    await asyncio.gather(*(traffic(file.gateway.port) for _ in range(20)))
    await becomes(file, module_page(0, 21))


@check("ws-stat: the same as JSON, for who asks for it")
async def as_json(rig) -> None:
    file, _ = await stage(rig, "stat-json")
    await traffic(file.gateway.port)
    await becomes(file, module_page(0, 1))
    for target, options in (("?format=json", []), ("", ["-H", "Accept: application/json"])):
        answer = await fetch(file.gateway.http(f"/ws_stat{target}"), *options)
        expect("json" in (answer.get("content-type") or ""), f"{answer.fields}")
        page = json.loads(answer.body)
        for side, numbers in (("client", CLIENT), ("upstream", UPSTREAM)):
            got = tuple(page[side][key] for key in ("frames", "payload_bytes", "tcp_bytes"))
            equal(got, numbers, f"figures of the {side}")
            equal(page[side]["messages"], {"text": 2, "binary": 2}, f"messages of the {side}")
        connections = page["connections"]
        equal([connections[key] for key in ("active", "opened", "closed")], [0, 1, 1], "sessions")
    posted = await fetch(file.gateway.http("/ws_stat"), "-d", "x")
    expect(posted.status in (200, 405), f"status of a POST: {posted.status}")


NAMES = (
    "websocket_connections_active",
    "websocket_messages_total",
    "websocket_connection_duration_seconds",
    "agent_ws_blocked_total",
)


@check("Prometheus: a real parser reads the page; the four names have the right types and sums")
async def four_names(rig) -> None:
    file, _ = await stage(rig, "stat-prometheus")
    await traffic(file.gateway.port)
    async with session(file.gateway.port, "/hold"):
        # This one is over within the first buckets, the other one is not yet over.
        await becomes(file, module_page(1, 1))
        answer = await fetch(file.gateway.http("/page"))
    expect(
        (answer.get("content-type") or "").startswith("text/plain; version=0.0.4"),
        f"content type: {answer.fields}",
    )
    families = {f.name: f for f in text_string_to_metric_families(answer.body.decode())}
    types = ("gauge", "counter", "histogram", "counter")
    for name, kind in zip(NAMES, types):
        family = families.get(f"sentinel_{name}".removesuffix("_total"))
        expect(family, f"no sentinel_{name} on the page")
        equal(family.type, kind, f"type of {name}")
    (gauge,) = families["sentinel_websocket_connections_active"].samples
    equal(gauge.value, 1, "open sessions")
    messages = families["sentinel_websocket_messages"].samples
    # sum(rate(sentinel_websocket_messages_total)) counts every message once.
    equal(sum(sample.value for sample in messages), 8, "messages")
    histogram(families["sentinel_websocket_connection_duration_seconds"], 1)
    # A page that the whole gateway shows of itself has every name once.
    samples = [sample for family in families.values() for sample in family.samples]
    names = {(sample.name, *sorted(sample.labels.items())) for sample in samples}
    equal(len(names), len(samples), "samples, each once")


def histogram(family, count: int) -> None:
    """Fails unless it is a histogram of so many things, as PromQL's `histogram_quantile` wants."""
    buckets = [s for s in family.samples if s.name.endswith("_bucket")]
    expect(all(set(s.labels) == {"le"} for s in buckets), f"labels: {buckets[0].labels}")
    bounds = [float(s.labels["le"]) for s in buckets]
    equal(bounds, sorted(bounds), "bounds in order")
    equal(bounds[-1], float("inf"), "the last bound")
    values = [s.value for s in buckets]
    equal(values, sorted(values), "cumulative counts")
    by_name = {s.name.removeprefix(family.name): s.value for s in family.samples}
    equal((values[-1], by_name["_count"]), (count, count), "the last bucket and the count")
    expect(0 <= by_name["_sum"] < 60 * count, f"sum: {by_name['_sum']}")


@check("Prometheus: sessions are in the buckets of their length, and the prefix can be another one")
async def durations(rig) -> None:
    file, _ = await stage(rig, "stat-durations", prefix="acme")

    async def last(seconds: float) -> None:
        async with session(file.gateway.port, "/hold") as client:
            await asyncio.sleep(seconds)
            await client.leave()

    await asyncio.gather(*(last(seconds) for seconds in (0.0, 0.0, 0.25, 0.7, 1.5)))

    async def buckets() -> dict[float, float]:
        page = await file.gateway.metrics()
        name = "acme_websocket_connection_duration_seconds_bucket"
        return {
            float(labels["le"]): value for sample, labels, value in page.samples if sample == name
        }

    await eventually("five sessions", lambda: is_at(buckets, 5))
    got = await buckets()
    equal([got[le] for le in (0.1, 0.5, 1, 5)], [2, 3, 4, 5], f"buckets {got}")


async def is_at(buckets, count: float) -> bool:
    return (await buckets()).get(float("inf")) == count


@check("statistics: counters and gauges survive a reload, with sessions open across it")
async def survive(rig) -> None:
    file, _ = await stage(rig, "stat-reload")
    await traffic(file.gateway.port)
    before = await counters(file)
    async with session(file.gateway.port) as client:
        await becomes(file, module_page(1, 1))
        for version in range(2, 6):
            await file.reload(version=version)
            await file.becomes(version)
        equal(await text_page(file), module_page(1, 1), "the page behind the reloads")
        # Frames of a session from before the reload are counted with the others.
        for opcode, payload in ((TEXT, b"hello"), (CLOSE, b"\x03\xe8bye")):
            await client.send(opcode, payload)
            await client.frame()

    async def at_rest() -> bool:
        return "WebSocket connections: 0" in await text_page(file)

    await eventually("no session", at_rest)
    after = await counters(file)
    fallen = [(name, value) for name, value in before.items() if after.get(name, -1) < value]
    equal(fallen, [], "counters that fell, and what they were")
    client = (await text_page(file)).splitlines()[2].split()
    equal(client[:2], [str(7 + 2), str(PAYLOAD + 10)], "frames and payload of clients")


async def counters(file: File) -> dict[tuple, float]:
    """All counters of the page."""
    page = await file.gateway.metrics()
    kinds = {name for name, kind in page.types.items() if kind in ("counter", "histogram")}
    return {
        (name, tuple(sorted(labels.items()))): value
        for name, labels, value in page.samples
        if any(name.startswith(kind) for kind in kinds)
    }
