"""Listrak SMS: sender codes, lists, contacts, profile values, opt-outs, subscriptions and consent events.

The source itself is the package ``listrak-source``, of which requirements.txt tells. This folder is what ``dlt init``
copies into a project: it names the two secrets that dlt asks for, and hands on the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import dlt
from dlt.extract import DltResource

import listrak_source
from listrak_source import contact_import, pull, where

__all__ = ["contact_import", "listrak_sms", "pull", "where"]


@dlt.source(name="listrak_sms", section="listrak", max_table_nesting=0)
def listrak_sms(
    client_id: str = dlt.secrets.value, client_secret: str = dlt.secrets.value, **options: Any
) -> Iterable[DltResource]:
    """All tables, for ``pipeline.run``; ``options`` are those of ``listrak_source.listrak_sms``."""
    source = listrak_source.listrak_sms(client_id=client_id, client_secret=client_secret, **options)
    return tuple(source.resources.values())
