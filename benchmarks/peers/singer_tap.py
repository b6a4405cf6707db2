"""The same job as a Singer tap, written with Meltano's SDK the way its documentation and its template say.

Profile values stay a nested array, which target-duckdb writes as JSON: a stream of its own would fetch all pages again.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

from singer_sdk import RESTStream, Tap
from singer_sdk import typing as th
from singer_sdk.authenticators import OAuthAuthenticator


class Authenticator(OAuthAuthenticator):
    @property
    def oauth_request_body(self) -> dict[str, str]:
        return {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
        }


class ListrakStream(RESTStream):
    records_jsonpath = "$.data[*]"
    next_page_token_jsonpath = "$.nextPageCursor"  # noqa: S105 - a path
    parameters: ClassVar[dict[str, Any]] = {}

    @property
    def url_base(self) -> str:
        return self.config["base_url"]

    @cached_property
    def authenticator(self) -> Authenticator:
        return Authenticator(
            client_id=self.config["client_id"],
            client_secret=self.config["client_secret"],
            auth_endpoint=self.config["token_url"],
        )

    def get_url_params(self, context: Any, next_page_token: Any) -> dict[str, Any]:  # noqa: ARG002
        return self.parameters | ({"cursor": next_page_token} if next_page_token else {})


class SenderCodes(ListrakStream):
    name = "sender_codes"
    path = "/ShortCode"
    primary_keys = ("shortCodeId",)
    schema = th.PropertiesList(
        th.Property("shortCodeId", th.IntegerType, required=True), th.Property("code", th.StringType)
    ).to_dict()

    def get_child_context(self, record: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG002
        return {"shortCodeId": record["shortCodeId"]}


class Lists(ListrakStream):
    name = "lists"
    path = "/ShortCode/{shortCodeId}/PhoneList"
    parent_stream_type = SenderCodes
    primary_keys = ("shortCodeId", "phoneListId")
    parameters: ClassVar[dict[str, Any]] = {"count": 5000}
    schema = th.PropertiesList(
        th.Property("shortCodeId", th.IntegerType, required=True),
        th.Property("phoneListId", th.IntegerType, required=True),
        th.Property("phoneListName", th.StringType),
        th.Property("createDate", th.StringType),
        th.Property("status", th.StringType),
    ).to_dict()

    def get_child_context(self, record: dict[str, Any], context: Any) -> dict[str, Any]:
        return {"shortCodeId": context["shortCodeId"], "phoneListId": record["phoneListId"]}


class Contacts(ListrakStream):
    name = "contacts"
    path = "/ShortCode/{shortCodeId}/PhoneList/{phoneListId}/Contact"
    parent_stream_type = Lists
    primary_keys = ("shortCodeId", "phoneListId", "phoneNumber")
    parameters: ClassVar[dict[str, Any]] = {"count": 5000, "optedOut": "false"}
    schema = th.PropertiesList(
        th.Property("shortCodeId", th.IntegerType, required=True),
        th.Property("phoneListId", th.IntegerType, required=True),
        th.Property("phoneNumber", th.StringType, required=True),
        th.Property("emailAddress", th.StringType),
        th.Property("firstName", th.StringType),
        th.Property("lastName", th.StringType),
        th.Property("birthday", th.StringType),
        th.Property("postalCode", th.StringType),
        th.Property("optedOut", th.BooleanType),
        th.Property(
            "segmentationFieldValues",
            th.ArrayType(
                th.ObjectType(th.Property("segmentationFieldId", th.IntegerType), th.Property("value", th.StringType))
            ),
        ),
    ).to_dict()


class ContactsOptedOut(Contacts):
    name = "contacts_opted_out"
    parameters: ClassVar[dict[str, Any]] = {"count": 5000, "optedOut": "true"}


class OptOuts(ListrakStream):
    name = "opt_outs"
    path = "/ShortCode/{shortCodeId}/OptOut"
    parent_stream_type = SenderCodes
    primary_keys = ("shortCodeId", "phoneNumber", "optOutDate")
    parameters: ClassVar[dict[str, Any]] = {"count": 5000}
    schema = th.PropertiesList(
        th.Property("shortCodeId", th.IntegerType, required=True),
        th.Property("phoneNumber", th.StringType, required=True),
        th.Property("optOutDate", th.StringType),
        th.Property("optOutReason", th.StringType),
    ).to_dict()


class TapListrak(Tap):
    name = "tap-listrak"
    config_jsonschema = th.PropertiesList(
        *(
            th.Property(name, th.StringType, required=True)
            for name in ("base_url", "token_url", "client_id", "client_secret")
        )
    ).to_dict()

    def discover_streams(self) -> list[ListrakStream]:
        return [stream(tap=self) for stream in (SenderCodes, Lists, Contacts, ContactsOptedOut, OptOuts)]


if __name__ == "__main__":
    TapListrak.cli()
