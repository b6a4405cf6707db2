"""A pull of a thousand changes: it must cost the same, however many contacts are loaded already."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from statistics import median

from benchmarks.contenders import OURS
from benchmarks.options import Options
from benchmarks.processes import control, measure, sandbox
from benchmarks.report import Goal, Result
from benchmarks.timing import Timed
from listrak_source import ListrakClient
from listrak_source.api import each_record

CHANGES = 1000
"""Half of them new contacts, half of them stops."""
SIZES = (1_000_000, 3_000_000)


def run(options: Options, work: Path) -> Iterator[Result]:
    """Load everything, change a thousand contacts, pull; and again."""
    walls: dict[int, float] = {}
    sizes = options.sizes(SIZES, SIZES)
    for contacts in sizes:
        title = f"{CHANGES:,} changes against {contacts:,} contacts that are loaded"
        result = Result("changes", title, contacts, [Timed(OURS.name)])
        folder = work / str(contacts)
        with sandbox(contacts) as settings:
            measure(OURS.command(), folder, settings)
            for turn in range(options.runs):
                # Tomorrow, so that the overlap brings nobody of the turn before.
                control(settings, "POST", "clock", days=3)
                _change(settings, turn)
                result.timed[0].runs.append(measure(OURS.command(), folder, settings, anew=False))
        walls[contacts] = median(run.wall for run in result.timed[0].runs)
        if contacts == sizes[-1] and len(sizes) > 1:
            reached = walls[contacts] / walls[sizes[0]]
            case = f"{CHANGES:,} changes, {contacts:,} loaded against {sizes[0]:,}"
            result.goals.append(Goal(case, most=1.2, reached=reached))
        yield result


def _change(settings: dict[str, str], turn: int) -> None:
    given = [settings[f"SOURCES__LISTRAK__{name}"] for name in ("CLIENT_ID", "CLIENT_SECRET")]
    urls = {name: settings[f"SOURCES__LISTRAK__{name.upper()}"] for name in ("base_url", "token_url")}
    with ListrakClient(*given, **urls) as listrak:
        sender = next(each_record(listrak.list_sender_codes()))["shortCodeId"]
        lists = [one["phoneListId"] for one in each_record(listrak.list_phone_lists(sender))]
        for number in range(CHANGES // 2):
            phone = f"1{900 + turn}556{number:04d}"
            listrak.create_contact(sender, lists[number % len(lists)], {"phoneNumber": phone})
        found = each_record(listrak.list_contacts(sender, lists[turn % len(lists)], count=CHANGES // 2))
        for contact in list(islice(found, CHANGES // 2)):
            # The year-one sentinel is read, and not taken back.
            listrak.update_contact(sender, {**contact, "birthday": None, "optedOut": True})
