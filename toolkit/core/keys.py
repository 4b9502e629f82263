"""Keys of providers: from the environment or a file of their owner alone; never written, never shown."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from toolkit.core.errors import InputError, ProviderError

HIDDEN = "[key]"


def read_key(variable: str, file: str | None = None) -> str | None:
    """The key in a file, else in an environment variable, else None.

    Raises InputError for a file that cannot be read, is empty, or that others can read as well, and for a variable
    that holds more than one word.
    """
    if file is None:
        told = os.environ.get(variable, "").split()
        if len(told) > 1:
            raise InputError(f"{variable} does not hold one key", "set it to the key alone, without blanks or lines")
        return told[0] if told else None
    path = Path(file).expanduser()
    try:
        mode = path.stat().st_mode
        key = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as failure:
        raise InputError(f"the key file {path} cannot be read: {type(failure).__name__}", "check its path") from failure
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise InputError(
            f"others can read the key file {path}", f"run `chmod 600 {path}` and, if in doubt, make a new key"
        )
    if not key or len(key.split()) != 1:
        raise InputError(f"the key file {path} does not hold one key", "write the key into it, alone on its line")
    return key


def no_key(provider: str, variable: str) -> ProviderError:
    fix = f"set {variable}, or name a file with `key_file` that only you can read"
    return ProviderError(f"{provider} needs a key and {variable} is not set", fix)


def hide(text: str, keys: Iterable[str | None]) -> str:
    """A text of a server without the keys that it may repeat."""
    for key in keys:
        if key:
            text = text.replace(key, HIDDEN)
    return text
