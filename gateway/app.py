"""The Flask application: who may call, what every reply carries, how errors look."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from gateway.events.hub import Events
from gateway.http.authentication import shows_token
from gateway.http.bodies import discard_body
from gateway.http.cors import OriginPolicy
from gateway.http.errors import error_reply, http_error_reply
from gateway.http.metrics import Metrics, Readers
from gateway.http.replies import GENERATION_HEADER
from gateway.http.request_log import RequestLog
from gateway.jobs.jobs import Jobs
from gateway.kernel.client import KernelClient
from gateway.openapi.decorate import description_of
from gateway.routes.api_docs import documentation
from gateway.routes.calls import connection, routes
from gateway.routes.desktop import desktop
from gateway.routes.jobs import READERS, job_routes
from gateway.routes.pages import files, wants_page
from gateway.settings import GatewaySettings
from protocol.errors import InternalError, NestdError, Refused

log = logging.getLogger(__name__)

#: Parts of the application that are for browsers.
_PAGES = frozenset([files.name, desktop.name, documentation.name])


class _Application(Flask):
    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """As it is: nothing here is a coroutine, and looking costs every request as much as a
        route of it."""
        return func


def create_app(settings: GatewaySettings) -> Flask:
    """The application for ``settings``; its connection opens when it is needed."""
    app = _Application("gateway", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.body_limit_bytes
    # Forms have no limit of their own beside that of the body.
    app.config["MAX_FORM_MEMORY_SIZE"] = None
    to_kernel = KernelClient(
        settings.connection_file, settings.exit_file, settings.queue_limit, settings.link_s
    )
    events = Events(to_kernel)
    jobs = Jobs(to_kernel, settings.jobs, events.tell)
    app.extensions["nestd"] = to_kernel
    app.extensions["events"] = events
    readers = app.extensions["event_readers"] = Readers(READERS)
    metrics = app.extensions["metrics"] = Metrics(to_kernel, jobs, readers)
    metrics.add_to(app)
    app.extensions["jobs"] = jobs
    app.extensions["hangup_s"] = settings.hangup_s
    app.extensions["scripts_refused"] = settings.scripts_refused
    app.extensions["desktop"] = settings.desktop
    app.register_blueprint(routes)
    app.register_blueprint(job_routes)
    app.register_blueprint(files)
    app.register_blueprint(documentation)
    if settings.desktop is not None:
        app.register_blueprint(desktop)
    policy = OriginPolicy(settings.origins, settings.host)

    requests = RequestLog()

    def authorize() -> Response | None:
        if request.method == "OPTIONS" or _is_open(app):
            return None
        if settings.token is None:
            reason = policy.refuses(request.headers)
            return error_reply(Refused(reason)) if reason else None
        if shows_token(request.headers, settings.token):
            return None
        discard_body(request)
        return Response("Unauthorized", 403, mimetype="text/plain")

    def complete(reply: Response) -> Response:
        policy.add_headers(request.headers, reply.headers)
        if request.method == "OPTIONS":
            policy.add_preflight_headers(request.headers, reply.headers)
        if request.path == "/":
            reply.headers.add("Vary", "Accept")
        if GENERATION_HEADER not in reply.headers and not _is_for_people():
            # No kernel was asked. Where one was, it is its own generation that counts.
            try:
                info = connection().info()
            except NestdError:
                info = None
            if info is not None:
                reply.headers[GENERATION_HEADER] = info.generation
        reply.headers["X-Content-Type-Options"] = "nosniff"
        # Files are kept by browsers, and asked for again before they are used.
        reply.headers.setdefault("Cache-Control", "no-store")
        return reply

    app.before_request(requests.begin)
    app.before_request(authorize)
    # What is said last is what is looked at first.
    app.after_request(requests.end)
    app.after_request(complete)
    app.register_error_handler(NestdError, error_reply)
    app.register_error_handler(HTTPException, http_error_reply)
    app.register_error_handler(Exception, _fault)
    jobs.resume()
    return app


def _is_open(app: Flask) -> bool:
    """Whether the address that was asked for answers anyone."""
    described = description_of(app.view_functions.get(request.endpoint or ""))
    return (described is not None and described.open_to_all) or _is_for_people()


def _is_for_people() -> bool:
    """Whether the request is for a page or its files, which are the same whatever the kernel is."""
    if request.blueprint in _PAGES and request.endpoint != "documentation.openapi":
        return True
    return request.path == "/" and wants_page()


def _fault(error: Exception) -> Response:
    log.error("fault in %s %s", request.method, request.path, exc_info=error)
    return error_reply(InternalError(f"the gateway failed: {type(error).__name__}: {error}"))
