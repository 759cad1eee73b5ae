"""Keys for ``tcp://``: the gateway's own, and those that a nestd lets in (CURVE, RFC 26).

Keys lie in a directory beside the connection file, private to its user::

    keys/gateway.json       the gateway's own pair, made by the process that needs it first
    keys/authorized/*.pub   public keys of further gateways, one line each

nestd's own pair is a new one for each kernel: its public key is in the connection file, its secret
in no file. So nobody who has an old connection file reaches another kernel.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import zmq

from protocol.errors import ConfigurationError
from protocol.runtime.paths import RuntimeDirectory, make_private

_GATEWAY = "gateway.json"
_AUTHORIZED = "authorized"
#: A key as text (Z85, RFC 32).
_KEY = re.compile(r"[0-9a-zA-Z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}")


@dataclass(frozen=True)
class KeyPair:
    """Public key and its secret, as text."""

    public: str
    secret: str


def new_keys() -> KeyPair:
    """Make a new pair of keys."""
    public, secret = zmq.curve_keypair()
    return KeyPair(public.decode(), secret.decode())


def gateway_keys(directory: RuntimeDirectory) -> KeyPair:
    """Return the pair of the gateway that uses ``directory``, made on first use.

    Raises
    ------
    ConfigurationError
        If it can't be made or read, or others can read it.
    """
    path = make_private(directory.keys, closed=True) / _GATEWAY
    try:
        if not path.exists():
            _make(path)
        if path.stat().st_mode & 0o077:
            raise ConfigurationError(
                f"others can read the secret key in {path}: remove it, and a new one is made"
            )
        content = json.loads(path.read_bytes())
        keys = KeyPair(content["public"], content["secret"])
    except OSError as error:
        raise ConfigurationError(f"can't use the keys in {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"{path} has no keys in it: remove it, and new ones are made"
        ) from error
    if not (is_key(keys.public) and is_key(keys.secret)):
        raise ConfigurationError(f"{path} has no keys in it: remove it, and new ones are made")
    return keys


def _make(path: Path) -> None:
    """Make a pair, unless another process is faster."""
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(asdict(new_keys()), file)
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def authorized_keys(directory: RuntimeDirectory) -> set[str]:
    """Return the public keys of the gateways that are let in, read anew each time."""
    keys = set()
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        keys.add(str(json.loads((directory.keys / _GATEWAY).read_bytes())["public"]))
    for path in (directory.keys / _AUTHORIZED).glob("*.pub"):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            keys |= {line.strip() for line in path.read_text(encoding="ascii").splitlines()}
    return {key for key in keys if is_key(key)}


def is_key(text: object) -> bool:
    """Return whether ``text`` can be a key."""
    return isinstance(text, str) and _KEY.fullmatch(text) is not None
