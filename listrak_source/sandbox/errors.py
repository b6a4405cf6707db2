"""What the API refuses, by the codes of the contract."""

from __future__ import annotations

MESSAGES: dict[str, tuple[int, str]] = {
    # general
    "ERROR_INVALID_CREDENTIALS": (401, "The integration is not active."),
    "ERROR_INVALID_LIST_ID": (400, "The list does not exist on the sender code."),
    "ERROR_INVALID_PARAMETER": (400, "A parameter is missing or invalid."),
    "ERROR_INVALID_PHONE_NUMBER": (400, "The phone number is in an invalid format."),
    "ERROR_LIST_INACTIVE": (400, "The list is inactive."),
    "ERROR_MALFORMED_REQUEST_BODY": (400, "The request body is not valid JSON."),
    "ERROR_SENDER_CODE_DISABLED": (400, "The sender code is disabled."),
    "ERROR_UNABLE_TO_LOCATE_RESOURCE": (404, "The resource could not be located."),
    "ERROR_UNAUTHORIZED": (401, "The access token is missing or not valid."),
    "ERROR_UNHANDLED_EXCEPTION": (500, "An unexpected error occurred. Our development team has been notified."),
    "ERROR_UNKNOWN_ROUTE": (404, "The route does not exist."),
    "ERROR_UNSAFE_ROUTE": (400, "The route contains an invalid character."),
    "ERROR_UNSUPPORTED_CONTENT_TYPE": (415, "Please use a Content-Type of application/json."),
    "ERROR_UNSUPPORTED_METHOD": (405, "The route does not support the requested method."),
    "ERROR_UNSUPPORTED_PROTOCOL": (400, "The request was not made over HTTPS."),
    # contact
    "ERROR_BANNED_PHONE_NUMBER": (400, "The phone number is banned from the sender code."),
    "ERROR_BIRTHDAY_FIELD_NULL": (400, "The birthday must be null when there is none."),
    "ERROR_INVALID_EMAIL_ADDRESS": (400, "The email address is in an invalid format."),
    "ERROR_INVALID_SEGMENTATION_FIELD_ID": (400, "The profile field does not exist on the sender code."),
    "ERROR_PENDING_PHONE_NUMBER": (400, "The phone number is pending double opt-in on the list."),
    "ERROR_PHONE_NUMBER_FOUND": (400, "The phone number already exists on the sender code."),
    "ERROR_PHONE_NUMBER_NOT_FOUND": (404, "The phone number does not exist on the sender code."),
    "ERROR_PHONE_NUMBER_NOT_SUBSCRIBED": (400, "The phone number is not subscribed to the list."),
    "ERROR_PHONE_NUMBER_SUSPENDED": (400, "The service of the phone number is suspended."),
    "ERROR_SEGMENTATION_FIELD_DISABLED": (400, "The profile field is disabled."),
    "ERROR_SEGMENTATION_MAX_LENGTH": (400, "The value is too long for the profile field."),
    "ERROR_SUBSCRIBED_PHONE_NUMBER": (400, "The phone number is already subscribed to the list."),
    # transactional message
    "ERROR_TRANSACTIONAL_MESSAGE_CONTENT_COUPON_CODE": (400, "The content cannot have coupon code tags in it."),
    "ERROR_TRANSACTIONAL_MESSAGE_EMPTY_MESSAGE": (400, "The content is empty after its profile tags are filled in."),
    "ERROR_TRANSACTIONAL_MESSAGE_NOT_FOUND": (404, "The transactional message does not exist on the list."),
}
"""Code -> (HTTP status, message). The codes are the contract's; it gives the statuses as a list apart, so which code
comes with which status is our reading. ``ERROR_RESOURCE_DEPENDENCY`` is left out: it answers the deletion of a resource
in use, and the one DELETE among the 20 operations ends a subscription, on which nothing else depends."""


class Refused(Exception):  # noqa: N818 - it is an answer of the domain, not a fault of the program
    """Listrak says no. ``code`` is one of the contract's ``ERROR_…`` codes."""

    def __init__(self, code: str, message: str | None = None) -> None:
        self.code = code
        status, usual = MESSAGES[code]
        self.status: int = status
        self.message: str = message or usual
        super().__init__(f"{code}: {self.message}")
