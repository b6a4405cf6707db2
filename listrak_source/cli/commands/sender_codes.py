"""The command ``listrak sender-codes``: what a scheduler maps its tasks over. Listrak is asked, and no warehouse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import typer

from listrak_source.cli.errors import Exit
from listrak_source.cli.options import AsJson, example
from listrak_source.cli.output import console
from listrak_source.cli.output.console import out
from listrak_source.cli.output.documents import document
from listrak_source.cli.output.logs import fail_with
from listrak_source.pull.extract.catalog import Catalog
from listrak_source.pull.schema import SENDER_CODES
from listrak_source.settings import Settings, client_of, resolve

app: typer.Typer = typer.Typer(add_completion=False)

_FIELDS = {"sender_code_id": "shortCodeId", "code": "code", "merchant_name": "merchantName", "country": "country"}
"""Names of columns, as in the table ``sender_codes``, and Listrak's."""

_NONE = "Listrak shows no sender code: is the integration of the type SMS?"
_UNREAD = "A sender code has no id that can be read, and is not listed: a pull sets it aside in rejected_rows."


@app.command("sender-codes", epilog=example("listrak sender-codes", "listrak sender-codes --json"))
def sender_codes(as_json: AsJson = False) -> None:
    """List the sender codes that a pull reads, by id: what a scheduler maps over. Only Listrak is asked.

    These are all that Listrak shows, or those that sources.listrak.sender_codes names. Exit code 5 where one has no id
    that can be read: it is not listed.
    """
    with document("sender-codes", wanted=as_json) as told:
        found = find(resolve({}))
        told["sender_codes"] = found.sender_codes
        if not as_json:
            rows = [(str(sender), *rest) for sender, *rest in map(dict.values, found.sender_codes)]
            console.table(out, "Sender codes", ["id", "code", "merchant", "country"], rows)
        if found.doubts:
            told["message"] = found.doubts
            fail_with(found.doubts)
        if not found.is_whole:
            raise SystemExit(int(Exit.NOT_ALL))


@dataclass(frozen=True)
class Found:
    """What Listrak shows to these settings."""

    sender_codes: list[dict[str, Any]]
    """Each as the columns of :data:`_FIELDS`, by id."""
    is_whole: bool
    """Whether each record that was shown has an id that can be read."""

    @property
    def doubts(self) -> str | None:
        """What a person should look at, in a sentence."""
        if not self.is_whole:
            return _UNREAD
        return None if self.sender_codes else _NONE


def find(settings: Settings) -> Found:
    """Ask Listrak for the sender codes that the settings allow, as a pull does.

    Raises :class:`~listrak_source.api.ConfigurationError` where the settings name one that Listrak does not have.
    """
    with client_of(settings) as client:
        catalog = Catalog(client, settings)
        records = sorted(catalog.sender_codes, key=lambda one: int(one["shortCodeId"]))
    found = [{name: record.get(field) for name, field in _FIELDS.items()} for record in records]
    return Found(found, SENDER_CODES.name not in catalog.rejects.in_doubt())
