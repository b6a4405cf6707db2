"""Who was forgotten in the warehouse of the running load."""

from __future__ import annotations

from dlt.destinations.exceptions import DatabaseException

from listrak_source.forgotten import QUERY, TABLE, check_columns, check_key, key_of
from listrak_source.pull.load import warehouse
from listrak_source.settings import Settings


def known(settings: Settings) -> frozenset[str]:
    """The hashes of their numbers.

    Raises :class:`~listrak_source.api.ConfigurationError` where the key is another, or the table somebody else's.
    """
    try:
        rows = [row for some in warehouse.raw(QUERY) for row in some.to_pylist()]
    except DatabaseException:
        for columns in warehouse.columns_there([TABLE])[0].values():
            check_columns(columns)
        raise
    check_key(key_of(settings), {str(row["key_mark"]) for row in rows})
    return frozenset(str(row["phone_hash"]) for row in rows)
