"""Where the sockets for gateways are bound: in a private directory, or on a network."""

from __future__ import annotations

import os
import re
import socket as network
from dataclasses import dataclass

import zmq

from protocol.errors import ConfigurationError
from protocol.process.environment import Environment
from protocol.process.tcp_keepalive import set_keepalive
from protocol.security.curve_keys import KeyPair

_FORM = re.compile(r"tcp://(?P<interface>[^:/\s]+):(?P<port>\d{1,5}|\*)")
#: The domain that the gatekeeper is asked about.
ZAP_DOMAIN = b"nestd"


@dataclass(frozen=True)
class Binding:
    """An interface, by its name or address, ``*`` being all, and a port of it."""

    interface: str
    #: For commands, the next one being for events; ``None`` for any two.
    port: int | None = None

    def endpoint(self, offset: int = 0) -> str:
        """Of the port, or of one that follows."""
        port = "*" if self.port is None else str(self.port + offset)
        return f"tcp://{self.interface}:{port}"


def parse_binding(text: str) -> Binding:
    """The binding that ``text`` names.

    Raises
    ------
    ConfigurationError
        If it names none.
    """
    found = _FORM.fullmatch(text)
    port = None if found is None or found["port"] == "*" else int(found["port"])
    if found is None or (port is not None and not 1 <= port < 65_535):
        raise ConfigurationError(
            f"{text!r:.100} is nothing to bind to: it has to be tcp://INTERFACE:PORT, where "
            "INTERFACE is a name as eth0, an address, or * for all, and PORT a number, or * for any"
        )
    return Binding(found["interface"], port)


def binding_from(flag: str | None) -> Binding | None:
    """Where to bind by a flag, or ``NEST_SERVER_BIND``; ``None`` if neither says.

    Raises
    ------
    ConfigurationError
        If that is nothing to bind to.
    """
    text = flag or Environment(os.environ).optional_text("NEST_SERVER_BIND")
    return parse_binding(text) if text else None


def bind_guarded(socket: zmq.Socket[bytes], endpoint: str, keys: KeyPair) -> str:
    """Bind ``socket`` on the network, for gateways that the gatekeeper lets in.

    Returns
    -------
    The endpoint that they connect to.

    Raises
    ------
    ConfigurationError
        If it can't be bound.
    """
    socket.curve_server = True
    socket.curve_secretkey = keys.secret.encode()
    socket.zap_domain = ZAP_DOMAIN
    # Without a gatekeeper nobody is let in, instead of everybody.
    socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
    return bind_linked(socket, endpoint)


def bind_linked(socket: zmq.Socket[bytes], endpoint: str) -> str:
    """Bind ``socket`` on the network, and close links that are cut; the endpoint for others.

    Raises
    ------
    ConfigurationError
        If it can't be bound, or has no address that others can reach.
    """
    set_keepalive(socket)
    return bind(socket, endpoint)


def bind(socket: zmq.Socket[bytes], endpoint: str) -> str:
    """The same with nobody who watches the link."""
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
    """An address of this host, by its name.

    Raises
    ------
    ConfigurationError
        If its name has none.
    """
    name = network.gethostname()
    try:
        return network.gethostbyname(name)
    except OSError as error:
        raise ConfigurationError(
            f"this host's name, {name}, has no address: choose an interface with --bind"
        ) from error
