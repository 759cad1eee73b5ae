"""Binding of the sockets for gateways: in a private directory, or on a network."""

from __future__ import annotations

import contextlib
import os
import re
import socket as network
from dataclasses import dataclass
from pathlib import Path

import zmq

from protocol.errors import ConfigurationError
from protocol.process.environment import Environment
from protocol.process.tcp_keepalive import set_keepalive
from protocol.runtime.private_files import bind_private
from protocol.security.curve_keys import KeyPair
from protocol.wire.bounds import SIZE_LIMIT_BYTES

_FORM = re.compile(r"tcp://(?P<interface>[^:/\s]+):(?P<port>\d{1,5}|\*)")
#: The domain that the zap authenticator is asked about.
ZAP_DOMAIN = b"nestd"


@dataclass(frozen=True)
class Binding:
    """Interface, by its name or address or ``*`` for all, and a port of that interface."""

    interface: str
    #: For commands, the next one being for events; ``None`` for any two.
    port: int | None = None

    def endpoint(self, offset: int = 0) -> str:
        """Return the endpoint of the port, or of the port ``offset`` places behind."""
        port = "*" if self.port is None else str(self.port + offset)
        return f"tcp://{self.interface}:{port}"


def parse_binding(text: str) -> Binding:
    """Return the binding that ``text`` names.

    Raises
    ------
    ConfigurationError
        If ``text`` names no binding.
    """
    match = _FORM.fullmatch(text)
    port = None if match is None or match["port"] == "*" else int(match["port"])
    if match is None or (port is not None and not 1 <= port < 65_535):
        raise ConfigurationError(
            f"{text!r:.100} is nothing to bind to: it has to be tcp://INTERFACE:PORT, where "
            "INTERFACE is a name as eth0, an address, or * for all, and PORT a number, or * for any"
        )
    return Binding(match["interface"], port)


def binding_from(flag: str | None) -> Binding | None:
    """Return the binding of a flag, or of ``NEST_SERVER_BIND``; ``None`` if neither is set.

    Raises
    ------
    ConfigurationError
        If the text names no binding.
    """
    text = flag or Environment(os.environ).optional_text("NEST_SERVER_BIND")
    return parse_binding(text) if text else None


def bind_guarded(socket: zmq.Socket[bytes], endpoint: str, keys: KeyPair) -> str:
    """Bind ``socket`` on the network, for gateways that the zap authenticator lets in.

    Returns
    -------
    The endpoint that they connect to.

    Raises
    ------
    ConfigurationError
        If ``socket`` can't be bound.
    """
    socket.curve_server = True
    socket.curve_secretkey = keys.secret.encode()
    socket.zap_domain = ZAP_DOMAIN
    # Without a zap authenticator no gateway is let in, instead of every one.
    socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
    return bind_linked(socket, endpoint)


def bind_linked(socket: zmq.Socket[bytes], endpoint: str) -> str:
    """Bind ``socket`` on the network with keepalives, and return the endpoint for other hosts.

    Raises
    ------
    ConfigurationError
        If ``socket`` can't be bound, or has no address that other hosts can reach.
    """
    set_keepalive(socket)
    return bind(socket, endpoint)


def bind(socket: zmq.Socket[bytes], endpoint: str) -> str:
    """Bind ``socket`` on the network without keepalives, and return its endpoint for others."""
    try:
        socket.bind(endpoint)
    except zmq.ZMQError as error:
        raise ConfigurationError(f"can't bind {endpoint}: {error.strerror}") from error
    bound = bytes(socket.get(zmq.LAST_ENDPOINT)).rstrip(b"\0").decode()
    address, _, port = bound.removeprefix("tcp://").rpartition(":")
    if address == "0.0.0.0":  # noqa: S104  # replaces it
        address = own_address()
    return f"tcp://{address}:{port}"


def own_address() -> str:
    """Return an address of this host, looked up by its name.

    Raises
    ------
    ConfigurationError
        If the name has no address.
    """
    name = network.gethostname()
    try:
        return network.gethostbyname(name)
    except OSError as error:
        raise ConfigurationError(
            f"this host's name, {name}, has no address: choose an interface with --bind"
        ) from error


def open_router(
    context: zmq.Context[zmq.Socket[bytes]], stack: contextlib.ExitStack
) -> zmq.Socket[bytes]:
    """Return a new ROUTER socket, which ``stack`` closes."""
    socket = context.socket(zmq.ROUTER)
    # No answer may be dropped because its receiver is slow; the queue bounds their number.
    socket.set_hwm(0)
    # Of each frame, before memory is taken for it: who sends more is disconnected.
    socket.maxmsgsize = SIZE_LIMIT_BYTES
    socket.linger = 1000
    stack.callback(socket.close)
    return socket


def bind_beside(socket: zmq.Socket[bytes], path: Path, stack: contextlib.ExitStack) -> str:
    """Bind ``socket`` to ``path``, which ``stack`` removes, and return the endpoint."""
    endpoint = bind_private(socket, path)
    stack.callback(path.unlink, missing_ok=True)
    return endpoint
