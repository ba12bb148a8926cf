"""Management by JSON-RPC as OpenSIPS' own command line does it, and by `framegate ctl`."""

import asyncio
import json
import sys
from pathlib import Path

from certificates import certificates
from checks.reload import File
from fetch import fetch
from harness import check, equal, expect
from processes import free_port, output_of

CONFIG = """
listeners {
    listener "wss" {
        address "127.0.0.1:$port"; protocol "https"
        tls {
            cert-file "$folder/localhost.pem"; key-file "$folder/localhost.key"
            sni "a.example.test" {
                cert-file "$folder/a.example.test.pem"; key-file "$folder/a.example.test.key"
                client-auth "require"; ca-file "$folder/ca.pem"; min-version "$least"
            }
        }
    }
}
routes { route "all" { builtin-handler "health" } }
traces { trace "homer" { address "127.0.0.1:9"; enabled false } }
admin { address "$admin" }
"""


class Desk:
    """A gateway that can be asked, and both command lines that ask it."""

    def __init__(self, rig, file: File, address: str) -> None:
        self.rig = rig
        self.file = file
        self.address = address

    async def opensips(self, *command: str) -> tuple[int, str]:
        """What `opensips-cli -x mi COMMAND` prints, and its exit status."""
        options = [f"url=http://{self.address}/mi", "communication_type=http"]
        options.append(f"history_file={self.rig.folder}/history")
        chosen = [part for option in options for part in ("-o", option)]
        client = str(Path(sys.executable).parent / "opensips-cli")
        status, out, error = await output_of([client, *chosen, "-x", "mi", *command])
        return status, out + error

    async def ctl(self, *command: str) -> tuple[int, str]:
        """The same of `framegate ctl`."""
        argv = [str(self.rig.binary), "ctl", "--admin", self.address, *command]
        status, out, error = await output_of(argv)
        return status, out + error

    async def post(self, path: str, body: str) -> tuple[int, object]:
        """The status and the answer to a body that curl posts."""
        given = ["-H", "Content-Type: application/json", "-d", body]
        answer = await fetch(f"http://{self.address}{path}", *given)
        return answer.status, json.loads(answer.body) if answer.body else None


async def desk(rig) -> Desk:
    """One for all checks; each leaves the switches off."""
    folder = (await rig.shared(certificates)).folder
    admin = f"127.0.0.1:{free_port()}"
    values = {"folder": folder, "admin": admin, "port": free_port(), "least": "1.3"}
    file = await File.run(rig, "management", CONFIG, **values)
    return Desk(rig, file, admin)


# The command, what follows it, and what it tells of itself then.
SWITCHED = (
    ("wss_trace", "on", {"WSS tracing": "on"}),
    ("wss:trace", "Offside", {"WSS tracing": "off"}),
    ("ws_trace", "trace_mode=on", {"WS tracing": "on"}),
    ("ws:trace", "off", {"WS tracing": "off"}),
)
REFUSED = (
    (["wss_trace", "maybe"], "500: Bad parameter value (trace_mode should be 'on' or 'off')"),
    (["wss_trace", "mode=on"], "-32602: Invalid params (Named parameters do not match)"),
    (["wss_trace", "on", "on"], "-32602: Invalid params (Too few or too many parameters)"),
)


def register_switch(command: str, mode: str, after: dict[str, str]) -> None:
    @check(f"opensips-cli: {command} {mode} switches, and {command} tells so")
    async def body(rig) -> None:
        asked = await rig.shared(desk)
        status, out = await asked.opensips(command, mode)
        equal((status, json.loads(out)), (0, "OK"), f"{command} {mode}")
        status, out = await asked.opensips(command)
        equal((status, json.loads(out)), (0, after), command)


for switched in SWITCHED:
    register_switch(*switched)


@check("opensips-cli: what is no mode, no parameter, or too many is refused in OpenSIPS' words")
async def refused(rig) -> None:
    asked = await rig.shared(desk)
    answers = await asyncio.gather(*(asked.opensips(*command) for command, _ in REFUSED))
    for (command, said), (status, out) in zip(REFUSED, answers):
        expect(status != 0 and said in out, f"{command}: {status} {out}")


@check("opensips-cli: tls_list tells the domains that run, which after a reload are others")
async def tls_list(rig) -> None:
    asked = await rig.shared(desk)

    async def methods() -> list[tuple[str, str, bool]]:
        status, out = await asked.opensips("tls_list")
        equal(status, 0, f"exit status: {out}")
        domains = json.loads(out)["Domains"]
        return [(domain["name"], domain["METHOD"], domain["REQ_CLI_CERT"]) for domain in domains]

    both = ("wss", "TLSv1_2-TLSv1_3", False)
    equal(await methods(), [both, ("wss/a.example.test", "TLSv1_3", True)], "domains")
    status, out = await asked.ctl("tls_list")
    expect(status == 0 and "wss/a.example.test  clients" in out, out)
    asked.file.write(least="1.2")
    status, out = await asked.ctl("reload")
    equal(status, 0, f"reload: {out}")
    equal(await methods(), [both, ("wss/a.example.test", "TLSv1_2-TLSv1_3", True)], "after a reload")


@check("framegate ctl: wss_trace tells and switches, and what it switched holds through a reload")
async def ctl(rig) -> None:
    asked = await rig.shared(desk)
    equal(await asked.ctl("wss_trace"), (0, "WSS tracing: off\n"), "at first")
    equal(await asked.ctl("wss_trace", "on"), (0, "OK\n"), "switched")
    status, out = await asked.ctl("reload")
    equal(status, 0, f"reload: {out}")
    equal(await asked.ctl("wss_trace"), (0, "WSS tracing: on\n"), "after a reload")
    equal(await asked.ctl("ws_trace"), (0, "WS tracing: off\n"), "the other switch")
    equal(await asked.ctl("wss-trace", "off"), (0, "OK\n"), "switched back")
    status, _ = await asked.ctl("wss_trace", "maybe")
    equal(status, 2, "exit status for a wrong word")


@check("curl: JSON-RPC's own rules: notifications, batches, what is no JSON and what is no call")
async def rules(rig) -> None:
    asked = await rig.shared(desk)
    status = '{"jsonrpc":"2.0","id":1,"method":"wss_trace"}'
    on = '{"jsonrpc":"2.0","method":"wss_trace","params":["on"]}'
    off = '{"jsonrpc":"2.0","method":"wss_trace","params":["off"]}'
    answer = {"jsonrpc": "2.0", "result": {"WSS tracing": "off"}, "id": 1}
    for path in ("/jsonrpc", "/mi"):
        equal(await asked.post(path, status), (200, answer), path)
    equal(await asked.post("/mi", on), (204, None), "a notification")
    code, answers = await asked.post("/mi", f"[{status}, {off}, 5]")
    expect(code == 200 and len(answers) == 2, f"a batch: {answers}")
    equal(answers[1]["error"]["code"], -32600, "what is no call")
    code, answer = await asked.post("/mi", '{"jsonrpc":')
    equal((code, answer["error"]["code"], answer["id"]), (200, -32700, None), "no JSON")
    await asked.post("/mi", off)
