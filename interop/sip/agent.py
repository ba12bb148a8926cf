"""A SIP user agent over WebSocket, as browsers have one: it registers, sends and takes messages,
calls and is called.

It is as strict as JsSIP and SIP.js are, and louder: what those would drop in silence (a second
Via, another's sent-by, a wrong length, an answer to nothing) is kept in `faults`.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from harness import equal, expect
from sip.message import Message, parameter, token, uri

DOMAIN = "sip.example.test"
SDP = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 9 RTP/AVP 0\r\n"
)
SUPPORTED = ("Supported", "path, outbound, gruu")


@dataclass
class Dialog:
    """One call: how to reach the other end within it (RFC 3261 section 12)."""

    agent: "Agent"
    call_id: str
    # From and To as this end writes them in its own requests.
    own: str
    other: str
    target: str
    routes: list[str]
    sequence: int = 1
    # Requests of the other end that came within the dialog.
    came: "asyncio.Queue[Message]" = field(default_factory=asyncio.Queue)

    def request(self, method: str, sequence: int, body: bytes = b"") -> Message:
        """A request within the dialog."""
        message = self.agent.request(method, self.target, self.other, sequence, self)
        message.body = body
        return message

    async def ask(self, method: str, body: bytes = b"") -> Message:
        """Sends a request within the dialog and gives its final response."""
        self.sequence += 1
        return await self.agent.ask(self.request(method, self.sequence, body))

    async def bye(self) -> None:
        """Ends the call; the other end must agree."""
        equal((await self.ask("BYE")).status, 200, "answer to BYE")

    async def next(self, method: str, within: float = 10) -> Message:
        """The next request of the other end, which must be this one."""
        message = await asyncio.wait_for(self.came.get(), within)
        equal(message.method, method, "request within the dialog")
        return message


@dataclass
class Transaction:
    """A request that was sent, and the responses to it."""

    agent: "Agent"
    request: Message
    came: "asyncio.Queue[Message]" = field(default_factory=asyncio.Queue)

    async def provisional(self, status: int, within: float = 10) -> None:
        """Waits for a provisional response with this status."""
        async with asyncio.timeout(within):
            while (answer := await self.came.get()).status != status:
                expect(answer.status < 200, f"{answer.first} before any {status}")

    async def final(self, within: float = 10) -> Message:
        """The final response; to an INVITE that is refused, ACK is sent."""
        async with asyncio.timeout(within):
            while (answer := await self.came.get()).status < 200:
                pass
        if self.request.method == "INVITE" and answer.status >= 300:
            await self.agent.acknowledge(self.request, answer)
        return answer


class Agent:
    """One user with one connection."""

    def __init__(self, socket: ClientConnection, user: str, secure: bool) -> None:
        self.socket = socket
        self.user = user
        self.faults: list[str] = []
        # Requests that came outside of any dialog, but for INVITE; each is answered with 200.
        self.came: asyncio.Queue[Message] = asyncio.Queue()
        # Calls that came and were taken.
        self.calls: asyncio.Queue[tuple[Dialog, Message]] = asyncio.Queue()
        # What INVITE is answered with; another status than 200 makes no dialog.
        self.answers_calls_with = 200
        # Calls ring until they are cancelled.
        self.rings_only = False
        self._ringing: dict[str, tuple[Message, str]] = {}
        # Messages that are not SIP, such as keepalives.
        self.plain: asyncio.Queue[bytes | str] = asyncio.Queue()
        self.sent_by = f"{token()}.invalid"
        self._via = f"SIP/2.0/{'WSS' if secure else 'WS'} {self.sent_by}"
        self.contact = f"<sip:{user}@{self.sent_by};transport=ws>"
        self._register_id, self._register_sequence = token(), 0
        self._waiting: dict[tuple[str, str], asyncio.Queue[Message]] = {}
        self._answered: dict[tuple[str, str], bytes] = {}
        self._dialogs: dict[str, Dialog] = {}
        self._reader = asyncio.create_task(self._read())

    @property
    def address(self) -> str:
        """The user's address of record."""
        return f"sip:{self.user}@{DOMAIN}"

    async def register(self, expires: int = 600) -> Message:
        """Registers, or registers again; whatever the answer is."""
        self._register_sequence += 1
        request = self.request(
            "REGISTER", f"sip:{DOMAIN}", f"<{self.address}>", self._register_sequence
        )
        request.headers = [
            (name, self._register_id if name == "Call-ID" else value)
            for name, value in request.headers
        ]
        instance = f'"<urn:uuid:00000000-0000-4000-8000-{self.sent_by[:12]}>"'
        contact = f"{self.contact};reg-id=1;+sip.instance={instance};expires={expires}"
        request.headers += [("Contact", contact), ("Expires", str(expires)), SUPPORTED]
        return await self.ask(request)

    async def registered(self) -> "Agent":
        """Registers, and it must be granted."""
        answer = await self.register()
        equal(answer.status, 200, f"answer to REGISTER ({answer.first})")
        return self

    async def say(self, user: str, text: str | bytes, *more: tuple[str, str]) -> Message:
        """Sends a MESSAGE to a user and gives the final response."""
        request = self.request("MESSAGE", f"sip:{user}@{DOMAIN}", f"<sip:{user}@{DOMAIN}>", 1)
        request.headers += [("Content-Type", "text/plain"), *more]
        request.body = text.encode() if isinstance(text, str) else text
        return await self.ask(request)

    async def heard(self, within: float = 10) -> Message:
        """The next request that came outside of dialogs."""
        return await asyncio.wait_for(self.came.get(), within)

    async def call(self, target: str) -> Dialog:
        """Calls an address, which must take the call, and acknowledges."""
        invite = self.request("INVITE", target, f"<{target}>", 1)
        invite.headers += [("Contact", self.contact), ("Content-Type", "application/sdp")]
        invite.body = SDP
        answer = await self.ask(invite, 15)
        equal(answer.status, 200, f"answer to INVITE ({answer.first})")
        dialog = Dialog(
            self,
            answer.get("call-id"),
            answer.get("from"),
            answer.get("to"),
            uri(answer.all("contact")[0]),
            answer.all("record-route")[::-1],
        )
        self._dialogs[dialog.call_id] = dialog
        await self.send(dialog.request("ACK", 1))
        return dialog

    async def called(self, within: float = 15) -> tuple[Dialog, Message]:
        """The next call that came, and its INVITE."""
        return await asyncio.wait_for(self.calls.get(), within)

    def request(
        self, method: str, target: str, to: str, sequence: int, dialog: Dialog | None = None
    ) -> Message:
        """A request, within a dialog or without one, with the headers that all of them have."""
        own = dialog.own if dialog else f"<{self.address}>;tag={token()}"
        routes = dialog.routes if dialog else []
        return Message(
            f"{method} {target} SIP/2.0",
            [
                ("Via", f"{self._via};branch=z9hG4bK{token()}"),
                *(("Route", route) for route in routes),
                ("Max-Forwards", "69"),
                ("From", own),
                ("To", to),
                ("Call-ID", dialog.call_id if dialog else token()),
                ("CSeq", f"{sequence} {method}"),
            ],
        )

    async def ask(self, request: Message, within: float = 10) -> Message:
        """Sends a request and gives its final response; ACK to one that refuses is sent."""
        return await (await self.begin(request)).final(within)

    async def begin(self, request: Message) -> "Transaction":
        """Sends a request."""
        begun = Transaction(self, request)
        self._waiting[request.branch, request.method] = begun.came
        await self.send(request)
        return begun

    async def cancel(self, invite: Message) -> Message:
        """Cancels an INVITE and gives the answer to the CANCEL."""
        cancel = self._of_transaction(invite, "CANCEL", invite.get("to"))
        return await self.ask(cancel)

    async def send(self, message: Message | bytes | str) -> None:
        """Sends a SIP message as one WebSocket message, or anything else as it is."""
        if isinstance(message, Message):
            message = message.bytes().decode()
        await self.socket.send(message)

    async def end(self) -> None:
        """Closes the connection."""
        await self.socket.close()
        await self._reader

    def check(self) -> None:
        """Fails if anything came that a browser would have dropped."""
        equal(self.faults, [], f"what {self.user} should not have been sent")

    async def acknowledge(self, invite: Message, answer: Message) -> None:
        """Sends ACK to a response that refuses (RFC 3261 section 17.1.1.3)."""
        await self.send(self._of_transaction(invite, "ACK", answer.get("to")))

    def _of_transaction(self, invite: Message, method: str, to: str) -> Message:
        """ACK or CANCEL: with the same branch as the INVITE."""
        kept = ("via", "max-forwards", "from", "call-id", "route")
        headers = [pair for pair in invite.headers if pair[0].lower() in kept]
        headers += [("To", to), ("CSeq", f"{invite.sequence} {method}")]
        return Message(f"{method} {invite.target} SIP/2.0", headers)

    async def _read(self) -> None:
        with suppress(ConnectionClosed):
            async for raw in self.socket:
                data = raw.encode() if isinstance(raw, str) else raw
                if not data.strip(b"\r\n"):
                    self.plain.put_nowait(raw)
                    continue
                try:
                    message = Message.parse(data)
                    await (self._response if message.status else self._request)(message)
                except (ValueError, AttributeError, LookupError) as reason:
                    self.faults.append(f"{reason!r}: {data[:300]!r}")

    async def _response(self, message: Message) -> None:
        vias = message.all("via")
        if len(vias) != 1 or vias[0].split()[1].partition(";")[0] != self.sent_by:
            self.faults.append(f"a response with Via {vias}: {message.first}")
            return
        waiting = self._waiting.get((message.branch, message.method))
        if waiting is None:
            self.faults.append(f"an answer to nothing: {message.first}")
            return
        waiting.put_nowait(message)

    async def _request(self, message: Message) -> None:
        transaction = (message.branch, message.method)
        if transaction in self._answered:
            # The same once more, as datagrams may come twice.
            await self.send(self._answered[transaction].decode())
            return
        dialog = self._dialogs.get(message.get("call-id"))
        within = parameter(message.get("to"), "tag")
        if message.method == "INVITE" and not within:
            await self._take(message, transaction)
        elif message.method == "ACK":
            if dialog and self.answers_calls_with == 200:
                dialog.came.put_nowait(message)
        elif message.method == "CANCEL":
            await self._cancelled(message, transaction)
        elif within and not dialog:
            await self._answer(transaction, message.reply(481, "No Such Call", token()))
        else:
            (dialog.came if within else self.came).put_nowait(message)
            await self._answer(transaction, message.reply(200, "OK", token()))

    async def _take(self, invite: Message, transaction: tuple[str, str]) -> None:
        tag = token()
        if self.answers_calls_with != 200:
            refusal = invite.reply(self.answers_calls_with, "No", tag)
            await self._answer(transaction, refusal)
            return
        records = [("Record-Route", value) for value in invite.all("record-route")]
        contact = ("Contact", self.contact)
        await self._answer(transaction, invite.reply(180, "Ringing", tag, *records, contact))
        if self.rings_only:
            self._ringing[invite.branch] = (invite, tag)
            return
        kind = ("Content-Type", "application/sdp")
        answer = invite.reply(200, "OK", tag, *records, contact, kind)
        answer.body = SDP
        dialog = Dialog(
            self,
            invite.get("call-id"),
            answer.get("to"),
            invite.get("from"),
            uri(invite.all("contact")[0]),
            invite.all("record-route"),
        )
        self._dialogs[dialog.call_id] = dialog
        await self._answer(transaction, answer)
        self.calls.put_nowait((dialog, invite))

    async def _cancelled(self, cancel: Message, transaction: tuple[str, str]) -> None:
        invite, tag = self._ringing.pop(cancel.branch)
        self.came.put_nowait(cancel)
        await self._answer(transaction, cancel.reply(200, "OK", tag))
        ended = invite.reply(487, "Request Terminated", tag)
        await self._answer((invite.branch, "INVITE"), ended)

    async def _answer(self, transaction: tuple[str, str], answer: Message) -> None:
        self._answered[transaction] = answer.bytes()
        await self.send(answer)


@asynccontextmanager
async def agent(
    url: str, user: str, context: ssl.SSLContext | None = None, **options
) -> AsyncIterator[Agent]:
    """A user's agent that has connected and ends with the block."""
    async with connect(
        url,
        subprotocols=["sip"],
        ssl=context,
        compression=None,
        proxy=None,
        max_size=1 << 20,
        **options,
    ) as socket:
        equal(socket.subprotocol, "sip", "subprotocol")
        client = Agent(socket, user, url.startswith("wss:"))
        yield client
        await client.end()
