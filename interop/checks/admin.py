"""The admin listener and `framegate ctl`: what an operator can ask and order, and who is not let
in."""

import asyncio
import json
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from checks.reload import File
from fetch import Answer, fetch
from harness import check, equal, eventually, expect
from processes import free_port, output_of
from wire import End, Server, dial, session

CONFIG = """
server { worker-threads 2; graceful-shutdown-timeout-secs 10
         drain { close-code 1012; close-reason "Moving house"; spread "1s" } }
listeners { listener "main" { address "127.0.0.1:$port" } }
routes {
    route "version" { matches { path "/version/$version" }; builtin-handler "health" }
    route "chat" { matches { path-prefix "/chat" }; upstream "backend"
                   websocket { frame-log "frames" } }
    route "all" { upstream "backend" }
}
upstreams { upstream "backend" { targets { target { address "$backend" } } } }
frame-logs { frame-log "frames" { path "$frames"; frame "$$ws_opcode"; flush-interval-ms 20 } }
admin { $admin }
"""

TOKEN = "correct-horse-battery-staple"


class Desk:
    """A gateway with an admin listener, and how it is asked."""

    def __init__(self, file: File, server: Server, address: str, token: str) -> None:
        self.file = file
        self.server = server
        self.address = address
        self.token = token

    async def ask(self, path: str, *options: str, token: str | None = None) -> Answer:
        """Has curl ask, with the right token unless another is given."""
        unix = self.address.removeprefix("unix:")
        shown = self.token if token is None else token
        if shown:
            options = ("-H", f"Authorization: Bearer {shown}", *options)
        if unix != self.address:
            return await fetch(f"http://localhost{path}", "--unix-socket", unix, *options)
        return await fetch(f"http://{self.address}{path}", *options)

    async def get(self, path: str, *options: str) -> dict:
        """What JSON comes for a path."""
        answer = await self.ask(path, *options)
        equal(answer.status, 200, f"status of {path}: {answer.body!r}")
        return json.loads(answer.body)

    async def post(self, path: str, body: object = None) -> dict:
        """The same, posted."""
        given = ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
        return await self.get(path, "-X", "POST", *(given if body is not None else []))

    async def crowd(self, chat: int, other: int) -> tuple[list[End], list[End]]:
        """So many sessions on the route `chat`, and on the other one."""
        port = self.file.gateway.port
        self.server.scenes["/chat"] = self.server.scenes["/hold"]
        return (
            [await dial(port, "/chat?secret=hunter2") for _ in range(chat)],
            [await dial(port, "/hold") for _ in range(other)],
        )


async def stage(rig, name: str, over: str = "tcp", token: str = TOKEN) -> Desk:
    """A gateway whose admin listener is at a port or a unix socket."""
    server = await Server().start()
    address = f"127.0.0.1:{free_port()}" if over == "tcp" else f"unix:{rig.folder}/{name}.sock"
    admin = f'address "{address}"' + (f'; token "{token}"' if token else "")
    file = await File.run(
        rig,
        name,
        CONFIG,
        backend=server.address,
        port=free_port(),
        frames=rig.logs / f"{name}.ws.log",
        admin=admin,
    )
    return Desk(file, server, address, token)


async def closed(ends: list[End], within: float = 5) -> list[tuple[int, str]]:
    """What these ends are told at their end."""
    frames = await asyncio.gather(*(end.closes(within) for end in ends))
    expect(all(frames), "a stream ended without a Close")
    return [(frame.code, frame.reason) for frame in frames]


@check("admin: statistics, metrics, configuration and health, over TCP and over a unix socket")
async def read(rig) -> None:
    for over in ("tcp", "unix"):
        desk = await stage(rig, f"admin-{over}", over)
        chat, other = await desk.crowd(2, 1)
        stats = await desk.get("/v1/stats")
        equal(stats["connections"]["active"], 3, "sessions")
        equal(stats["routes"]["chat"]["active"], 2, "sessions of a route")
        page = (await desk.ask("/metrics")).body.decode()
        names = {family.name for family in text_string_to_metric_families(page)}
        expect("sentinel_websocket_connections_active" in names, f"metrics: {sorted(names)}")
        config = await desk.get("/v1/config")
        equal(config["path"], str(desk.file.path), "file")
        equal((await desk.ask("/health", token="")).status, 200, "health without a token")
        for end in (*chat, *other):
            end.reset()
    mode = Path(desk.address.removeprefix("unix:")).stat().st_mode & 0o777
    equal(oct(mode), oct(0o600), "permissions of the socket")


@check("admin: connections are listed, filtered, and closed with a code, all, by filter or one")
async def connections(rig) -> None:
    desk = await stage(rig, "admin-close")
    chat, other = await desk.crowd(5, 3)
    listing = await desk.get("/v1/connections")
    equal((listing["found"], len(listing["connections"])), (8, 8), "all")
    expect("hunter2" not in json.dumps(listing), "the query is in the list")
    own = chat[2].writer.get_extra_info("sockname")
    equal(len((await desk.get("/v1/connections?limit=3"))["connections"]), 3, "with a limit")
    equal((await desk.get("/v1/connections?route=chat"))["found"], 5, "of a route")
    equal((await desk.get("/v1/connections?older-than=1h"))["found"], 0, "older than an hour")
    equal((await desk.get("/v1/connections?client=127.0.0.0/8"))["found"], 8, "of a network")
    equal((await desk.get("/v1/connections?client=10.0.0.0/8"))["found"], 0, "of another network")
    listed = {row["client"]: row for row in listing["connections"]}
    one = listed[f"{own[0]}:{own[1]}"]
    equal((one["route"], one["target"], one["path"]), ("chat", desk.server.address, "/chat"), "row")

    deleted = await desk.ask(f"/v1/connections/{one['id']}?code=4002&reason=you", "-X", "DELETE")
    equal(deleted.status, 200, "status")
    equal(await closed([chat.pop(2)]), [(4002, "you")], "what the one is told")
    wish = {"filter": {"route": "chat"}, "code": 4003, "reason": "all of you"}
    equal((await desk.post("/v1/connections/close", wish))["closing"], 4, "closing")
    equal(set(await closed(chat)), {(4003, "all of you")}, "what those of the route are told")
    equal((await desk.get("/v1/connections"))["found"], 3, "who is left")
    equal((await desk.post("/v1/connections/close", {"all": True}))["closing"], 3, "closing")
    equal({code for code, _ in await closed(other)}, {1001}, "what the others are told")
    record = await desk.file.gateway.record("close", client_close_sent=4002)
    expect("admin" in record["reason"] or record["by"] == "gateway", f"record: {record}")


@check("admin: a request that does not say whom it means, or has an odd code, closes nobody")
async def refused_closes(rig) -> None:
    desk = await stage(rig, "admin-bad")
    chat, _ = await desk.crowd(2, 0)
    bodies = ("", "{}", '{"filter": {}}', '{"filter": {"rout": "chat"}}')
    for body in (*bodies, '{"all": true, "code": 1006}'):
        answer = await desk.ask("/v1/connections/close", "-X", "POST", "-d", body)
        equal(answer.status, 400, f"status of {body}")
        expect(json.loads(answer.body)["help"], "no help")
    for path, method, status in (
        ("/v1/connections/ffff-ffff", "DELETE", 404),
        ("/v1/connections?rout=chat", "GET", 400),
        ("/v1/reload", "GET", 405),
        ("/v1/drain", "PUT", 405),
        ("/v1/nothing", "GET", 404),
    ):
        equal((await desk.ask(path, "-X", method)).status, status, f"status of {method} {path}")
    equal((await desk.get("/v1/connections"))["found"], 2, "sessions")
    for end in chat:
        end.reset()


@check("admin: without the token nothing is told and nothing is done (row 72)")
async def token(rig) -> None:
    for over in ("tcp", "unix"):
        desk = await stage(rig, f"admin-token-{over}", over)
        async with session(desk.file.gateway.port, "/hold"):
            for shown in ("", "wrong", TOKEN[:-1], TOKEN + "x", TOKEN.upper()):
                for path, options in (
                    ("/v1/stats", []),
                    ("/metrics", []),
                    ("/v1/connections", []),
                    ("/v1/connections/close", ["-X", "POST", "-d", '{"all": true}']),
                    ("/v1/drain", ["-X", "POST"]),
                ):
                    answer = await desk.ask(path, *options, token=shown)
                    equal(answer.status, 401, f"status of {path} with {shown!r}")
                    expect(b"active" not in answer.body, f"told: {answer.body!r}")
            answer = await desk.ask(f"/v1/stats?token={TOKEN}", token="")
            equal(answer.status, 401, "status with the token in the query")
            equal((await desk.get("/v1/connections"))["found"], 1, "sessions")
        logged = desk.file.gateway.logs["errors"].read_text()
        expect(TOKEN not in logged, "the token is in the log")


@check("admin: pages of other sites and names that were made to lead here get nothing (row 17)")
async def strangers(rig) -> None:
    desk = await stage(rig, "admin-strangers")
    local = await stage(rig, "admin-strangers-2", token="")
    cases = (
        (["-H", "Host: evil.example"], 421),
        (["-H", "Host: evil.example:80"], 421),
        (["-H", "Host: 127.0.0.1.evil.example"], 421),
        (["-H", "Host: localhost.evil.example"], 421),
        (["-H", "Origin: https://evil.example"], 403),
        (["-H", "Origin: null"], 403),
        (["-H", "Origin: http://localhost"], 403),
        (["-H", "Host: localhost"], 200),
    )
    for where in (desk, local):
        for options, status in cases:
            answer = await where.ask("/v1/stats", *options)
            equal(answer.status, status, f"status with {options}")
            for name, _ in answer.fields:
                expect(not name.startswith("access-control-"), f"{options}: {answer.fields}")
        # What a form of another site could post, and what a page asks before it posts.
        form = ["-X", "POST", "-H", "Origin: https://evil.example", "-d", "x=1"]
        equal((await where.ask("/v1/drain", *form)).status, 403, "status of a form")
        preflight = ["-X", "OPTIONS", "-H", "Origin: https://evil.example"]
        preflight += ["-H", "Access-Control-Request-Method: POST"]
        expect((await where.ask("/v1/drain", *preflight)).status in (403, 405), "preflight")
    equal((await desk.get("/health"))["status"], "ok", "health")


@check("admin: reload takes the file, or says what is wrong with it and where")
async def reload(rig) -> None:
    desk = await stage(rig, "admin-reload")
    hash_before = (await desk.get("/v1/config"))["hash"]
    desk.file.write(version=2)
    await desk.post("/v1/reload")
    # It is answered when it is done, so there is nothing to wait for.
    expect(await desk.file.is_at(2), "the answer came before the reload was done")
    expect((await desk.get("/v1/config"))["hash"] != hash_before, "the hash is the same")
    text = desk.file.path.read_text().replace('upstream "backend"', 'upstream "bakend"', 1)
    desk.file.path.write_text(text)
    answer = await desk.ask("/v1/reload", "-X", "POST")
    equal(answer.status, 422, "status")
    report = json.loads(answer.body)["error"]
    for word in ("bakend", "backend", "admin-reload.kdl:"):
        expect(word in report, f"the report lacks {word!r}: {report}")
    expect(await desk.file.is_at(2), "the version before does not hold any more")


@check("admin: drain closes all sessions evenly and ends the process with 0")
async def drain(rig) -> None:
    desk = await stage(rig, "admin-drain")
    chat, other = await desk.crowd(10, 10)
    loop = asyncio.get_running_loop()
    started = loop.time()
    listening = asyncio.create_task(closed([*chat, *other]))
    await desk.post("/v1/drain", {"spread": "2s"})
    equal(set(await listening), {(1012, "Moving house")}, "what they are told")
    took = loop.time() - started
    expect(1.5 < took < 3, f"the last one was told after {took:.2f} s")
    for end in (*chat, *other):
        await end.end()
    code = await asyncio.wait_for(desk.file.gateway.child.process.wait(), 10)
    equal(code, 0, "exit code")


async def ctl(rig, desk: Desk, *words: str, token: str | None = None) -> tuple[int, str, str]:
    """Runs `framegate ctl`: exit code, standard output, standard error."""
    argv = [str(rig.binary), "ctl", "--admin", desk.address]
    shown = desk.token if token is None else token
    if shown:
        # By a file, since what stands on a command line all can read.
        file = rig.folder / "token"
        file.write_text(shown + "\n")
        argv += ["--token-file", str(file)]
    return await asyncio.wait_for(output_of([*argv, *words]), 10)


async def done(rig, desk: Desk, *words: str) -> str:
    """The same, for what must succeed: what it printed."""
    code, out, error = await ctl(rig, desk, *words)
    equal(code, 0, f"exit code of ctl {words} ({out}{error})")
    return out


@check("framegate ctl: stats, connections, close, reload, reopen and drain, over TCP and unix", 40)
async def control(rig) -> None:
    for over in ("tcp", "unix"):
        desk = await stage(rig, f"ctl-{over}", over)
        chat, other = await desk.crowd(3, 2)
        expect("5" in await done(rig, desk, "stats"), "stats do not tell the sessions")
        listed = await done(rig, desk, "connections", "--route", "chat")
        own = chat[0].writer.get_extra_info("sockname")
        expect(f"{own[0]}:{own[1]}" in listed, f"the list lacks a client: {listed}")
        equal(listed.count("127.0.0.1:") >= 3, True, f"the list: {listed}")

        await done(rig, desk, "close", "--route", "chat", "--code", "4004", "--reason", "ctl")
        equal(set(await closed(chat)), {(4004, "ctl")}, "what those of the route are told")

        desk.file.write(version=2)
        await done(rig, desk, "reload")
        expect(await desk.file.is_at(2), "the file was not read")
        good = desk.file.path.read_text()
        desk.file.path.write_text(good.replace('upstream "backend"', 'upstream "bakend"', 1))
        code, out, error = await ctl(rig, desk, "reload")
        expect(code not in (0, 2), f"exit code of a reload that failed: {code}")
        expect("bakend" in out + error, f"the report: {out}{error}")
        desk.file.path.write_text(good)

        log = rig.logs / f"ctl-{over}.ws.log"
        await eventually("a frame log", log.exists)
        log.rename(log.with_suffix(".1"))
        await done(rig, desk, "reopen")
        await eventually("the frame log anew", log.exists)

        await done(rig, desk, "drain")
        equal(set(await closed(other)), {(1012, "Moving house")}, "what the others are told")
        for end in (*chat, *other):
            await end.end()
        code = await asyncio.wait_for(desk.file.gateway.child.process.wait(), 10)
        equal(code, 0, "exit code of the gateway")


@check("framegate ctl: a wrong token, and nobody there, are told, with an exit code of their own")
async def control_fails(rig) -> None:
    desk = await stage(rig, "ctl-fails")
    for shown in ("", "wrong"):
        code, out, error = await ctl(rig, desk, "stats", token=shown)
        expect(code not in (0, 2) and "token" in error, f"{code}: {out}{error}")
        equal(out, "", "standard output")
    code, out, error = await ctl(rig, desk, "close")
    expect(code != 0, f"a close without a filter: {out}{error}")
    await desk.file.gateway.end()
    code, out, error = await ctl(rig, desk, "stats")
    expect(code not in (0, 2) and desk.address in error, f"{code}: {out}{error}")


@check("framegate ctl: finds address and token by itself in the gateway's configuration")
async def control_by_file(rig) -> None:
    desk = await stage(rig, "ctl-config")
    chat, _ = await desk.crowd(1, 0)
    argv = [str(rig.binary), "ctl", "--config", str(desk.file.path), "connections"]
    code, out, error = await asyncio.wait_for(output_of(argv), 10)
    equal(code, 0, f"exit code ({out}{error})")
    expect("127.0.0.1:" in out, f"the list: {out}")
    chat[0].reset()
