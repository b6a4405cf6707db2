"""Keeps phone numbers, email addresses and secrets out of messages and logs."""

from __future__ import annotations

import logging
import re

_SEPARATOR = r"(?:%20|%2B|%28|%29|[\s().+-])"
_PHONE = re.compile(rf"\d(?:{_SEPARATOR}{{0,3}}\d){{9,}}", re.IGNORECASE)
_SECRET = re.compile(r"""(bearer\s+|(?:client_secret|access_token)["']?\s*[:=]\s*["']?)[^\s"'&,}]+""", re.IGNORECASE)
_PASSWORD = re.compile(r"(://[^/\s:@]*:)[^\s\"']+(?=@)")
_MAIL = re.compile(r"[\w.%+-]+(?=@[\w-]+(?:\.[\w-]+)+)")
_API_PATH = "/ShortCode"
_LOGGERS = ("urllib3.connectionpool", "urllib3.connection", "urllib3.util.retry")


def redact(text: str, *secrets: str) -> str:
    """Return ``text`` without ``secrets``, bearer tokens and passwords in addresses, and with no whole phone number.

    Each run of ten or more digits is cut to its last four. Digits count as one run across the separators that people
    write in phone numbers, percent-encoded ones too.
    """
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return _PHONE.sub(lambda run: f"…{_last_digits(run.group())}", _PASSWORD.sub(r"\1***", _SECRET.sub(r"\1***", text)))


def redact_people(text: str) -> str:
    """The same for what a machine keeps and a person seldom reads: of email addresses the server alone stays."""
    return _MAIL.sub("…", redact(text))


def mask_phone(phone: str) -> str:
    """Return the last four digits of a phone number of any length: ``…1234``."""
    return f"…{_last_digits(phone)}"


def _last_digits(text: str) -> str:
    return re.sub(r"%[0-9A-Fa-f]{2}|\D", "", text)[-4:]


class _MaskPhones(logging.Filter):
    """Masks phone numbers in log records about Listrak's paths; other programs' records pass untouched."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if _API_PATH in text:
            record.msg, record.args = redact(text), None
        return True


_FILTER = _MaskPhones()


def guard_logs() -> None:
    """Mask phones in urllib3's log: at DEBUG it prints every path, and Listrak's paths hold phone numbers."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_FILTER)
