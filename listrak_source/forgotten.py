"""Who was forgotten: the keyed hashes of their numbers, in a table of the dataset, for pull and push.

Whoever pulls or pushes needs the key, or would not know them: without it both stop before they ask for anything.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Collection

from listrak_source.api import ConfigurationError
from listrak_source.api.phones import canonical
from listrak_source.settings import SHORTEST_KEY, Settings

TABLE = "listrak_forgotten"
COLUMNS = {
    "phone_hash": ("TEXT", "The hash of the number: HMAC-SHA256 with ``hash_key``, in hex."),
    "key_mark": ("TEXT", "A mark of the key, which tells nothing of it."),
    "forgotten_at": ("DOUBLE", "When."),
}
"""By name: the type, and what it holds."""
QUERY = f"SELECT phone_hash, key_mark FROM {TABLE}"  # noqa: S608 - our own name
FORGETTING = ("duckdb", "postgres")
"""The dialects of databases in which somebody can be forgotten."""
_HASH = re.compile("[0-9a-f]{64}")


def is_hash(phone: str) -> bool:
    """Whether a phone number is the hash of one."""
    return _HASH.fullmatch(phone) is not None


def key_of(settings: Settings) -> str:
    """The key of the settings; empty where there is none that does."""
    key = str(settings.hash_key or "")
    return key if len(key.strip()) >= SHORTEST_KEY else ""


def hash_of(key: str, phone: str) -> str:
    """The hash of a phone number in its one form."""
    return hmac.new(key.encode(), canonical(phone).encode(), "sha256").hexdigest()


def mark_of(key: str) -> str:
    """A short text that is another one for another key, and tells nothing of it."""
    return hmac.new(key.encode(), b"who was forgotten by listrak-source", "sha256").hexdigest()[:16] if key else ""


def check_columns(there: Collection[str]) -> None:
    """Raise :class:`ConfigurationError` where the table of that name is somebody else's, by its columns."""
    if lacking := COLUMNS.keys() - {column.lower() for column in there}:
        raise ConfigurationError(
            f"the table {TABLE} of this dataset has no column {', '.join(sorted(lacking))}, and so is somebody else's: "
            "rename it, or take another dataset"
        )


def check_key(key: str, marks: Collection[str]) -> None:
    """Raise :class:`ConfigurationError` where people were forgotten with another key."""
    if set(marks) - {mark_of(key)}:
        raise ConfigurationError(
            "people were forgotten in this dataset, and sources.listrak.hash_key is not the key that it was done with: "
            "give that one, or they cannot be told from others"
        )
