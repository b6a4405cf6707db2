"""What needs a person, told to Slack, where dlt's setting ``RUNTIME__SLACK_INCOMING_HOOK`` names a hook of its own."""

from __future__ import annotations

import logging
import socket
from collections.abc import Sequence
from contextlib import suppress

import dlt
import requests

from listrak_source.cli.errors import SHOW_CHANGES, Exit

log: logging.Logger = logging.getLogger(__name__)

_SCHEDULED = ("pull", "status", "models", "push")
"""The commands that nobody watches."""
_PASSES = (Exit.DONE, Exit.TRY_AGAIN, Exit.TERMINATED)
"""Exit codes that are no news: whoever runs the command does so again."""
_TIMEOUT = 10.0
_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def tell(command: str, code: int, sentences: Sequence[str]) -> None:
    """Tell of a command that has ended and needs a person. Whatever Slack answers changes nothing of that."""
    if code in _PASSES or command.partition(" ")[0] not in _SCHEDULED or command in SHOW_CHANGES:
        return
    hook: str | None = None
    with suppress(Exception):  # what is wrong may be the file of settings, and the command has said so
        hook = dlt.secrets.get("runtime.slack_incoming_hook")
    if not hook:
        return
    said = " ".join(sentences) or "Its output says why."
    text = f"listrak {command} on {socket.gethostname()} ended with exit code {code}: {said}".translate(_ESCAPED)
    try:
        requests.post(hook, json={"text": text, "mrkdwn": False}, timeout=_TIMEOUT).raise_for_status()
    except requests.RequestException as error:
        # Its text has the address, which is a secret.
        log.warning("Slack was not told that this command has failed: %s", type(error).__name__)
