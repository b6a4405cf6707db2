"""The same small Listrak as in the tests of the pull, and a warehouse in each place."""

from tests.pull.conftest import sandbox, served, warehouse

__all__ = ["sandbox", "served", "warehouse"]
