"""A client for Listrak as the settings say."""

from __future__ import annotations

from listrak_source.api import ListrakClient
from listrak_source.settings import Settings


def client_of(settings: Settings) -> ListrakClient:
    """The client; whoever asks for it closes it."""
    return ListrakClient(
        settings.client_id,
        settings.client_secret,
        base_url=settings.base_url,
        token_url=settings.token_url,
        workers=settings.workers,
        timeout=settings.timeout,
        max_attempts=settings.max_attempts,
        max_request_seconds=settings.max_request_seconds,
        max_answer_bytes=settings.max_answer_bytes,
        max_idle_pages=settings.max_idle_pages,
    )
