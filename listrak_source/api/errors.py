"""Everything that can go wrong with Listrak, as one tree of exceptions, a class per family of codes.

The codes are those of the contract's description. Codes that are not in it are kept, and fall back on the HTTP status.
"""

from __future__ import annotations

from typing import ClassVar

from listrak_source.api.redaction import redact


class ListrakError(Exception):
    """Base of every error of this package. It holds no secret, no token and no whole phone number, and it pickles."""

    transient: ClassVar[bool] = False
    """Whether this kind of failure may pass by itself."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        operation: str | None = None,
        may_have_acted: bool = False,
        retry_after: float | None = None,
    ) -> None:
        """Keep what is known; phone numbers in ``message`` are masked here, whoever wrote it."""
        message = redact(message)
        super().__init__(message)
        self.message: str = message
        """What happened, in a sentence."""
        self.status: int | None = status
        """The HTTP status, where there was an answer; of an error inside an HTTP success, what its body says."""
        self.code: str | None = None if code is None else redact(code)
        """The API's ``ERROR_…`` code, unknown ones too."""
        self.operation: str | None = operation
        """The client's method, or ``token`` for the token request."""
        self.unit: str | None = None
        """What was being read, for a collection: its ids and filters."""
        self.cursor_refused: bool = False
        """Whether a page was refused that a cursor led to: it may have expired. Only reading from the beginning, which
        sends no cursor, tells whether something else is wrong."""
        self.may_have_acted: bool = may_have_acted
        """True for a write whose outcome is unknown: Listrak may have done it."""
        self.retry_after: float | None = retry_after
        """Seconds that the server asked to wait, where it did."""

    @property
    def retriable(self) -> bool:
        """Whether sending the same request again makes sense: it may succeed, and cannot act twice."""
        return self.transient and not self.may_have_acted

    def __str__(self) -> str:
        known = [f"HTTP {self.status}" if self.status else "", self.code or ""]
        detail = " ".join(part for part in known if part)
        where = f" while reading {self.unit}" if self.unit and self.unit not in self.message else ""
        doubt = " It may have acted: look before sending it again." if self.may_have_acted else ""
        return (
            (f"{self.operation}: " if self.operation else "")
            + self.message
            + where
            + (f" ({detail})" if detail else "")
            + doubt
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


class ConfigurationError(ListrakError):
    """A setting of the client is missing or wrong."""


class UnsafeAddress(ConfigurationError):  # noqa: N818 - named for what is wrong, as the settings' user reads it
    """An address that the token or the secret must not be sent to."""


class AuthenticationError(ListrakError):
    """The credentials or the token were refused, or do not reach so far."""


class InvalidRequestError(ListrakError):
    """The API does not take the request as it is: a parameter, the body, the route."""


class NotSent(InvalidRequestError, ValueError):  # noqa: N818
    """A method was given what its operation does not take. Nothing was sent."""


class NotFoundError(ListrakError):
    """No such sender code, list, contact, profile field, import or message (or, on a sister API, a body too large)."""


class InactiveError(ListrakError):
    """The list is inactive, or the sender code disabled."""


class ContactStateError(ListrakError):
    """The contact's state forbids it: banned, suspended, pending, exists already, subscribed or not subscribed."""


class ContactValueError(ListrakError):
    """A phone number, email address or birthday that the API does not take."""


class ProfileFieldError(ListrakError):
    """A profile field that is unknown or disabled, or a value too long for it."""


class MessageError(ListrakError):
    """A transactional message whose content the API does not take."""


class RateLimitError(ListrakError):
    """Too many requests (429). The request was refused, so it has not acted."""

    transient = True


class ServerError(ListrakError):
    """Listrak failed (5xx)."""

    transient = True


class ConnectionFailed(ListrakError):  # noqa: N818 - ConnectionError is a builtin
    """No connection, a connection that broke, or a time-out."""

    transient = True


class UnreadableAnswer(ListrakError):  # noqa: N818
    """A success whose body is cut or does not parse."""

    transient = True


class NothingTold(UnreadableAnswer):
    """A success that tells nothing of what was asked for: no contact, or another one; no list.

    It does not say that there is none, either.
    """

    transient = False


class UnreadableCharset(UnreadableAnswer):
    """A success in a charset that is not known, or that its body is not in."""

    transient = False


class AnswerTooLarge(UnreadableAnswer):
    """A success whose body has more bytes than an answer may have."""

    transient = False


class IncompletePage(ListrakError):  # noqa: N818
    """A walk over pages that cannot be trusted to be whole. Never take what was read for all there is."""


class FullPage(IncompletePage):
    """A full page came without a cursor, so rows may be missing: ask for less at a time."""

    rows: int | None = None
    """How many rows that page held."""


class RepeatedCursor(IncompletePage):
    """A cursor came for the second time."""


class EndlessPages(IncompletePage):
    """Cursor after cursor leads to pages that bring nothing new."""


class CertificateError(ListrakError):
    """The server's TLS certificate is not trusted: trying again does not help."""


FAMILIES: dict[type[ListrakError], tuple[str, ...]] = {
    AuthenticationError: ("ERROR_INVALID_CREDENTIALS", "ERROR_UNAUTHORIZED"),
    InvalidRequestError: (
        "ERROR_INVALID_PARAMETER",
        "ERROR_MALFORMED_REQUEST_BODY",
        "ERROR_RESOURCE_DEPENDENCY",
        "ERROR_UNKNOWN_ROUTE",
        "ERROR_UNSAFE_ROUTE",
        "ERROR_UNSUPPORTED_CONTENT_TYPE",
        "ERROR_UNSUPPORTED_METHOD",
        "ERROR_UNSUPPORTED_PROTOCOL",
    ),
    NotFoundError: (
        "ERROR_INVALID_LIST_ID",
        "ERROR_PHONE_NUMBER_NOT_FOUND",
        "ERROR_TRANSACTIONAL_MESSAGE_NOT_FOUND",
        "ERROR_UNABLE_TO_LOCATE_RESOURCE",
    ),
    InactiveError: ("ERROR_LIST_INACTIVE", "ERROR_SENDER_CODE_DISABLED"),
    ContactStateError: (
        "ERROR_BANNED_PHONE_NUMBER",
        "ERROR_PENDING_PHONE_NUMBER",
        "ERROR_PHONE_NUMBER_FOUND",
        "ERROR_PHONE_NUMBER_NOT_SUBSCRIBED",
        "ERROR_PHONE_NUMBER_SUSPENDED",
        "ERROR_SUBSCRIBED_PHONE_NUMBER",
    ),
    ContactValueError: ("ERROR_BIRTHDAY_FIELD_NULL", "ERROR_INVALID_EMAIL_ADDRESS", "ERROR_INVALID_PHONE_NUMBER"),
    ProfileFieldError: (
        "ERROR_INVALID_SEGMENTATION_FIELD_ID",
        "ERROR_SEGMENTATION_FIELD_DISABLED",
        "ERROR_SEGMENTATION_MAX_LENGTH",
    ),
    MessageError: (
        "ERROR_TRANSACTIONAL_MESSAGE_CONTENT_COUPON_CODE",
        "ERROR_TRANSACTIONAL_MESSAGE_EMPTY_MESSAGE",
    ),
    ServerError: ("ERROR_UNHANDLED_EXCEPTION",),
}
"""Every code of the contract, by the class that stands for it."""

_BY_CODE = {code: family for family, codes in FAMILIES.items() for code in codes}
_BY_STATUS: dict[int, type[ListrakError]] = {403: AuthenticationError, 404: NotFoundError}


def family(status: int, code: str | None) -> type[ListrakError]:
    """Return the class for a refusal.

    A status that decides how to go on (401, 408, 429, 5xx) weighs more than the code; else the code tells more. A code
    that nobody knows, in the body of a success, is a failure of Listrak's: a write may have acted.
    """
    if status == 429:
        return RateLimitError
    if status == 401:
        return AuthenticationError
    if status == 408 or status >= 500:
        return ServerError
    usual = InvalidRequestError if status >= 400 else ServerError
    return _BY_CODE.get(code or "") or _BY_STATUS.get(status, usual)
