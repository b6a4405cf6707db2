"""Whether one thing fails, or Listrak: what is refused for ever must not stop everything else."""

from __future__ import annotations

from listrak_source.api.client import ListrakClient
from listrak_source.api.errors import ConfigurationError, InactiveError, ListrakError, RateLimitError


def is_of_the_unit(error: ListrakError, client: ListrakClient) -> bool:
    """Whether ``error`` is about what was asked for and about nothing else: Listrak still answers another question.

    A refusal for haste, a token that cannot be had and a wrong setting are never of one thing. An error that has had
    its attempts is of one thing if the account's sender codes can be read right after it.
    """
    if isinstance(error, InactiveError):
        return True
    if isinstance(error, RateLimitError | ConfigurationError) or error.operation == "token":
        return False
    try:
        next(client.list_sender_codes(), None)
    except ListrakError:
        return False
    return True
