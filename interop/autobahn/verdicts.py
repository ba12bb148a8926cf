"""What Autobahn|Testsuite said about each case, and whether that is worse than the baseline.

A gateway is answerable for the difference only: the same peers, reached directly, set the
baseline, which is kept in testdata/autobahn/.
"""

import collections
import json
from pathlib import Path

# Best first. UNIMPLEMENTED is an extension that the peers did not agree on; everything that
# is not listed (FAILED, WRONG CODE, UNCLEAN, ...) is a failure.
RANKS = {"OK": 0, "INFORMATIONAL": 0, "NON-STRICT": 1, "UNIMPLEMENTED": 2}
FAILED = 3

Verdicts = dict[str, str]


def read_report(folder: Path) -> Verdicts:
    """Case -> verdict, from the index that the suite writes; one agent per report."""
    agents = json.loads((folder / "index.json").read_text())
    (cases,) = agents.values()
    return {case: _verdict(row) for case, row in sorted(cases.items(), key=_by_number)}


def _verdict(row: dict[str, str]) -> str:
    behaviour, close = row["behavior"], row["behaviorClose"]
    return behaviour if close in RANKS else f"{behaviour}/close:{close}"


def _by_number(item: tuple[str, object]) -> list[int]:
    return [int(part) for part in item[0].split(".")]


def read_baseline(path: Path) -> Verdicts:
    """The kept verdicts."""
    return json.loads(path.read_text())["cases"]


def write_baseline(path: Path, peers: str, verdicts: Verdicts) -> None:
    """Keeps the verdicts, one case a line; `peers` says who met whom."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"peers": peers, "cases": verdicts}, indent=1) + "\n")


def rank(verdict: str) -> int:
    """The lower the better."""
    return RANKS.get(verdict, FAILED)


def summary(verdicts: Verdicts) -> list[str]:
    """Counts per section, then every case that is neither OK nor INFORMATIONAL."""
    sections: dict[str, collections.Counter] = {}
    for case, verdict in verdicts.items():
        sections.setdefault(case.split(".")[0], collections.Counter())[verdict] += 1
    lines = [
        f"  section {section:>2}: " + ", ".join(f"{word} {n}" for word, n in sorted(counts.items()))
        for section, counts in sorted(sections.items(), key=lambda item: int(item[0]))
    ]
    odd = collections.defaultdict(list)
    for case, verdict in verdicts.items():
        if rank(verdict) > 0:
            odd[verdict].append(case)
    lines += [f"  {verdict}: {' '.join(cases)}" for verdict, cases in sorted(odd.items())]
    return lines


def compare(expected: Verdicts, got: Verdicts) -> tuple[list[str], list[str]]:
    """(worse, different but not worse), as lines; a case that did not run is worse."""
    worse, different = [], []
    for case, before in expected.items():
        now = got.get(case, "not run")
        if now == before:
            continue
        line = f"  {case:<8} baseline {before}, through the gateway {now}"
        (worse if rank(now) > rank(before) or now == "not run" else different).append(line)
    worse += [f"  {case:<8} has no baseline" for case in got if case not in expected]
    return worse, different
