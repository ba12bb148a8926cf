"""JsSIP and SIP.js as processes (peers/phone.js): commands go in by a pipe, events come out as
lines."""

import asyncio
import itertools
import json
import os

from certificates import certificates
from harness import eventually
from processes import Child
from sip.agent import DOMAIN

LIBRARIES = ("jssip", "sipjs")
_numbers = itertools.count(1)


class Phone:
    """One user's phone, registered; it registers again by itself after a loss."""

    def __init__(self, child: Child, commands: int) -> None:
        self._child = child
        # Closed with the object.
        self._commands = os.fdopen(commands, "wb", buffering=0)
        # Events up to here have been waited for.
        self._read = 0

    @classmethod
    async def start(cls, rig, library: str, url: str, user: str) -> "Phone":
        """Starts one and waits until it is registered."""
        made = await rig.shared(certificates)
        theirs, ours = os.pipe()
        try:
            child = await rig.child(
                ["node", rig.peer("phone.js"), library, url, user, DOMAIN]
                + ["--commands", str(theirs), "--ca", made.path("ca.pem")],
                rig.logs / f"phone-{next(_numbers)}-{library}.log",
                pass_fds=(theirs,),
            )
        finally:
            os.close(theirs)
        phone = cls(child, ours)
        await phone.event("registered", 15)
        return phone

    def tell(self, what: str, **more: str) -> None:
        """Gives a command."""
        self._commands.write(json.dumps({"do": what} | more).encode() + b"\n")

    async def say(self, user: str, text: str) -> int:
        """Sends a MESSAGE and gives the status of its answer."""
        self.tell("say", to=user, text=text)
        return (await self.event("sent", 15))["status"]

    async def event(self, name: str, within: float = 10) -> dict:
        """The next event of that name; others before it are passed over."""

        def find() -> dict | None:
            if self._child.died():
                raise AssertionError(f"the phone ended: {self._child.output()}")
            events = self._events()
            for at in range(self._read, len(events)):
                if events[at]["event"] == name:
                    self._read = at + 1
                    return events[at]
            return None

        return await eventually(lambda: f"{name}; there was {self._child.output()}", find, within)

    async def leave(self) -> int:
        """Has it unregister and end; its exit code."""
        self.tell("leave")
        return await asyncio.wait_for(self._child.process.wait(), 10)

    def losses(self) -> list[dict]:
        """The events that tell of a lost connection or a refused registration."""
        return [event for event in self._events() if event["event"] in ("disconnected", "failed")]

    def _events(self) -> list[dict]:
        lines = self._child.output().split("\n")[:-1]
        return [json.loads(line) for line in lines if line.startswith('{"event"')]
