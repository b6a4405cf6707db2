"""The token endpoint's side of the world: client credentials in, access tokens out."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping


class Tokens:
    """Tokens live in real time, whatever the world's clock says: it is the client's clock that counts them down."""

    def __init__(self, client_id: str, client_secret: str, lifetime: float) -> None:
        self.client_id = client_id
        self.client_secret = client_secret
        self.lifetime = lifetime
        """Seconds."""
        self.issued: int = 0
        self.paused = False
        """A paused integration gets no token, and its tokens are refused."""
        self._expires: dict[str, float] = {}

    def issue(self, form: Mapping[str, str], *, alone: bool = False) -> dict[str, object] | None:
        """The answer to a token request, or null for bad credentials. A token that is ``alone`` ends all others."""
        known = form.get("client_id") == self.client_id and form.get("client_secret") == self.client_secret
        if self.paused or not known or form.get("grant_type") != "client_credentials":
            return None
        if alone:
            self.revoke()
        self.issued += 1
        token = hashlib.sha256(f"{self.client_id} {self.issued}".encode()).hexdigest()
        self._expires[token] = time.monotonic() + self.lifetime
        return {"access_token": token, "token_type": "bearer", "expires_in": int(self.lifetime)}

    def accepts(self, authorization: str | None) -> bool:
        """Whether an ``Authorization`` header carries a token that is still good."""
        scheme, _, token = (authorization or "").partition(" ")
        return scheme.lower() == "bearer" and self._expires.get(token.strip(), 0.0) > time.monotonic()

    def revoke(self) -> None:
        """No token given so far is good any more."""
        self._expires.clear()
