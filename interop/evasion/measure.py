"""Holds all sessions of the matrix through one gateway, and counts."""

from dataclasses import dataclass, field

from . import control, illegal, matrix, page
from .attacks import ATTACKS
from .matrix import Group
from .sessions import Sender, Stage, Trial

CONFIG = """
listeners { listener "main" { address "127.0.0.1:0" } }
routes {
    route "takeover" {
        matches { path-prefix "/takeover/" }
        upstream "backend"
        websocket { context-takeover true; inspect { mode "block"; on-match "close" } }
    }
    route "inspected" {
        upstream "backend"
        websocket { inspect { mode "block"; on-match "close" } }
    }
}
upstreams { upstream "backend" { target "127.0.0.1:$port" } }
"""

# Sessions whose bytes are made at once.
PORTION = 2_000


@dataclass
class Result:
    """What was counted, and the words of every cell that did not hold."""

    by_encoding: Group = field(default_factory=Group)
    by_form: Group = field(default_factory=Group)
    by_place: Group = field(default_factory=Group)
    by_trick: Group = field(default_factory=Group)
    # What a trick is answered with: the code that its sender is told, 0 without any.
    codes: dict[str, int] = field(default_factory=dict)
    twins: Group = field(default_factory=Group)
    failures: list[str] = field(default_factory=list)

    def closed(self) -> tuple[int, int]:
        """Attacks that were closed, and all of them."""
        groups = (self.by_form, self.by_place, self.by_trick)
        return (
            sum(group.closed.total() for group in groups),
            sum(group.total.total() for group in groups),
        )

    def line(self) -> str:
        """The figures in one line."""
        closed, attacks = self.closed()
        passed, twins = self.twins.closed.total(), self.twins.total.total()
        return f"{closed} of {attacks} attacks closed, {passed} of {twins} benign messages passed"

    def page(self) -> str:
        """The page."""
        return page.write(self)


async def measure(rig, only: str = "") -> Result:
    """Tries all cells whose words contain `only`."""
    stage = await Stage().start()
    gateway = await rig.configured("evasion", CONFIG, port=stage.port)
    result = Result()
    try:
        for part in (_attacks, _control, _illegal, _twins):
            await part(stage, gateway.port, result, only)
    finally:
        stage.end()
    return result


async def _each(stage: Stage, port: int, cells, only: str, judge) -> None:
    """Runs the sessions of `cells`, each (words, trial, and what `judge` wants), in portions."""
    portion = []
    for cell in cells:
        if only in cell[0]:
            portion.append(cell)
        if len(portion) == PORTION:
            await _some(stage, port, portion, judge)
            portion = []
    await _some(stage, port, portion, judge)


async def _some(stage: Stage, port: int, portion, judge) -> None:
    await stage.run([cell[1] for cell in portion], port)
    for cell in portion:
        judge(*cell)


async def _attacks(stage: Stage, port: int, result: Result, only: str) -> None:
    def cells():
        for dress in matrix.dresses():
            for what in ATTACKS:
                words = f"{what.category}, {dress.told()}"
                yield words, *matrix.attack(dress, what), dress, what

    def judge(words, trial: Trial, prelude: bytes, dress, what) -> None:
        reason = matrix.refused(trial, prelude, (1008, 1008))
        _note(result, words, reason)
        result.by_encoding.add(dress.encoding.name, what.category, not reason)
        result.by_form.add(dress.shape.name, dress.deflate.name, not reason)

    await _each(stage, port, cells(), only, judge)


async def _control(stage: Stage, port: int, result: Result, only: str) -> None:
    def cells():
        for sender, place, encoding, what in control.cells():
            words = f"{what.category}, {sender.value}, {place}, {encoding.name}"
            trial, prelude = control.trial(sender, place, encoding.encode(what.text))
            yield words, trial, prelude, sender, place

    def judge(words, trial: Trial, prelude: bytes, sender: Sender, place: str) -> None:
        reason = matrix.refused(trial, prelude, (1008, 1008))
        _note(result, words, reason)
        result.by_place.add(place, sender.value, not reason)

    await _each(stage, port, cells(), only, judge)


async def _illegal(stage: Stage, port: int, result: Result, only: str) -> None:
    def cells():
        for number, (trick, sender, trial, prelude, codes) in enumerate(illegal.cells()):
            yield f"{trick.name}, {sender.value}, {number}", trial, prelude, trick, sender, codes

    def judge(words, trial: Trial, prelude: bytes, trick, sender: Sender, codes) -> None:
        if trick.half_close:
            reason = _nothing_more(trial, prelude)
        else:
            reason = matrix.refused(trial, prelude, codes)
        _note(result, words, reason)
        result.codes[trick.name] = trick.code
        result.by_trick.add(trick.name, sender.value, not reason)

    await _each(stage, port, cells(), only, judge)


def _nothing_more(trial: Trial, prelude: bytes) -> str:
    """Why a stream that just ended is not as it must be: nothing of the rest has passed."""
    received = bytes(trial.far.received)
    if received != prelude or not trial.far.ended:
        return f"the other side got {received!r}, ended: {trial.far.ended}"
    return ""


async def _twins(stage: Stage, port: int, result: Result, only: str) -> None:
    def cells():
        for first, batch, trial in matrix.twins():
            words = f"benign, {first.told()} and {len(batch) - 1} more"
            yield words, trial, batch

    def judge(words, trial: Trial, batch) -> None:
        reason = matrix.passed(trial)
        _note(result, words, reason)
        for dress, _ in batch:
            result.twins.add(dress.shape.name, dress.deflate.name, not reason)

    await _each(stage, port, cells(), only, judge)


def _note(result: Result, words: str, reason: str) -> None:
    if reason:
        result.failures.append(f"{words}: {reason}")
