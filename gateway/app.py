"""Flask application: who may call, what every reply has, how errors look."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from gateway.events.hub import EventHub
from gateway.events.readers import EventReaders
from gateway.http.authentication import BodyGate, refuses_without_token, shows_token
from gateway.http.cors import OriginPolicy
from gateway.http.errors import error_reply, http_error_reply
from gateway.http.metrics import Metrics
from gateway.http.parts import BodyParts, join_parts
from gateway.http.replies import GENERATION_HEADER
from gateway.http.request_log import RequestLog
from gateway.jobs.jobs import Jobs
from gateway.kernel.client import KernelClient
from gateway.kernel.leases import LeaseNotices
from gateway.openapi.decorate import description_of
from gateway.routes.api_docs import documentation
from gateway.routes.calls import calls
from gateway.routes.desktop import desktop
from gateway.routes.events import events
from gateway.routes.files import data_files
from gateway.routes.jobs import jobs
from gateway.routes.leases import leases
from gateway.routes.pages import files, wants_page
from gateway.routes.scripts import scripts
from gateway.routes.server import server
from gateway.server.environ import ADMITTED_KEY
from gateway.services import EXTENSION, Services
from gateway.settings import GatewaySettings
from protocol.body_parts import LIMIT_HEADER, PARTS_HEADER, PARTS_LIMIT_HEADER
from protocol.errors import InternalError, NestdError, Refused

log = logging.getLogger(__name__)

#: Parts of the application that are for browsers.
_PAGES = frozenset([files.name, desktop.name, documentation.name])


class _GatewayFlask(Flask):
    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``func`` as it is.

        No function here is a coroutine, and the check costs every request as much as its route.
        """
        return func


def create_app(settings: GatewaySettings) -> Flask:
    """Make the application for ``settings``; its connection to the kernel opens when needed."""
    app = _GatewayFlask("gateway", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.body_limit_bytes
    # Forms have no limit of their own beside that of the body.
    app.config["MAX_FORM_MEMORY_SIZE"] = None
    kernel = KernelClient(
        settings.connection_file, settings.exit_file, settings.queue_limit, settings.link_s
    )
    hub = EventHub(kernel)
    all_jobs = Jobs(kernel, settings.jobs, hub.publish, hub.publish_end)
    readers = EventReaders()
    metrics = Metrics(kernel, all_jobs, readers)
    policy = OriginPolicy(settings.origins, settings.host)
    gate = BodyGate(settings.token, policy)
    notices = LeaseNotices(kernel, settings.lease_s)
    parts = BodyParts(settings.parts_bytes)
    app.extensions[EXTENSION] = Services(
        settings, kernel, hub, readers, all_jobs, metrics, gate, notices, parts
    )
    metrics.add_to(app)
    for blueprint in (
        server,
        calls,
        scripts,
        jobs,
        leases,
        events,
        data_files,
        files,
        documentation,
    ):
        app.register_blueprint(blueprint)
    if settings.desktop is not None:
        app.register_blueprint(desktop)

    requests = RequestLog()

    def authorize() -> Response | None:
        if request.method == "OPTIONS" or _is_open(app):
            return None
        if settings.token is None:
            reason = refuses_without_token(request, policy)
            request.environ[ADMITTED_KEY] = not reason
            return error_reply(Refused(reason)) if reason else None
        if shows_token(request.headers, settings.token):
            request.environ[ADMITTED_KEY] = True
            return None
        return Response("Unauthorized", 403, mimetype="text/plain")

    def join() -> None:
        if PARTS_HEADER in request.headers:
            g.parts_bytes = join_parts(request, parts)

    def give_back(_: BaseException | None) -> None:
        if size := g.get("parts_bytes"):
            parts.give_back(size)

    def complete(reply: Response) -> Response:
        policy.add_headers(request.headers, reply.headers)
        if request.method == "OPTIONS":
            policy.add_preflight_headers(request.headers, reply.headers)
        if request.path == "/":
            reply.headers.add("Vary", "Accept")
        if GENERATION_HEADER not in reply.headers and not _is_for_people():
            # No kernel was asked. A kernel that answered has set its own generation.
            try:
                info = kernel.status.info()
            except NestdError:
                info = None
            if info is not None:
                reply.headers[GENERATION_HEADER] = info.generation
        if reply.status_code == 413:
            reply.headers[LIMIT_HEADER] = str(settings.body_limit_bytes)
            reply.headers[PARTS_LIMIT_HEADER] = str(settings.parts_bytes)
        reply.headers["X-Content-Type-Options"] = "nosniff"
        # Routes of files set their own, so that browsers keep them.
        reply.headers.setdefault("Cache-Control", "no-store")
        return reply

    app.before_request(requests.begin)
    app.before_request(authorize)
    app.before_request(join)
    app.teardown_request(give_back)
    # Flask calls the function that was added last first.
    app.after_request(requests.end)
    app.after_request(complete)
    app.register_error_handler(NestdError, error_reply)
    app.register_error_handler(HTTPException, http_error_reply)
    app.register_error_handler(Exception, _fault)
    all_jobs.resume()
    return app


def _is_open(app: Flask) -> bool:
    """Return whether the address answers requests without a token."""
    description = description_of(app.view_functions.get(request.endpoint or ""))
    return (description is not None and description.open_to_all) or _is_for_people()


def _is_for_people() -> bool:
    """Return whether the request is for a page or its files, which depend on no kernel."""
    if request.blueprint in _PAGES and request.endpoint != "documentation.openapi":
        return True
    return request.path == "/" and wants_page()


def _fault(error: Exception) -> Response:
    log.error("fault in %s %s", request.method, request.path, exc_info=error)
    return error_reply(InternalError(f"the gateway failed: {type(error).__name__}: {error}"))
