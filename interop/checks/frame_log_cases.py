"""Sessions, and the lines that the frame log has to have of them: right values for all that the
logs of nginx's module had right or wrong."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from harness import equal
from wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, End, Script, closing, echo


@dataclass
class Case:
    """A session, and the lines that it gives."""

    name: str
    client: Callable[[End], Awaitable[None]]
    frames: list[str]
    # Behind `C `; the lines of frames stand before it, and an open line before those.
    close: str
    messages: list[str]
    server: Script = echo
    early: bytes = b""


# The close handshake that most cases end with, and its lines.
BYE = ["8/5/5 client", "8/5/5 upstream"]
BYE_LINE = "1000 client bye"


async def leave(end: End) -> None:
    await end.leave(1000, "bye")


async def said(end: End, *frames: tuple[int, bytes] | tuple[int, bytes, bool]) -> None:
    """Sends frames, each once the one before has been answered, and closes."""
    for frame in frames:
        await end.send(*frame)
        await end.frame()
    await leave(end)


async def join(end: End) -> None:
    """Sends each message back in one frame."""
    first, parts = 0, []
    while (frame := await end.frame(60)) is not None:
        if frame.opcode in (CLOSE, PING):
            await end.send(CLOSE if frame.opcode == CLOSE else PONG, frame.payload)
            if frame.opcode == CLOSE:
                return
            continue
        first = frame.opcode or first
        parts.append(frame.payload)
        if frame.fin:
            await end.send(first, b"".join(parts))
            parts = []


async def text(end: End) -> None:
    await said(end, (TEXT, b"hello"))


async def pings(end: End) -> None:
    await said(end, (PING, b"hi"), (PING, b""))


async def empty(end: End) -> None:
    await said(end, (TEXT, b""), (BINARY, b""))


def size(count: int) -> Case:
    """A binary message there and back."""

    async def client(end: End) -> None:
        await said(end, (BINARY, b"x" * count))

    both = [f"2/{count}/{count} client", f"2/{count}/{count} upstream"]
    lines = [f"{line} 1" for line in both]
    return Case(f"{count} bytes", client, both + BYE, BYE_LINE, lines)


async def in_three(end: End) -> None:
    """4 + 4 + 5 bytes, of which each is answered if the server is one who does."""
    for payload, opcode, fin in ((b"aaaa", TEXT, False), (b"bbbb", 0, False), (b"ccccc", 0, True)):
        await end.send(opcode, payload, fin)
        # So that the order of the lines is the same on every run.
        await asyncio.sleep(0.05)
    while not (await end.frame()).fin:
        pass
    await leave(end)


async def ping_between(end: End) -> None:
    await end.send(TEXT, b"seven..", False)
    await end.send(PING)
    equal((await end.frame()).opcode, PONG, "a pong")
    await end.send(CONTINUATION, b"six...")
    await end.frame()
    await leave(end)


async def both_in_one(end: End) -> None:
    await end.write(end.bytes(TEXT, b"five.") + end.bytes(TEXT, b"seven.."))
    await end.frame()
    await end.frame()
    await leave(end)


async def burst(end: End) -> None:
    """Answers the first frame with five in one segment."""
    await end.frame()
    await end.write(end.bytes(TEXT, b"ab") * 5)
    await end.closes()


async def after_burst(end: End) -> None:
    await end.send(TEXT, b"go")
    for _ in range(5):
        await end.frame()
    await leave(end)


def split(count: int, header: int) -> Case:
    """The header of a frame, with its extended length and mask, byte by byte."""

    async def client(end: End) -> None:
        await end.dribble(end.bytes(BINARY, b"x" * count), header)
        await end.frame()
        await leave(end)

    async def server(end: End) -> None:
        frame = await end.frame()
        await end.dribble(end.bytes(BINARY, frame.payload), header - 4)
        await end.closes()

    lines = [f"2/{count}/{count} client", f"2/{count}/{count} upstream"]
    return Case(
        f"a header of {header} bytes, byte by byte",
        client,
        # The server answers the Close with its code alone.
        [*lines, "8/5/5 client", "8/2/2 upstream"],
        BYE_LINE,
        [f"{line} 1" for line in lines],
        server,
    )


async def crossing(end: End) -> None:
    """A frame of which the second half goes when the server has sent one of its own."""
    whole = end.bytes(BINARY, b"x" * 300)
    await end.write(whole[:100])
    equal((await end.frame()).payload, b"meanwhile", "the server's frame")
    await end.write(whole[100:])
    await end.frame()
    await leave(end)


async def meanwhile(end: End) -> None:
    await asyncio.sleep(0.1)
    await end.send(TEXT, b"meanwhile")
    await echo(end)


async def client_closes(end: End) -> None:
    await end.leave(4000, "fourteen chars")


async def answers_close(end: End) -> None:
    await end.closes()


async def server_closes(end: End) -> None:
    await end.send(CLOSE, closing(4001, "ten chars."))
    await end.frame()


async def client_fin(end: End) -> None:
    await end.send(TEXT, b"hello")
    await end.frame()
    await end.end()


async def client_rst(end: End) -> None:
    await end.send(TEXT, b"hello")
    await end.frame()
    end.reset()


async def half_close(end: End) -> None:
    """What the server says behind the client's FIN still comes, and is a line."""
    await end.send(TEXT, b"hello")
    end.half_close()
    equal((await end.frame()).payload, b"late", "what the server says behind the FIN")
    await end.ended()


async def late(end: End) -> None:
    await end.frame()
    await end.ended()
    await end.send(TEXT, b"late")


async def stays(end: End) -> None:
    await end.ended()


async def fin(end: End) -> None:
    await end.frame()
    await end.end()


async def rst(end: End) -> None:
    await end.frame()
    end.reset()


async def one_then_wait(end: End) -> None:
    await end.send(TEXT, b"hello")
    await end.ended()


async def cut_frame(end: End) -> None:
    """Half a frame is no line, whatever its header promises."""
    await end.write(end.bytes(BINARY, b"x" * 300)[:100])
    await asyncio.sleep(0.1)
    end.reset()


HELLO = ["1/5/5 client", "1/5/5 upstream"]
HELLO_MESSAGES = [f"{line} 1" for line in HELLO]
# What the handshake's own segment brings along, masked as any frame.
EARLY = End(None, None, masks=True).bytes(TEXT, b"early")

CASES = [
    Case("a text", text, HELLO + BYE, BYE_LINE, HELLO_MESSAGES),
    Case(
        "pings and pongs",
        pings,
        ["9/2/2 client", "10/2/2 upstream", "9/0/0 client", "10/0/0 upstream", *BYE],
        BYE_LINE,
        [],
    ),
    Case(
        "empty messages",
        empty,
        ["1/0/0 client", "1/0/0 upstream", "2/0/0 client", "2/0/0 upstream", *BYE],
        BYE_LINE,
        ["1/0/0 client 1", "1/0/0 upstream 1", "2/0/0 client 1", "2/0/0 upstream 1"],
    ),
    *map(size, (1, 125, 126, 127, 65_535, 65_536, 1_048_576)),
    Case(
        "three fragments, of which the server makes one",
        in_three,
        ["1/4/4 client", "0/4/8 client", "0/5/13 client", "1/13/13 upstream", *BYE],
        BYE_LINE,
        ["1/5/13 client 3", "1/13/13 upstream 1"],
        join,
    ),
    Case(
        "three fragments, of which the server echoes each",
        in_three,
        ["1/4/4 client", "1/4/4 upstream", "0/4/8 client", "0/4/8 upstream", "0/5/13 client"]
        + ["0/5/13 upstream", *BYE],
        BYE_LINE,
        ["1/5/13 client 3", "1/5/13 upstream 3"],
    ),
    Case(
        "a ping between two fragments",
        ping_between,
        ["1/7/7 client", "9/0/0 client", "10/0/0 upstream", "0/6/13 client", "1/13/13 upstream"]
        + BYE,
        BYE_LINE,
        ["1/6/13 client 2", "1/13/13 upstream 1"],
        join,
    ),
    Case(
        "two frames in one segment",
        both_in_one,
        ["1/5/5 client", "1/7/7 client", "1/5/5 upstream", "1/7/7 upstream", *BYE],
        BYE_LINE,
        ["1/5/5 client 1", "1/7/7 client 1", "1/5/5 upstream 1", "1/7/7 upstream 1"],
    ),
    Case(
        "five frames of the server in one segment",
        after_burst,
        ["1/2/2 client", *["1/2/2 upstream"] * 5, "8/5/5 client", "8/2/2 upstream"],
        BYE_LINE,
        ["1/2/2 client 1", *["1/2/2 upstream 1"] * 5],
        burst,
    ),
    split(300, 8),
    split(70_000, 14),
    Case(
        "half a frame of the client, one of the server, the other half",
        crossing,
        ["1/9/9 upstream", "2/300/300 client", "2/300/300 upstream", *BYE],
        BYE_LINE,
        ["1/9/9 upstream 1", "2/300/300 client 1", "2/300/300 upstream 1"],
        meanwhile,
    ),
    Case(
        "the client closes with 4000",
        client_closes,
        ["8/16/16 client", "8/16/16 upstream"],
        "4000 client fourteen chars",
        [],
    ),
    Case(
        "the server closes with 4001",
        answers_close,
        ["8/12/12 upstream", "8/2/2 client"],
        "4001 upstream ten chars.",
        [],
        server_closes,
    ),
    Case("FIN of the client", client_fin, HELLO, "1006 client -", HELLO_MESSAGES),
    Case("RST of the client", client_rst, HELLO, "1006 client -", HELLO_MESSAGES),
    Case("RST of the client within a frame", cut_frame, [], "1006 client -", []),
    Case("FIN of the server", one_then_wait, HELLO[:1], "1006 upstream -", HELLO_MESSAGES[:1], fin),
    Case("RST of the server", one_then_wait, HELLO[:1], "1006 upstream -", HELLO_MESSAGES[:1], rst),
    Case(
        "half a close",
        half_close,
        ["1/5/5 client", "1/4/4 upstream"],
        "1006 client -",
        ["1/5/5 client 1", "1/4/4 upstream 1"],
        late,
    ),
    Case(
        "a frame in the handshake's segment",
        text,
        ["1/5/5 client", "1/5/5 client", *["1/5/5 upstream"] * 2, *BYE],
        BYE_LINE,
        [],
        early=EARLY,
    ),
]
