"""What a loader returned, as a hash: runs write it down, so that a loader may be rewritten if it returns the same.

A run asks for that by naming a file in `$NOTES_DATA_LOG`, as `store.log_use` does; otherwise nothing is computed.
"""

import dataclasses
import functools
import hashlib
import inspect
import json
import os
from collections.abc import Callable, Mapping, Sequence


def fingerprint(value: object) -> str:
    """The hash of a table, of arrays, or of a collection with both: of every value in it, and of nothing else.

    It depends neither on the machine nor on the type of a table's columns of text. Signals that are read from files
    when asked for are read.

    Raises
    ------
    TypeError
        Something in it is none of these.
    """
    digest = hashlib.sha256()
    _add(value, digest.update)
    return digest.hexdigest()[:16]


def _add(value: object, update: Callable[[bytes], None]) -> None:
    import numpy as np
    import pandas as pd

    def say(text: str) -> None:
        update(text.encode() + b"\0")

    if isinstance(value, pd.DataFrame):
        say(f"table {len(value)}")
        for name in value.columns:
            say(f"column {name}")
            _add(value[name].to_numpy(), update)
    elif isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        say(f"array {value.dtype.newbyteorder('<').str} {value.shape}")
        update(np.ascontiguousarray(value.astype(value.dtype.newbyteorder("<"), copy=False)).tobytes())
    elif isinstance(value, np.ndarray):
        say(f"texts {value.shape}")
        say(json.dumps([None if pd.isna(v) else str(v) for v in value.ravel()]))
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            say(f"field {field.name}")
            _add(getattr(value, field.name), update)
    elif value is None or isinstance(value, str | int | float | bool | np.generic):
        say(f"value {value}")
    elif isinstance(value, Mapping):
        for key in sorted(value, key=str):
            say(f"key {key}")
            _add(value[key], update)
    elif isinstance(value, Sequence):
        say(f"sequence {len(value)}")
        for part in value:
            _add(part, update)
    else:
        raise TypeError(
            f"no hash of a {type(value).__qualname__}: a loader returns tables, arrays or collections of them"
        )


def told(loader: Callable) -> Callable:
    """The loader, whose calls are written to `$NOTES_DATA_LOG` with the hash of what they returned."""

    @functools.wraps(loader)
    def load(*args: object, **options: object) -> object:
        value = loader(*args, **options)
        if target := os.environ.get("NOTES_DATA_LOG", "").strip():
            line = {"call": call_text(loader, args, options), "returned": fingerprint(value)}
            with open(target, "a", encoding="utf-8") as log:
                log.write(json.dumps(line) + "\n")
        return value

    return load


def call_text(loader: Callable, args: Sequence, options: Mapping) -> str:
    """A call as Python source, `load_icbhi(rate=4000)`: the arguments that differ from the defaults, in order."""
    signature = inspect.signature(loader)
    given = signature.bind(*args, **options).arguments
    parameters = signature.parameters
    other = (f"{name}={value!r}" for name, value in given.items() if value != parameters[name].default)
    return f"{loader.__name__}({', '.join(other)})"
