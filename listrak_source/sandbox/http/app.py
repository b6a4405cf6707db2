"""The API over ASGI: routes, and everything that stands between a request and its handler."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from listrak_source.api.operations import OPERATIONS, Operation
from listrak_source.sandbox.errors import Refused
from listrak_source.sandbox.faults import TOKEN, Fault
from listrak_source.sandbox.http import breakage, import_routes
from listrak_source.sandbox.http.control_routes import CONTROL_PATH, control_routes
from listrak_source.sandbox.http.get_routes import Reads
from listrak_source.sandbox.http.guard import Guard
from listrak_source.sandbox.http.import_routes import ImportFile
from listrak_source.sandbox.http.responses import Answer, Call, failure, json_bytes, render_page, written
from listrak_source.sandbox.http.write_routes import Writes
from listrak_source.sandbox.service import Service
from listrak_source.sandbox.world.phone_forms import with_taken

API_PATH = "/sms/v1"
TOKEN_PATH = "/OAuth2/Token"  # noqa: S105 - a path

_UNSAFE = frozenset("&<>*%:\\")
Handler = Callable[[Call], Answer]


def create_app(service: Service) -> ASGIApp:
    """The whole server: the 20 operations, the token endpoint, and the control routes."""
    return Guard(_Api(service).app(), CONTROL_PATH, service.control_key)


class _Api:
    def __init__(self, service: Service) -> None:
        self.service = service
        self.tasks: set[asyncio.Task[None]] = set()

    def app(self) -> Starlette:
        reads = Reads(self.service.world, self.service.import_files)
        writes = Writes(self.service.world, self.service.import_files, self.start_import)
        routes = [Route(TOKEN_PATH, self.token, methods=["POST"])]
        for name, operation in OPERATIONS.items():
            handler: Handler = getattr(reads, name, None) or getattr(writes, name)
            route = Route(
                API_PATH + operation.path, self.endpoint(name, operation, handler), methods=[operation.method]
            )
            # Starlette adds HEAD to every GET; Listrak's contract has none.
            route.methods = {operation.method}
            routes.append(route)
        app = Starlette(
            routes=[*routes, *control_routes(self.service)],
            exception_handlers={HTTPException: self.no_route, Exception: self.crashed},
        )
        app.router.redirect_slashes = False
        return app

    # -- the API ----------------------------------------------------------------------------------------------------

    def endpoint(self, name: str, operation: Operation, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """An endpoint of one operation: faults, checks in the order of a web server, the handler, the answer."""

        async def respond(request: Request) -> Response:
            service, quirks = self.service, self.service.quirks
            service.traffic.note(name, request.method, request.url.path, request.url.query)
            fault = service.faults.take(name, request.url.path)
            await asyncio.sleep(service.delay + (fault.seconds if fault else 0.0))
            if fault and fault.kind == "revoked_token":
                service.tokens.revoke()
            if fault and not fault.acts and (broken := await breakage.instead(fault, request, quirks)) is not None:
                return self.stamped(broken)
            try:
                self.check(request)
                if (wait := service.traffic.wait()) is not None:
                    return self.too_many(wait)
                body = await self.body(request) if operation.body else {}
                content = self.answer(request, handler, body, fault)
            except Refused as refused:
                return self.refusal(refused)
            if fault and (broken := await breakage.instead(fault, request, quirks)) is not None:
                return self.stamped(broken)
            if fault and (mangled := breakage.mangled(fault, content, operation.status)) is not None:
                return self.stamped(mangled)
            return self.json(content, operation.status)

        return respond

    def answer(self, request: Request, handler: Handler, body: dict[str, Any], fault: Fault | None) -> bytes:
        url = request.url
        quirks = self.service.quirks
        call = Call(
            with_taken(request.path_params, quirks),
            dict(parse_qsl(url.query, keep_blank_values=True)) if url.query else {},
            quirks,
            f"{url.scheme}://{url.netloc}{url.path}",
            with_taken(body, quirks),
        )
        with self.service.world.lock:
            answer = handler(call)
        if isinstance(answer, bytes):
            # A resource is in an envelope.
            return breakage.spoiled(fault, answer, 2) if answer.endswith(b"}}") else answer
        return render_page(breakage.turned(fault, answer) if fault else answer, call)

    def check(self, request: Request) -> None:
        """What is refused before anybody looks at the resource."""
        check_protocol_and_route(request)
        if self.service.tokens.paused:
            raise Refused("ERROR_INVALID_CREDENTIALS")
        if not self.service.tokens.accepts(request.headers.get("authorization")):
            raise Refused("ERROR_UNAUTHORIZED")

    async def body(self, request: Request) -> dict[str, Any]:
        """The JSON object of a body."""
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type != "application/json":
            raise Refused("ERROR_UNSUPPORTED_CONTENT_TYPE")
        chunks, size, limit = [], 0, self.service.max_body
        async for chunk in request.stream():
            size += len(chunk)
            if size <= limit:
                chunks.append(chunk)
            else:
                chunks.clear()  # read on to the end, or the client would see a broken pipe and not the answer
        if size > limit:
            # A sister API answers 404 and not 413.
            raise Refused("ERROR_UNKNOWN_ROUTE", "The request body is too large.")
        try:
            body = json.loads(b"".join(chunks))
        except ValueError:
            raise Refused("ERROR_MALFORMED_REQUEST_BODY") from None
        if not isinstance(body, dict):
            raise Refused("ERROR_MALFORMED_REQUEST_BODY", "The request body must be a JSON object.")
        return body

    def start_import(self, job: ImportFile) -> None:
        task = asyncio.get_running_loop().create_task(self.run_import(job))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def run_import(self, job: ImportFile) -> None:
        """Works through an import beside everything else, in about the real seconds that the service says."""
        seconds, begun = self.service.import_seconds, asyncio.get_running_loop().time()
        await asyncio.sleep(seconds / 4)
        for done in import_routes.run(self.service.world, job, self.service.quirks):
            left = begun + seconds * (0.25 + 0.75 * done) - asyncio.get_running_loop().time()
            await asyncio.sleep(max(left, 0.0))

    # -- the token endpoint -----------------------------------------------------------------------------------------

    async def token(self, request: Request) -> Response:
        service, quirks = self.service, self.service.quirks
        service.traffic.note(TOKEN, request.method, request.url.path, request.url.query)
        fault = service.faults.take(TOKEN)
        await asyncio.sleep(fault.seconds if fault else 0.0)
        if fault and (broken := await breakage.instead(fault, request, quirks)) is not None:
            return self.stamped(broken)
        form = dict(parse_qsl((await request.body()).decode("utf-8", errors="replace")))
        is_form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        granted = service.tokens.issue(form if is_form else {}, alone=quirks.tokens == "latest")
        if granted is None:
            status = 400 if quirks.error_style == "http" else 200
            return self.json(json_bytes({"error": "Invalid Credentials"}), status)
        content = json_bytes(granted)
        mangled = breakage.mangled(fault, content, 200) if fault else None
        return self.stamped(mangled) if mangled is not None else self.json(content, 200)

    # -- answers ----------------------------------------------------------------------------------------------------

    async def no_route(self, request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException) and error.status_code == 405:
            refused = Refused("ERROR_UNSUPPORTED_METHOD")
        else:
            refused = Refused("ERROR_UNKNOWN_ROUTE")
        self.service.traffic.note("unknown", request.method, request.url.path, request.url.query)
        try:
            check_protocol_and_route(request)
        except Refused as earlier:
            refused = earlier
        return self.refusal(refused)

    async def crashed(self, request: Request, error: Exception) -> Response:  # noqa: ARG002 - Starlette's signature
        return self.refusal(Refused("ERROR_UNHANDLED_EXCEPTION"))

    def refusal(self, refused: Refused) -> Response:
        return self.stamped(failure(refused.status, refused.code, refused.message, self.service.quirks))

    def too_many(self, wait: float) -> Response:
        # The contract has no code for this; the limit itself is not documented either.
        response = self.stamped(failure(429, "", "Too many requests.", self.service.quirks))
        if self.service.traffic.limit and self.service.traffic.limit.retry_after:
            response.headers["Retry-After"] = str(math.ceil(wait))
        return response

    def json(self, content: bytes, status: int) -> Response:
        content, content_type = written(content, self.service.quirks)
        return self.stamped(Response(content, status, media_type=content_type))

    def stamped(self, response: Response) -> Response:
        """Every answer tells the world's time, and not the real one."""
        response.headers["Date"] = self.service.world.clock.http_date()
        return response


def check_protocol_and_route(request: Request) -> None:
    """Everything on loopback counts as HTTPS, unless a header says that a proxy was asked over plain HTTP."""
    if request.headers.get("x-forwarded-proto", "https").lower() == "http":
        raise Refused("ERROR_UNSUPPORTED_PROTOCOL")
    if not _UNSAFE.isdisjoint(request.scope["path"]):
        raise Refused("ERROR_UNSAFE_ROUTE")
