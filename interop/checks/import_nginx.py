"""`framegate import nginx FILE`: what comes out is read without a word, runs, and does what nginx
with the module was asked to do."""

import asyncio
import re
from pathlib import Path
from string import Template

from backend import dial as dial_python
from certificates import certificates
from fetch import Answer, fetch, read_head
from gateway import OBSERVED, Gateway, fresh
from harness import check, equal, eventually, expect
from processes import accepts, free_port, output_of
from wire import TEXT, Scene, Server, accept, dial, echo, header_of, request, session

NGINX = r"""
user www-data;
worker_processes auto;
load_module modules/ngx_http_websocket_stat_module.so;
events { worker_connections 1024; }

http {
    include       mime.types;
    keepalive_timeout 65;
    map $http_upgrade $connection_upgrade { default upgrade; '' close; }

    upstream chat {
        least_conn;
        server 127.0.0.1:%backend weight=2;   # the one that there is
    }

    server {
        listen 127.0.0.1:%port;
        server_name chat.example.org *.chat.example.org;

        ws_log_enabled on;
        ws_log %log;
        ws_log_format "$time_local: type $ws_opcode from $ws_packet_source, packet size is $ws_payload_size";
        ws_log_format open "$time_local: Connection opened by $remote_addr for \"$request\"";
        ws_log_format close "$time_local: Connection closed";
        ws_max_connections 2;
        ws_conn_age 2s;

        location /chat/ {
            proxy_pass http://chat;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_set_header Host $host;
            proxy_set_header X-Real-IP $remote_addr;
            proxy_read_timeout 3600s;
        }
        location = /old { return 301 https://example.org/; }
        location / { root /var/www/html; index index.html; }
    }

    server {
        listen 127.0.0.1:%tls ssl http2;
        server_name secure.example.org;
        ssl_certificate %cert;
        ssl_certificate_key %key;
        ssl_protocols TLSv1.2 TLSv1.3;
        location / {
            proxy_pass http://127.0.0.1:%backend;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
        }
    }
}
"""


class Percent(Template):
    """nginx has dollar signs of its own."""

    delimiter = "%"


async def translate(rig, name: str, text: str) -> tuple[int, str, str, Path]:
    """Has a text translated: exit code, what came out, what was said, the file with the text."""
    file = rig.logs / f"{name}.nginx.conf"
    file.write_text(text)
    argv = [str(rig.binary), "import", "nginx", str(file)]
    return *(await asyncio.wait_for(output_of(argv), 10)), file


async def good(rig, name: str, text: str) -> str:
    """What comes out of a text that is right, which `framegate check` has nothing against."""
    code, out, error, _ = await translate(rig, name, text)
    equal(code, 0, f"exit code of import ({error})")
    file = rig.logs / f"{name}.imported.kdl"
    file.write_text(out)
    code, said, error = await output_of([str(rig.binary), "check", str(file)])
    equal(code, 0, f"exit code of check ({said}{error}); the text is\n{out}")
    return out


async def run(rig, name: str, text: str) -> Gateway:
    """A gateway that runs what came out."""
    file = rig.logs / f"{name}.kdl"
    logs = {kind: fresh(rig.logs / f"{name}.{kind}") for kind in ("access", "errors")}
    file.write_text(text + Template(OBSERVED).substitute(logs))
    return await Gateway.of_file(rig, name, file, logs)


HOST = "Host: chat.example.org"


@check("import nginx: a realistic file runs; limit, age and log are those that it asked for", 40)
async def realistic(rig) -> None:
    server = await Server().start()
    clients = []

    async def room(end) -> None:
        clients.append(header_of(end.request, "x-real-ip"))
        await echo(end)

    server.scenes["/chat/room"] = Scene(room)
    made = await rig.shared(certificates)
    cert, key = made.pair("localhost")
    log = fresh(rig.logs / "imported.ws.log")
    port, tls = free_port(), free_port()
    values = {"port": port, "tls": tls, "backend": server.port, "log": log}
    values |= {"cert": cert, "key": key}
    out = await good(rig, "imported", Percent(NGINX).substitute(values))
    gateway = await run(rig, "imported-run", out)

    async with session(port, "/chat/room", HOST) as one, session(port, "/chat/room", HOST) as two:
        for end in (one, two):
            await end.send(TEXT, b"hello")
            equal((await end.frame()).payload, b"hello", "echo")
        third = await dial(port, "/chat/room", HOST)
        equal(third.head.status, 101, "status")
        frame = await third.frame()
        equal((frame.code, frame.reason), (1013, "Try Again Later"), "what the third is told")
        third.reset()
        frame = await one.closes(5)
        equal((frame.code, frame.reason), (4001, "Connection is Aged"), "at the age of 2 s")

    equal(set(clients), {"127.0.0.1"}, "X-Real-IP at the backend")
    lines = await eventually("lines", lambda: at_the_end(log))
    stamp = r"\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}: "
    frame = "type 1 from {}, packet size is 5"
    opened = r'Connection opened by 127\.0\.0\.1 for "GET /chat/room HTTP/1\.1"'
    for what, count in (
        (opened, 2),
        (frame.format("client"), 2),
        (frame.format("upstream"), 2),
        ("Connection closed", 2),
    ):
        found = [line for line in lines if re.fullmatch(stamp + what, line)]
        equal(len(found), count, f"lines like {what!r} among {lines}")
    equal([line for line in lines if not re.match(stamp, line)], [], "other lines")

    async with dial_python(f"wss://localhost:{tls}/", ssl=made.trust(), host="127.0.0.1") as client:
        await client.send("hello")
        equal(await client.recv(), "hello", "echo over TLS")
    # The other host's locations do not answer here.
    answer = await fetch(f"http://127.0.0.1:{port}/old", "-H", HOST)
    expect(answer.status != 101, f"status {answer.status}")
    equal(await gateway.end(), 0, "exit code")


def at_the_end(log: Path) -> list[str]:
    """All lines, once both sessions are over."""
    lines = log.read_text().splitlines() if log.exists() else []
    return lines if sum("Connection closed" in line for line in lines) == 2 else []


@check("import nginx: what has no like here is named in a comment, with its line")
async def comments(rig) -> None:
    values = {"port": 1, "tls": 2, "backend": 3, "log": "ws.log", "cert": "a.pem", "key": "a.key"}
    text = Percent(NGINX).substitute(values)
    code, out, error, file = await translate(rig, "comments", text)
    equal(code, 0, f"exit code ({error})")
    noted = "\n".join(line for line in (out + error).splitlines() if "//" in line)
    for word in ("return", "root", "mime.types"):
        expect(word in out + error, f"nothing is said of {word!r}:\n{out}{error}")
    for number, line in enumerate(text.splitlines(), 1):
        if "return" in line or "root" in line:
            expect(f"{file.name}:{number}" in noted, f"line {number} is not named:\n{noted}")


BARE = """
server {
    listen 8000;
    %directives
    location / {
        proxy_pass http://127.0.0.1:9000;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
    }
}
"""

# Directives of the module, what must stand in what comes out, and what must not.
DIRECTIVES = (
    ("ws_log_enabled on; ws_log a.log; ws_log_format '$ws_opcode';", ["a.log", "$ws_opcode"], []),
    ("log_enabled on; ws_log a.log; ws_log_format '$ws_opcode';", ["a.log", "$ws_opcode"], []),
    ("ws_log_enabled on; ws_log a.log; ws_log_format message '$ws_opcode';", ["message"], []),
    ("ws_log_enabled on; ws_conn_age 1s;", ['max-age "1s"'], []),
    ("ws_log_enabled on; ws_conn_age 90m;", ["max-age"], []),
    ("ws_log_enabled on; ws_conn_age 1h30m;", ['max-age "1h30m"'], []),
    ("ws_log_enabled on; ws_conn_age 45;", ['max-age "45s"'], []),
    ("ws_log_enabled on; ws_conn_age 12h;", ['max-age "12h"'], []),
    ("ws_log_enabled on; ws_conn_age 2d;", ['max-age "2d"'], []),
    ("ws_log_enabled on; ws_conn_age 1w;", ["max-age"], []),
    ("ws_log_enabled on; ws_conn_age 1M;", ["max-age"], []),
    ("ws_log_enabled on; ws_conn_age 1y;", ["max-age"], []),
    ("ws_log_enabled on; ws_conn_age 0;", [], ["max-age"]),
    ("ws_log_enabled on; ws_max_connections 200;", ["max-connections 200"], []),
    (
        "ws_log_enabled on; ws_max_connections 200; ws_max_connections 300;",
        ["max-connections 300"],
        ["max-connections 200"],
    ),
    ("ws_log_enabled on; ws_conn_age 1h; ws_conn_age 2h;", ['max-age "2h"'], ['max-age "1h"']),
)


@check("import nginx: each directive of the module, all units of time, 0 and repetitions")
async def directives(rig) -> None:
    for given, present, absent in DIRECTIVES:
        out = await good(rig, "directives", Percent(BARE).substitute(directives=given))
        settings = "\n".join(line.split("//")[0] for line in out.splitlines())
        for text in present:
            expect(text in settings, f"{given!r} lacks {text!r}:\n{out}")
        for text in absent:
            expect(text not in settings, f"{given!r} has {text!r}:\n{out}")


@check("import nginx: a file that is malformed is told with line and column, and nothing comes out")
async def malformed(rig) -> None:
    lines = Percent(BARE).substitute(directives="ws_max_connections 5;").splitlines()
    for name, number, text in (
        ("brace", 9, ""),
        ("quote", 4, '    ws_log_format "$ws_opcode;'),
        ("semicolon", 4, "    ws_max_connections 5"),
        ("extra", 10, "}}"),
    ):
        broken = [*lines]
        broken[number - 1] = text
        code, out, error, file = await translate(rig, f"malformed-{name}", "\n".join(broken))
        expect(code not in (0, 2), f"exit code of {name}: {code}")
        equal(out, "", f"what comes out of {name}")
        expect(re.search(rf"{re.escape(file.name)}:\d+:\d+", error), f"{name}: {error}")
    code, _, error = await output_of([str(rig.binary), "import", "nginx", "/nowhere/nginx.conf"])
    expect(code not in (0, 2) and "/nowhere/nginx.conf" in error, f"{code}: {error}")


CLOSED = r"""
daemon off; master_process off; worker_processes 1; pid %folder/nginx.pid; error_log stderr;
events { worker_connections 512; }
http {
    access_log off;
    client_body_temp_path %folder; proxy_temp_path %folder; fastcgi_temp_path %folder;
    uwsgi_temp_path %folder; scgi_temp_path %folder;
    server {
        listen 127.0.0.1:%port;
        root %folder/none;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $http_connection;

        location / { try_files $uri @app; }
        location @app { proxy_pass http://127.0.0.1:%backend; deny all; }
        location /admin { deny all; proxy_pass http://127.0.0.1:%backend; }
        location "/half;1" { deny all; proxy_pass http://127.0.0.1:%backend; }
        location ~ ^/secret(?!/public) { deny all; proxy_pass http://127.0.0.1:%backend; }
        location ~ ^/twice/(a|b)/\1 { deny all; proxy_pass http://127.0.0.1:%backend; }
        location /login {
            if ($cookie_id = "") { return 302 /; }
            proxy_pass http://127.0.0.1:%backend;
        }
        location /open {
            proxy_pass http://127.0.0.1:%backend;
            location ~ \.key$ { deny all; proxy_pass http://127.0.0.1:%backend; }
        }
        location ~ ^/api/ {
            proxy_pass http://127.0.0.1:%backend;
            location ~ \.key$ { deny all; proxy_pass http://127.0.0.1:%backend; }
        }
        location /fields {
            proxy_pass http://127.0.0.1:%backend;
            proxy_set_header X-User "";
            proxy_set_header X-Verified $ssl_client_verify;
            proxy_set_header X-Team blue;
        }
        location /page {
            if ($http_upgrade = websocket) { proxy_pass http://127.0.0.1:%backend; }
        }
    }
}
"""

# Where the backend must not be reached unless nginx does; some of it is closed in the one only.
PATHS = (
    "/ /x //x /admin //admin /%2fadmin /%2Fadmin/x /.//admin /x/../admin /x//../admin /open/..%2fadmin "
    "/open%2f..%2fadmin /open/%2e%2e/admin /adm%69n /half;1 /half%3b1 //half%3B1 /secret /secret/public "
    "//secret /secre%74/ /twice/a/a /twice/b/b /twice/a/b //twice/a%2fa /login /open /open/a.key /open%2fa.key /api/a.key "
    "/api//a%2ekey /%2Fapi/a.key /fields /page //page"
).split()

# What both must let through: path, and whether it asks for an upgrade.
OPEN = (
    ("/open", False),
    ("/open", True),
    ("//open", False),
    ("/%2Fopen/x", True),
    ("/api/x", False),
    ("/page", True),
)


class Telling:
    """A backend that switches protocols where it is asked to, and else answers 200 with the head
    of the request."""

    async def start(self) -> "Telling":
        """Listens."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self.server = server
        return self

    async def _serve(self, reader, writer) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            if header_of(head, "upgrade"):
                key = accept(header_of(head, "sec-websocket-key"))
                fields = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {key}\r\n"
                writer.write(f"HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n".encode())
            else:
                body = head.encode("latin-1")
                fields = f"X-Backend: yes\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
                writer.write(f"HTTP/1.1 200 OK\r\n{fields}\r\n".encode() + body)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def first_answer(port: int, asked: str | bytes) -> Answer:
    """The answer to these very bytes; whether the connection then stays does not matter."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(asked.encode("latin-1") if isinstance(asked, str) else asked)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        answer = read_head(head.removesuffix(b"\r\n\r\n"))
        size = int(answer.get("content-length") or 0)
        answer.body = await asyncio.wait_for(reader.readexactly(size), 10)
    finally:
        writer.close()
    return answer


async def answered(port: int, path: str, upgrades: bool, *lines: str):
    """What comes back, and whether it is from the backend."""
    if upgrades:
        asked = request(path, port, *lines)
    else:
        more = "".join(f"{line}\r\n" for line in lines)
        asked = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{more}Connection: close\r\n\r\n"
    answer = await first_answer(port, asked)
    return answer, answer.status == 101 or answer.get("x-backend") == "yes"


@check("import nginx: what nginx keeps out, in whatever spelling, the gateway keeps out as well", 60)
async def closed(rig) -> None:
    backend = await Telling().start()
    folder = rig.folder / "nginx-closed"
    folder.mkdir(exist_ok=True)
    values = {"folder": folder, "backend": backend.port}
    of_nginx, of_gateway = free_port(), free_port()
    conf = folder / "nginx.conf"
    conf.write_text(Percent(CLOSED).substitute(port=of_nginx, **values))
    nginx = await rig.child(["nginx", "-p", str(folder), "-c", str(conf)], rig.logs / "closed-nginx.log")
    await eventually(lambda: f"nginx listens; it printed: {nginx.output()}", lambda: accepts(of_nginx))
    text = Percent(CLOSED).substitute(port=of_gateway, **values)
    # The gateway's logs are where the suite looks for them.
    out = await good(rig, "closed", text.replace("error_log stderr;", "").replace("access_log off;", ""))
    gateway = await run(rig, "closed-run", out)

    for path in PATHS:
        for upgrades in (False, True):
            (theirs, reached), (ours, opened) = [
                await answered(port, path, upgrades) for port in (of_nginx, of_gateway)
            ]
            what = f"{path} {'upgrade' if upgrades else 'GET'}: nginx {theirs.status}, here {ours.status}"
            expect(reached or not opened, f"opened what nginx keeps out: {what}\n{out}")
    for path, upgrades in OPEN:
        for name, port in (("nginx", of_nginx), ("the gateway", of_gateway)):
            answer, reached = await answered(port, path, upgrades)
            expect(reached, f"{name} does not let {path} through: {answer.status}")

    lines = ("X-User: eve", "X_User: eve", "X-Verified: SUCCESS", "X-Team: red", "X-Else: kept")
    for name, port in (("nginx", of_nginx), ("the gateway", of_gateway)):
        answer, _ = await answered(port, "/fields", False, *lines)
        seen = answer.body.decode("latin-1").lower()
        expect("eve" not in seen and "success" not in seen, f"{name} passes on what it must not:\n{seen}")
        expect("x-team: blue" in seen and "x-else: kept" in seen and "red" not in seen, f"{name}:\n{seen}")
    equal(await gateway.end(), 0, "exit code")


COUNTED = """
http {
    server {
        listen 127.0.0.1:%port; server_name a;
        ws_log_enabled on; ws_max_connections 1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
        location /one { proxy_pass http://127.0.0.1:%backend; }
        location /two { proxy_pass http://127.0.0.1:%backend; }
    }
    server {
        listen 127.0.0.1:%port; server_name b;
        location / {
            proxy_pass http://127.0.0.1:%backend;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
        }
    }
}
"""


@check("import nginx: ws_max_connections of a server is one limit for all its locations")
async def counted(rig) -> None:
    server = await Server().start()
    for path in ("/one", "/two", "/else"):
        server.scenes[path] = server.scenes["/"]
    port = free_port()
    out = await good(rig, "counted", Percent(COUNTED).substitute(port=port, backend=server.port))
    gateway = await run(rig, "counted-run", out)
    async with session(port, "/one", "Host: a"):
        second = await dial(port, "/two", "Host: a")
        equal((await second.frame()).code, 1013, "what the second is told, at another location")
        second.reset()
        async with session(port, "/else", "Host: b") as other:
            await other.send(TEXT, b"hello")
            equal((await other.frame()).payload, b"hello", "echo of the server without a limit")
    equal(await gateway.end(), 0, "exit code")
