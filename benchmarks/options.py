"""What can be asked of the benchmark."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """The options, checked."""

    cases: tuple[str, ...]
    contacts: tuple[int, ...]
    """Sizes, where they were given."""
    is_large: bool
    runs: int
    without_peers: bool
    results: Path

    def sizes(self, usual: tuple[int, ...], large: tuple[int, ...]) -> tuple[int, ...]:
        """How many contacts a case is to be run with."""
        return self.contacts or (large if self.is_large else usual)

    @classmethod
    def read(cls, known: tuple[str, ...], usual: tuple[str, ...]) -> Options:
        """From the command line. Ends the process with a sentence where it cannot be understood."""
        parser = ArgumentParser(prog="python -m benchmarks", description="Times pulls against what else there is.")
        parser.add_argument(
            "cases", nargs="*", metavar="CASE", help=f"{', '.join(known)}; {' '.join(usual)} by default"
        )
        parser.add_argument("--contacts", default="", help="how many, or several numbers with commas between them")
        parser.add_argument("--large", action="store_true", help="all cases, at the sizes of what is to be reached")
        parser.add_argument("--runs", type=int, default=3, help="of each, in turns (3); who takes long is run once")
        parser.add_argument("--without-peers", action="store_true", help="only ours and no framework")
        parser.add_argument(
            "--results", type=Path, default=Path("benchmarks/results"), help="where figures and charts go"
        )
        given = parser.parse_args()
        for case in given.cases:
            if case not in known:
                parser.error(f"there is no case {case!r}; there are {', '.join(known)}")
        try:
            contacts = tuple(int(number.replace("_", "")) for number in given.contacts.split(",") if number)
        except ValueError:
            parser.error(f"--contacts: {given.contacts!r} is no number")
        if given.runs < 1 or min(contacts, default=1) < 1:
            parser.error("--runs and --contacts are at least 1")
        cases = tuple(given.cases) or (known if given.large else usual)
        return cls(cases, contacts, given.large, given.runs, given.without_peers, given.results)
