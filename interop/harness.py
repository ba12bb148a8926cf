"""Named checks: each has a sentence for a name, a deadline and one line of output.

A check is an async function that takes the rig and raises to fail. Nothing here knows about
gateways or WebSocket.
"""

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

Body = Callable[[Any], Awaitable[None]]


class Skip(Exception):
    """Raised by a check that cannot be made on this machine; says why."""


@dataclass
class Check:
    """One fact about the gateway, and how to find out whether it holds."""

    name: str
    body: Body
    deadline: float


@dataclass
class Tally:
    """What became of the checks that ran."""

    passed: int = 0
    failed: list[str] = field(default_factory=list)
    skipped: int = 0
    # Those of the passed that had failed before.
    again: list[str] = field(default_factory=list)

    def line(self) -> str:
        """The closing line, in the form that test runners agree on."""
        return f"{self.passed} passed, {len(self.failed)} failed, {self.skipped} skipped"


CHECKS: list[Check] = []


def check(name: str, deadline: float = 20.0) -> Callable[[Body], Body]:
    """Registers a check; `deadline` is in seconds and covers the whole of it."""

    def register(body: Body) -> Body:
        if any(known.name == name for known in CHECKS):
            raise ValueError(f"two checks are called {name!r}")
        CHECKS.append(Check(name, body, deadline))
        return body

    return register


def equal(actual: Any, expected: Any, what: str) -> None:
    """Fails unless both are the same, and shows both, cut to a readable length."""
    if actual != expected:
        raise AssertionError(f"{what}: expected {_short(expected)}, got {_short(actual)}")


def expect(condition: bool, what: str) -> None:
    """Fails with `what` unless the condition holds."""
    if not condition:
        raise AssertionError(what)


async def eventually(
    what: str | Callable[[], str], probe: Callable[[], Any], within: float = 5.0
) -> Any:
    """Asks `probe` until it answers something true, and gives that answer."""
    until = time.monotonic() + within
    while True:
        answer = probe()
        if asyncio.iscoroutine(answer):
            answer = await answer
        if answer:
            return answer
        if time.monotonic() > until:
            told = what if isinstance(what, str) else what()
            raise AssertionError(f"not within {within:g} s: {told}")
        await asyncio.sleep(0.02)


async def run(rig: Any, only: str) -> Tally:
    """Runs the checks whose name contains `only`, one after the other; `rig.after_check()`
    clears up after each. One that fails is made once more, since a machine with other things to
    do can be late; what is wrong fails again. Both failures are shown."""
    tally = Tally()
    for item in CHECKS:
        if only not in item.name:
            continue
        word = await _made(item, rig)
        if word == "FAIL" and (word := await _made(item, rig)) == "ok":
            tally.again.append(item.name)
        if word == "ok":
            tally.passed += 1
        elif word == "skip":
            tally.skipped += 1
        else:
            tally.failed.append(item.name)
    return tally


async def _made(item: Check, rig: Any) -> str:
    started = time.monotonic()
    word, detail = await _outcome(item, rig)
    await rig.after_check()
    print(f"{word:<4} {time.monotonic() - started:6.2f} s  {item.name}", flush=True)
    if detail:
        print("\n".join("       " + line for line in detail.splitlines()), flush=True)
    return word


async def _outcome(item: Check, rig: Any) -> tuple[str, str]:
    limit = asyncio.timeout(item.deadline)
    try:
        async with limit:
            await item.body(rig)
    except Skip as reason:
        return "skip", str(reason)
    except AssertionError as reason:
        return "FAIL", str(reason) or traceback.format_exc(limit=-2)
    except Exception as reason:  # noqa: BLE001  a broken check is a failed check, the rest must run
        if not limit.expired():
            return "FAIL", traceback.format_exc(limit=-4)
        # Where it hung is in the cancellation that the deadline was made of.
        hung = "".join(traceback.format_exception(reason.__cause__ or reason, limit=-3))
        return "FAIL", f"deadline of {item.deadline:g} s passed\n{hung}"
    return "ok", ""


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:300]}... ({len(text)} characters)"
