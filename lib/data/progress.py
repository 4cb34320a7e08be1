"""A progress bar where somebody looks: in a terminal or a notebook, not in the log of a batch job."""

import sys
from typing import Any


def bar(**settings: Any) -> Any:  # noqa: ANN401
    """A `tqdm` bar with `settings`; silent when neither a terminal nor a notebook shows it."""
    from tqdm import tqdm

    shown = sys.stderr.isatty() or "ipykernel" in sys.modules
    return tqdm(disable=not shown, leave=False, **settings)
