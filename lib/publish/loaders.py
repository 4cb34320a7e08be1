"""What each call of a loader returned, as hashes: runs are tied to that instead of to the loader's code.

The file `data/loaded.json` holds for each call the hash of what it returned and the key of the loader's code
that did so. While the key holds, nothing has to be loaded to know what a call returns; when it changes, `prove_loaders`
calls the loader again.
"""

import json
from collections.abc import Callable
from pathlib import Path

from lib.publish.key import Tree, loader_reach
from lib.publish.project import RESULTS, PublishError, write_atomically

LOADED = "loaded.json"


def known_calls(results: Path = RESULTS) -> dict[str, dict[str, str]]:
    """Call of a loader → what it returned, and the key of the loader then.

    Raises
    ------
    PublishError
        The file can't be read.
    """
    file = results.parent / LOADED
    if not file.is_file():
        return {}
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise PublishError(f"{file}: no JSON ({error}); take it back from version control") from None


def keep_calls(loaded: dict[str, str], results: Path = RESULTS, tree: Tree | None = None) -> None:
    """Write down what calls of loaders returned just now."""
    tree = tree or Tree.at()
    known = known_calls(results)
    for call, returned in loaded.items():
        known[call] = {"returned": returned, "key": loader_reach(call.partition("(")[0], tree).key}
    write_atomically(results.parent / LOADED, json.dumps(dict(sorted(known.items())), indent=1) + "\n")


def loader_problems(loaded: dict[str, str], results: Path, tree: Tree) -> list[str]:
    """Which loaders may return something else than they did in a run."""
    known, found = known_calls(results), []
    for call, returned in loaded.items():
        now = known.get(call)
        if now is None or now["returned"] != returned:
            found.append(f"{call} returns something else than it did")
        elif now["key"] != loader_reach(call.partition("(")[0], tree).key:
            found.append(f"the code of {call} changed (`python -m lib prove` compares what it returns)")
    return found


def prove_loaders(say: Callable[[str], None], results: Path = RESULTS) -> int:
    """Call every loader whose code changed again, and compare what it returns; how many return something else."""
    import lib.data
    from lib.data.loaded import fingerprint

    tree, failed = Tree.at(), 0
    for call, known in known_calls(results).items():
        if not loader_problems({call: known["returned"]}, results, tree):
            continue
        name, _, arguments = call.removesuffix(")").partition("(")
        try:
            options = eval(f"dict({arguments})", {"__builtins__": {"dict": dict}})
            returned = fingerprint(getattr(lib.data, name)(**options))
        except lib.data.DataError as error:
            say(f"{call}: not proven, {error}")
            failed += 1
            continue
        if returned == known["returned"]:
            keep_calls({call: returned}, results, tree)
            say(f"{call}: returns the same as before")
        else:
            say(f"{call}: returns something else; what was computed from it has to be computed again")
            failed += 1
    return failed


def link_sets(cache: Path, into: Path) -> None:
    """Let an empty cache have the data sets that lie in another, and nothing that was made of them."""
    for folder in cache.iterdir() if cache.is_dir() else ():
        if not folder.name.startswith(".") and (folder / ".fetched.json").is_file():
            into.mkdir(parents=True, exist_ok=True)
            (into / folder.name).symlink_to(folder.resolve())
