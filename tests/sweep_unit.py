"""What the trainings of a unit are made of, taken out of its notebook for the tests of that unit."""

from pathlib import Path

from lib.publish.project import read_notebook
from lib.publish.sweep import definitions


def defined(notebook: Path, parts: tuple[str, ...], data: str) -> dict:
    """The names that the cells of some parts of the sweep define, on the real set or on the stand-in."""
    names: dict = {}
    for part in parts:
        code = definitions(read_notebook(notebook), part)
        assert code.count('data = "real"') == 1
        exec(code.replace('data = "real"', f'data = "{data}"'), names)
    return names
