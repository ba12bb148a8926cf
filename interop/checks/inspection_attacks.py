"""Attacks on the inspection itself: what is small and becomes large, what takes long."""

import asyncio
import json
import zlib
from base64 import b64encode

from checks.inspection_load import peak_bytes
from evasion.frames import PLAIN_OFFER, WINDOW_OFFER, farewell, frame, split
from evasion.matrix import closing_code
from evasion.sessions import Sender, Stage, Trial
from gateway import Gateway
from harness import check, equal, expect
from wire import BINARY, CLOSE, CONTINUATION, TEXT

CONFIG = """
server { worker-threads 1 }
listeners { listener "main" { address "127.0.0.1:0" } }
routes {
    route "takeover" {
        matches { path-prefix "/takeover/" }
        upstream "backend"
        websocket { context-takeover true; inspect { mode "block" } }
    }
    route "patterns" {
        matches { path-prefix "/patterns/" }
        upstream "backend"
        websocket {
            inspect {
                mode "block"
                pattern "nested" "(a+)+$$"
                pattern "overlapping" "(x+x+)+y"
                pattern "alternatives" "^(a|aa|a?)+$$"
                pattern "counted" "(.*a){12}b"
            }
        }
    }
    route "schema" {
        matches { path-prefix "/schema/" }
        upstream "backend"
        websocket { inspect { mode "block"; json-schema "$schema" direction="client" } }
    }
    route "all" { upstream "backend"; websocket { inspect { mode "block" } } }
}
upstreams { upstream "backend" { target "127.0.0.1:$port" } }
"""
SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "pattern": "^([a-z]+)+$"},
        "list": {"type": "array", "uniqueItems": True},
    },
    "patternProperties": {"^(x+x+)+y$": {"type": "number"}},
}
# The longest that one message may keep a worker, on a busy machine.
SLOW = 3.0


async def stage(rig) -> tuple[Gateway, Stage]:
    """A gateway with one worker, so that who takes long is in everybody's way."""
    upstream = await Stage().start()
    schema = rig.logs / "attacked-schema.json"
    schema.write_text(json.dumps(SCHEMA))
    return await rig.configured("attacked", CONFIG, schema=schema, port=upstream.port), upstream


def deflated(parts, level: int = 9) -> bytes:
    """The parts as one compressed message."""
    compress = zlib.compressobj(level, zlib.DEFLATED, -15)
    out = [compress.compress(part) for part in parts]
    return b"".join([*out, compress.flush(zlib.Z_SYNC_FLUSH)]).removesuffix(b"\x00\x00\xff\xff")


def zeros(mebibytes: int) -> bytes:
    """So many, compressed."""
    return deflated(bytes(1 << 20) for _ in range(mebibytes))


def cut(payload: bytes, size: int) -> bytes:
    """A compressed message in fragments."""
    pieces = [payload[at : at + size] for at in range(0, len(payload), size)]
    last = len(pieces) - 1
    return b"".join(
        frame(CONTINUATION if at else BINARY, piece, True, at == last, not at)
        for at, piece in enumerate(pieces)
    )


def across_messages(count: int, size: int) -> bytes:
    """Each of them but a few bytes, as it refers to the message before."""
    compress = zlib.compressobj(9, zlib.DEFLATED, -15)
    out = []
    for _ in range(count):
        part = compress.compress(b"a" * size) + compress.flush(zlib.Z_SYNC_FLUSH)
        out.append(frame(TEXT, part.removesuffix(b"\x00\x00\xff\xff"), True, rsv1=True))
    return b"".join(out)


BOMBS = {
    "1 GiB in a frame of 1 MB": (
        "all",
        lambda: frame(BINARY, zeros(1_024)[:1_000_000], True, rsv1=True),
    ),
    "256 MiB in fragments of 1 KB": ("all", lambda: cut(zeros(256), 1_000)),
    "64 MiB in a message of 64 KB": ("all", lambda: frame(TEXT, zeros(64), True, rsv1=True)),
    "1 GB in 1,000 messages": ("takeover", lambda: across_messages(1_000, 1_000_000)),
}


def arrived(trial: Trial) -> bytes:
    """What the upstream got, but for Closes."""
    frames = split(bytes(trial.upstream.received))
    return b"".join(whole for first, _, whole in frames if first & 0x0F != CLOSE)


def register_bomb(name: str, route: str, make) -> None:
    @check(f"deflate bomb, {name}: 1009 at once, 20 at a time, and memory stays where it was", 60)
    async def body(rig) -> None:
        gateway, upstream = await rig.shared(stage)
        stream = make()
        before = peak_bytes(gateway)
        trials = [Trial(Sender.CLIENT, route, stream, WINDOW_OFFER) for _ in range(20)]
        started = asyncio.get_running_loop().time()
        await upstream.run(trials, gateway.port, 20, 30)
        took = asyncio.get_running_loop().time() - started
        equal({closing_code(bytes(trial.client.received)) for trial in trials}, {1009}, "codes")
        equal(
            {arrived(trial) for trial in trials},
            {b""},
            "what arrived but a Close",
        )
        expect(took < 10, f"20 of them took {took:.1f} s")
        grown = peak_bytes(gateway) - before
        expect(grown < 64 << 20, f"{grown:,} bytes more")


for name, (route, make) in BOMBS.items():
    register_bomb(name, route, make)


@check("200 messages of 30 bytes that become 60 KB each pass; time and memory stay bounded", 60)
async def small_bombs(rig) -> None:
    gateway, upstream = await rig.shared(stage)
    stream = across_messages(200, 60_000) + farewell(True)
    before = peak_bytes(gateway)
    trial = Trial(Sender.CLIENT, "takeover", stream, WINDOW_OFFER, says_goodbye=True)
    started = asyncio.get_running_loop().time()
    await upstream.run([trial], gateway.port, 1, 30)
    took = asyncio.get_running_loop().time() - started
    equal(bytes(trial.upstream.received), stream, "what arrived")
    expect(took < 10, f"it took {took:.1f} s")
    grown = peak_bytes(gateway) - before
    expect(grown < 32 << 20, f"{grown:,} bytes more")


@check("4,000 of them are more than may be inflated in a second: 1009", 60)
async def many_small_bombs(rig) -> None:
    gateway, upstream = await rig.shared(stage)
    stream = across_messages(4_000, 60_000)
    trial = Trial(Sender.CLIENT, "takeover", stream, WINDOW_OFFER)
    await upstream.run([trial], gateway.port, 1, 30)
    equal(closing_code(bytes(trial.client.received)), 1009, "code")
    passed = sum(1 for _ in split(arrived(trial)))
    expect(270 <= passed < 4_000, f"{passed} messages had passed")


@check("a bomb within a bomb: only what the message itself is counts, and it passes as it came", 30)
async def nested(rig) -> None:
    gateway, upstream = await rig.shared(stage)
    inner = zlib.compress(b"x" * 50_000_000, 9)
    stream = frame(BINARY, deflated([inner]), True, rsv1=True) + farewell(True)
    trial = Trial(Sender.CLIENT, "all", stream, PLAIN_OFFER, says_goodbye=True)
    await upstream.run([trial], gateway.port)
    equal(bytes(trial.upstream.received), stream, "what arrived")


# What keeps a backtracking matcher, or one that decodes again and again, for long.
LONG = {
    "patterns": {
        "aaa…!": b"a" * 60_000 + b"!",
        "xxx…": b"x" * 60_000,
        "aXaX…": b"aX" * 30_000,
    },
    "schema": {
        "a string for ^([a-z]+)+$": json.dumps({"name": "a" * 60_000 + "!"}).encode(),
        "a key for ^(x+x+)+y$": json.dumps({"x" * 60_000: 1}).encode(),
        "20,000 unique items": json.dumps({"list": [[n] for n in range(20_000)]}).encode(),
    },
    "all": {
        "1 MiB of [": b"[" * 1_048_576,
        "1 MiB of \\u0041": b'"' + b"\\u0041" * 174_700 + b'"',
        "1 MiB of %2525": b"%2525" * 209_000,
        "1 MiB of &#x26;": b"&#x26;" * 174_000,
        "1 MiB of <": b"<" * 1_048_576,
        "1 MiB of quotes": b"'\"" * 524_288,
        "1 MiB of ../": b"../" * 349_000,
        "1 MiB of {{": b"{{" * 524_288,
        "1 MiB of ' or": b"' or " * 209_000,
        "1 MiB of ; |": b"; | " * 262_000,
        "1 MiB of base64 of base64": b64encode(b64encode(b"hello, world " * 45_000))[:1_048_576],
        "100,000 small strings": json.dumps(["a%41&lt;"] * 90_000).encode()[:1_048_576],
        "equal keys": b"{" + b'"a":"%3C",' * 95_000 + b'"b":1}',
    },
}


def register_long(route: str, name: str, payload: bytes) -> None:
    @check(f"takes no long time, {route}: {name}", 30)
    async def body(rig) -> None:
        gateway, upstream = await rig.shared(stage)
        stream = frame(TEXT, payload, True) + farewell(True)
        trial = Trial(Sender.CLIENT, route, stream, says_goodbye=True)
        started = asyncio.get_running_loop().time()
        await upstream.run([trial], gateway.port)
        took = asyncio.get_running_loop().time() - started
        expect(trial.client.ended, "the session did not end")
        code = closing_code(bytes(trial.client.received))
        expect(code in (1000, 1008, 1009), f"code {code}")
        expect(took < SLOW, f"it took {took:.1f} s")


for route, cases in LONG.items():
    for name, payload in cases.items():
        register_long(route, name, payload)
