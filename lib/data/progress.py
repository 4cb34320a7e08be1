"""A progress bar where somebody looks: in a terminal or a notebook, not in the log of a batch job."""

import sys
from typing import Any


def bar(**settings: Any) -> Any:  # noqa: ANN401
    """A `tqdm` bar with `settings`; silent when neither a terminal nor a notebook shows it."""
    from tqdm import tqdm

    return tqdm(disable=not (sys.stderr.isatty() or _in_notebook()), leave=False, **settings)


def _in_notebook() -> bool:
    """Whether this process is a notebook's kernel; to have ipykernel imported is not enough."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return hasattr(shell, "kernel")
