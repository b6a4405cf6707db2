"""What ``listrak push`` says: to a person in sentences and tables, or to a program as one document."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from listrak_source.cli.errors import Exit, explain
from listrak_source.cli.output import console
from listrak_source.cli.output.console import err, out
from listrak_source.cli.output.documents import document
from listrak_source.cli.output.logs import fail_with
from listrak_source.push import Session, Sync
from listrak_source.push.apply.run import Outcome
from listrak_source.push.diff.plan import Plan
from listrak_source.push.diff.refused_stops import told
from listrak_source.push.session import not_understood
from listrak_source.push.warehouse import ledger

_DONE = {
    "opt_outs": "opt out",
    "unsubscribes": "take off a list",
    "creates": "create",
    "subscribes": "put on a list",
    "updates": "update one by one",
    "imports": "update by import file",
}


class Said:
    """What a command says while it runs, and what its document tells at the end."""

    def __init__(self, told: dict[str, Any], *, as_json: bool, command: str = "push") -> None:
        self.told = told
        self.command = command
        self.as_json = as_json
        self._console = err if as_json else out

    def say(self, sentence: str) -> None:
        """A sentence about how it goes."""
        self._console.print(sentence, highlight=False, markup=False)

    def fail(self, sentence: str) -> None:
        """A sentence about what is wrong."""
        fail_with(sentence)
        self.told["message"] = " ".join(filter(None, [self.told.get("message"), sentence]))

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """A table, for a person alone."""
        if not self.as_json:
            console.table(out, title, columns, rows)


@contextmanager
def saying(command: str, sync: str | None = None, *, as_json: bool) -> Iterator[Said]:
    """Yield what the command ``push COMMAND`` says by; at the end its document is printed, if that is wanted."""
    with document(f"push {command}", wanted=as_json) as told:
        if sync:
            told["sync"] = sync
        yield Said(told, as_json=as_json, command=f"push {command}")


@contextmanager
def stops_decide(opened: Session, said: Said) -> Iterator[None]:
    """Whatever else comes of a run: where a stop is not carried out it has failed, and says so."""
    try:
        yield
    except (Exception, SystemExit) as error:
        if not (sentence := told(opened.refused_stops())):
            raise
        if not isinstance(error, SystemExit):
            said.fail(explain(error)[0])
        said.fail(f"{sentence}.")
        raise SystemExit(int(Exit.FAILED)) from error
    if sentence := told(opened.refused_stops()):
        said.fail(f"{sentence}.")
        raise SystemExit(int(Exit.FAILED))


def unread_is_1(sync: Sync, stops: int, said: Said) -> None:
    """A stop that nobody understands is carried out by nobody, so a person must look."""
    said.told["unread_stops"] = stops
    if stops:
        said.fail(f"{not_understood(sync, stops)}.")
        raise SystemExit(int(Exit.FAILED))


def nothing_to_send(opened: Session) -> str:
    """Why nothing was sent."""
    rejected = opened.rejected_rows()
    but = f"but for {rejected:,} {_plural(rejected, 'row')}, " if rejected else ""
    return f"Nothing to send: {but}Listrak holds what the table wants."


def _plural(count: int, one: str) -> str:
    return one if count == 1 else f"{one}s"


def report(opened: Session, outcome: Outcome | None, nothing: Callable[[Session], str], said: Said) -> None:
    """Say what came of a run, and end with its exit code where that is not 0."""
    said.told |= {"run": outcome and outcome.run_id, "finished": outcome is None or outcome.finished, "results": []}
    if outcome is None:
        said.say(nothing(opened))
        return
    run = outcome.run_id
    counts(said, outcome.counts, opened.waiting(run), opened.refusals(run), skipped=opened.skipped(run))
    if not outcome.finished:
        said.fail("An import has not ended yet: run the same command later.")
        raise SystemExit(int(Exit.TRY_AGAIN))


def refused(said: Said, refusals: Sequence[tuple[str, str, int]]) -> None:
    """What was refused, and why: sentences of Listrak's, which a table would break."""
    said.told["refused"] = [dict(zip(("operation", "reason", "values"), one, strict=True)) for one in refusals]
    for operation, reason, count in refusals:
        said.say(f"Refused, {operation}, {count:,} {_plural(count, 'value')}: {reason.rstrip('.')}.")


def counts(
    said: Said,
    found: Mapping[tuple[str, str], int],
    waiting: int,
    refusals: Sequence[tuple[str, str, int]] = (),
    *,
    skipped: str = "",
) -> None:
    """Say what was read back, and end with the exit code of what is not at Listrak."""
    results(said, "Values, as they were read back", found)
    refused(said, refusals)
    said.told |= {"waiting": waiting, "skipped": skipped or None}
    if skipped:
        said.fail(f"{skipped}.")
    if bad := sum(count for (_, state), count in found.items() if state in ledger.BAD):
        said.fail(_left(bad, waiting))
        raise SystemExit(int(Exit.FAILED))
    if skipped:
        raise SystemExit(int(Exit.NOT_ALL))


def results(said: Said, title: str, found: Mapping[tuple[str, str], int]) -> None:
    """Say how many values of each operation came to what."""
    rows = [(operation, state, count) for (operation, state), count in found.items()]
    said.told["results"] = [dict(zip(("operation", "outcome", "values"), row, strict=True)) for row in rows]
    shown = [(operation, ledger.words(state), count) for operation, state, count in rows]
    said.table(title, ["operation", "outcome", "values"], shown)


def _left(bad: int, waiting: int) -> str:
    """What becomes of values that are not at Listrak, of which some are not sent again until something changes."""
    is_, it, its = ("is", "it", "its") if bad == 1 else ("are", "they", "their")
    told = f"{bad:,} {_plural(bad, 'value')} {is_} not at Listrak as {it} {'was' if bad == 1 else 'were'} wanted."
    if waiting:
        who = it.capitalize() if waiting == bad else f"{waiting:,} of them"
        is_, its = ("is", "its") if waiting == 1 else ("are", "their")
        told += f" {who} {is_} tried again when {its} row changes, when a pull brings {its} contact anew, or by listrak"
        told += " push retry."
    if again := bad - waiting:
        told += f" The next apply tries {f'{again:,} of them' if waiting else 'it' if bad == 1 else 'them'} again."
    return told


def tell_plan(found: Plan, said: Said) -> None:
    """Say what a plan would send."""
    said.told |= json.loads(found.as_json())
    if not said.as_json:
        show_plan(found)


def end_of_plan(found: Plan, said: Said) -> NoReturn:
    """End with exit code 2 where there are changes."""
    said.told["status"] = "success"
    raise SystemExit(0 if found.is_empty else 2)


def show_plan(found: Plan) -> None:
    """Print a plan as a person reads it."""
    if found.is_empty:
        _line("Nothing would change.\n")
    else:
        counts = [(_DONE[what], count) for what, count in found.counts.items() if count]
        console.table(out, f"Plan {found.hash}", ["operation", "contacts"], counts)
        if found.unknown_stops:
            _line(
                f"{found.unknown_stops:,} of the opt-outs are of people whom Listrak does not have, as far as the last "
                "pull knows."
            )
        for title in found.asks():
            _line(f"The {title} asks everybody who joins it by text message: Listrak sends it.")
        if found.fields:
            console.table(out, "By field", ["field", "contacts"], list(found.fields.items()))
        files = [(file.number + 1, ", ".join(file.fields), file.contacts, file.size) for file in found.files]
        if files:
            console.table(out, "Import files", ["file", "fields", "rows", "bytes"], files)
        examples = [(contact, field, *console.apart(before, after)) for contact, field, before, after in found.sample]
        console.table(out, "Examples", ["contact", "field", "before", "after"], examples)
    if found.rejected:
        console.table(out, "Rejected rows", ["column and reason", "rows"], list(found.rejected.items()))
    for conflict in found.conflicts:
        _line(f"{conflict}.")
    for sentence in found.over_budget():
        _line(f"Over the budget: {sentence}. Apply needs --accept {found.hash}.")


def _line(sentence: str) -> None:
    out.print(sentence, highlight=False, markup=False)
