"""A client as small as can be: the tests of the sandbox must not depend on the library's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import requests

from listrak_source.sandbox import Sandbox, World


class Caller:
    """Requests to one sandbox, with a token."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.session = requests.Session()
        self.session.trust_env = False
        self.renew()

    def token(self, **changes: str) -> requests.Response:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.sandbox.client_id,
            "client_secret": self.sandbox.client_secret,
        }
        return self.session.post(self.sandbox.token_url, data=form | changes, timeout=10)

    def renew(self) -> None:
        self.session.headers["Authorization"] = "Bearer " + self.token().json()["access_token"]

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        return self.session.request(method, self.sandbox.base_url + path, timeout=10, **more)

    def get(self, path: str, **query: Any) -> requests.Response:
        return self.call("GET", path, params=query)

    def data(self, path: str, **query: Any) -> Any:
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def control(self, method: str, path: str, body: Any = None) -> requests.Response:
        headers = {"X-Sandbox-Key": self.sandbox.control_key}
        given = {} if body is None and method == "POST" else body
        return self.session.request(method, self.sandbox.control_url + path, json=given, headers=headers, timeout=10)

    def pages(self, path: str, **query: Any) -> Iterator[list[Any]]:
        """Every page of a collection; the cursor is passed on as it came."""
        cursor = None
        while True:
            answer = self.get(path, **query, **({"cursor": cursor} if cursor else {}))
            assert answer.status_code == 200, answer.text
            yield answer.json()["data"]
            cursor = answer.json().get("nextPageCursor")
            if not cursor:
                return

    def all(self, path: str, **query: Any) -> list[Any]:
        return [item for page in self.pages(path, **query) for item in page]


def sender_of(world: World, turn: int = 0) -> int:
    return list(world.sender_codes)[turn]


def list_of(world: World, sender_code_id: int, name: str) -> int:
    return next(item.list_id for item in world.sender_codes[sender_code_id].lists.values() if item.name == name)


def code_of(answer: requests.Response) -> Any:
    """The error code; checks the shape of the error on the way."""
    body = answer.json()
    assert set(body) == {"status", "error", "message"}
    assert body["status"] == answer.status_code
    return body["error"]
