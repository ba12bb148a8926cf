"""The frame log's variables: who, where and when; what peers say that is to look like something
else; and formats and paths that cannot be."""

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from string import Template

from checks.commands import framegate
from checks.frame_log import stage
from checks.frame_log_cases import text
from harness import check, equal, eventually, expect
from wire import TEXT, Scene, echo, session

# What tries to look like a line of its own, or like the end of a value.
FORGED = 'x"\\ O /forged'
REASON = 'bye"\nO /forged \u20ac'


@check("frame log: what peers say cannot forge a line, nor a field, nor break JSON")
async def injection(rig) -> None:
    here = await rig.shared(stage)
    before = {log: read(here.files[log]) for log in ("frames", "json")}
    target = "/inject%0A%0DO%20/forged%22x"
    agent = f"User-Agent: {FORGED}\t\xff"
    probe = f"X-Probe: {FORGED}"
    for path in (target, "/json" + target):
        here.server.scenes[path] = Scene(echo)
        async with session(here.gateway.port, path, agent, probe) as client:
            await client.send(TEXT, b"hello")
            await client.frame()
            await client.leave(4000, REASON)

    def grown(log: str, count: int) -> Callable[[], list[str]]:
        def find() -> list[str]:
            lines = read(here.files[log])[len(before[log]) :]
            return lines if len(lines) >= count else []

        return find

    lines = await eventually("six lines of text", grown("frames", 6))
    equal([line[0] for line in lines], list("OFFFFC"), "kinds of the lines")
    expect(all(ord(char) >= 32 for line in lines for char in line), f"control characters: {lines}")
    # An unescaped quote would end a quoted field.
    expect('"' not in "".join(lines), f"a quote that is not escaped: {lines}")
    lines = await eventually("six lines of JSON", grown("json", 6))
    records = [json.loads(line) for line in lines]
    equal(len(records), 6, "records")
    expect(FORGED in records[0]["http_user_agent"], f"User-Agent: {records[0]}")
    equal(records[-1]["ws_close_reason"], REASON, "reason")
    equal(str(records[-1]["ws_close_code"]), "4000", "code")


def read(file: Path) -> list[str]:
    """The whole lines of a file; bytes that are no UTF-8 fail the check."""
    return file.read_bytes().decode().split("\n")[:-1] if file.exists() else []


@check("frame log: JSON has the variables by name, and says who, where and when")
async def variables(rig) -> None:
    here = await rig.shared(stage)
    here.server.scenes["/json/all"] = Scene(echo)
    async with session(
        here.gateway.port, "/json/all", "Authorization: Basic YWxpY2U6c2VjcmV0", "User-Agent: me"
    ) as client:
        own = client.writer.get_extra_info("sockname")
        await text(client)

    def mine() -> list[dict]:
        records = [json.loads(line) for line in read(here.files["json"])]
        opened = [at for at, record in enumerate(records) if record.get("uri") == "/json/all"]
        return records[opened[0] :] if opened and "ws_close_code" in records[-1] else []

    first, *frames, last = await eventually("the lines of a session", mine)
    expected = {
        "route": "json",
        "remote_addr": own[0],
        "remote_port": str(own[1]),
        "server_addr": "127.0.0.1",
        "server_port": str(here.gateway.port),
        "upstream_addr": here.server.address,
        "remote_user": "alice",
        "http_user_agent": "me",
        "ws_conn_age": "0",
    }
    equal({name: str(first.get(name)) for name in expected}, expected, "open")
    expect(re.fullmatch(r"[0-9a-f-]{32,36}", first["request_id"]), f"request id: {first}")
    equal(last["request_id"], first["request_id"], "request id at the close")
    equal(frames[0]["request"], "GET /json/all HTTP/1.1", "request")
    expect(
        re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", frames[0]["time_iso8601"]), f"time: {frames[0]}"
    )
    equal((str(last["ws_close_code"]), last["ws_close_initiator"]), ("1000", "client"), "close")


BAD = """
listeners { listener "main" { address "127.0.0.1:0" } }
routes { route "all" { upstream "backend"; websocket { frame-log "frames" } } }
upstreams { upstream "backend" { targets { target { address "127.0.0.1:9" } } } }
frame-logs { frame-log "frames" {
    path "$path"
    frame "$format"
} }
"""


async def objection(rig, path: str, line: str) -> str:
    """What `framegate run` says about a frame log with this path and format, and ends with."""
    text = Template(BAD).substitute(path=path, format=line)
    code, out, error = await asyncio.wait_for(framegate(rig, "run", text), 10)
    expect(code not in (0, 2), f"exit code {code}: {out}{error}")
    return out + error


@check("frame log: a variable that is not known is told with its line, and what it may have been")
async def unknown_variable(rig) -> None:
    told = await objection(rig, str(rig.folder / "x.log"), "a $ws_opcod b")
    for word in ("ws_opcod", "$ws_opcode", "gateway.kdl:7"):
        expect(word in told, f"the report lacks {word!r}: {told}")


@check("frame log: a path that cannot be written is told with its line before anything listens")
async def unwritable(rig) -> None:
    path = str(rig.folder / "absent" / "ws.log")
    told = await objection(rig, path, "$ws_opcode")
    for word in (path, "gateway.kdl:6"):
        expect(word in told, f"the report lacks {word!r}: {told}")
    expect("listening" not in told, f"it listened first: {told}")
