"""The sender codes that a pull reads: what a scheduler maps its tasks over. Listrak is asked, and no warehouse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from listrak_source.pull.extract.catalog import Catalog
from listrak_source.pull.schema import SENDER_CODES
from listrak_source.settings import Settings, client_of

_FIELDS = {"sender_code_id": "shortCodeId", "code": "code", "merchant_name": "merchantName", "country": "country"}
"""Names of columns, as in the table ``sender_codes``, and Listrak's."""

_NONE = "Listrak shows no sender code: is the integration of the type SMS?"
_UNREAD = "A sender code has no id that can be read, and is not listed: a pull sets it aside in rejected_rows."


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
