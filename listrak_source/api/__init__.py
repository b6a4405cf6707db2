"""Speaks HTTP with Listrak; knows nothing of tables."""

from listrak_source.api.client import ListrakClient
from listrak_source.api.errors import (
    AuthenticationError,
    CertificateError,
    ConfigurationError,
    ConnectionFailed,
    ContactStateError,
    ContactValueError,
    InactiveError,
    IncompletePage,
    InvalidRequestError,
    ListrakError,
    MessageError,
    NotFoundError,
    ProfileFieldError,
    RateLimitError,
    ServerError,
    UnreadableAnswer,
    UnsafeAddress,
)
from listrak_source.api.paging import Decoder, Page, each_record, json_page

__all__ = [
    "AuthenticationError",
    "CertificateError",
    "ConfigurationError",
    "ConnectionFailed",
    "ContactStateError",
    "ContactValueError",
    "Decoder",
    "InactiveError",
    "IncompletePage",
    "InvalidRequestError",
    "ListrakClient",
    "ListrakError",
    "MessageError",
    "NotFoundError",
    "Page",
    "ProfileFieldError",
    "RateLimitError",
    "ServerError",
    "UnreadableAnswer",
    "UnsafeAddress",
    "each_record",
    "json_page",
]
