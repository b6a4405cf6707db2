"""A Listrak of our own on loopback: all 20 operations over real HTTP, for demos and tests.

from listrak_source.sandbox import Sandbox, World

with Sandbox(World(seed=7, contacts=2000)) as sandbox:
    print(sandbox.base_url, sandbox.token_url, sandbox.client_id, sandbox.client_secret)
"""

from __future__ import annotations

try:
    import httptools as _httptools  # noqa: F401
    import starlette as _starlette  # noqa: F401
    import uvicorn as _uvicorn  # noqa: F401
except ImportError as _error:
    raise ImportError(
        'the sandbox needs its extra: pip install "listrak-source[sandbox]"', name=_error.name
    ) from _error

from listrak_source.sandbox.errors import Refused
from listrak_source.sandbox.faults import Fault
from listrak_source.sandbox.quirks import Quirks
from listrak_source.sandbox.rate_limits import RateLimit
from listrak_source.sandbox.server import Sandbox, serve
from listrak_source.sandbox.world.model import Event, Sent
from listrak_source.sandbox.world.world import World

__all__ = ["Event", "Fault", "Quirks", "RateLimit", "Refused", "Sandbox", "Sent", "World", "serve"]
