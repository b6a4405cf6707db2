"""The command ``listrak sandbox``: a Listrak of our own on this machine."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from listrak_source.cli.options import example
from listrak_source.cli.output.console import out
from listrak_source.cli.process.signals import Terminated
from listrak_source.sandbox import Sandbox, World, serve

app: typer.Typer = typer.Typer(add_completion=False)


@app.command(epilog=example("listrak sandbox", "listrak sandbox --contacts 1000000 --port 9000"))
def sandbox(
    contacts: Annotated[int, typer.Option(min=1, help="People in the world.")] = 50_000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same world.")] = 7,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8088,
    sender_codes: Annotated[int, typer.Option(min=1, help="Sender codes in the world.")] = 3,
    lists: Annotated[int | None, typer.Option(min=1, help="Lists per sender code; a mixture when not given.")] = None,
    values: Annotated[int | None, typer.Option(min=0, help="Profile values per contact; a mixture otherwise.")] = None,
    delay: Annotated[float, typer.Option(min=0, help="Seconds that each answer takes.")] = 0.0,
) -> None:
    """Serve a Listrak of our own on this machine, to try and to test against. Ctrl-C ends it."""

    def announce(server: Sandbox) -> None:
        out.print(
            f"A Listrak with {contacts:,} contacts listens. Point a pull at it:\n\n"
            f"export SOURCES__LISTRAK__BASE_URL={server.base_url}\n"
            f"export SOURCES__LISTRAK__TOKEN_URL={server.token_url}\n"
            f"export SOURCES__LISTRAK__CLIENT_ID={server.client_id}\n"
            f"export SOURCES__LISTRAK__CLIENT_SECRET={server.client_secret}\n\n"
            f"Faults, clock and days of life: {server.control_url}/ (see the documentation), with this key:\n\n"
            f"export LISTRAK_SANDBOX_KEY={server.control_key}\n\n"
            "Ctrl-C ends it.",
            highlight=False,
        )
        sys.stdout.flush()

    world = World(seed, contacts, sender_codes, lists, values)
    try:
        serve(world, port=port, on_listen=announce, delay=delay)
    except Terminated:
        raise
    except KeyboardInterrupt:  # Ctrl-C is the way to end it
        pass
