"""The data commands: `python -m lib data list | fetch NAME… | where NAME | verify [NAME…]`.

Exit status: 0 done, 1 a set is absent, damaged or out of reach, 2 a mistake in the command.
"""

import argparse
import sys
from typing import Any

from lib.data import registry, store
from lib.data.errors import DataError, UnknownSet


def main(argv: list[str] | None = None) -> int:
    """Run one command; errors are one sentence on stderr. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m lib data", description="Data sets: list, fetch, find, verify.")
    add_commands(parser.add_subparsers(metavar="command", required=True))
    try:
        options = parser.parse_args(argv)
        return options.run(options)
    except SystemExit as stop:  # argparse has said what is wrong, or printed the help
        return int(stop.code or 0)
    except DataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, UnknownSet) else 1
    except KeyboardInterrupt:
        print("error: stopped; a download goes on where it was when run again.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output has gone: nothing to tell it
        sys.stderr.close()
        return 1


def add_commands(subparsers: Any) -> None:  # noqa: ANN401 - argparse keeps the type to itself
    """Add the four commands to the result of `ArgumentParser.add_subparsers`; each sets `run`."""
    command = subparsers.add_parser("list", help="all sets: size, whether they are here, licence")
    command.set_defaults(run=_list)
    command = subparsers.add_parser("fetch", help="download, verify and unpack sets that are not here")
    command.add_argument("names", nargs="+", metavar="NAME")
    command.set_defaults(run=_fetch)
    command = subparsers.add_parser("where", help="the folder of a set that is here")
    command.add_argument("name", metavar="NAME")
    command.set_defaults(run=_where)
    command = subparsers.add_parser("verify", help="read sets again and compare hashes; all that are here by default")
    command.add_argument("names", nargs="*", metavar="NAME")
    command.set_defaults(run=_verify)


def _list(options: argparse.Namespace) -> int:
    rows = [("name", "here", "download", "licence", "title")]
    for name in registry.names():
        dataset = registry.get(name)
        if store.find(dataset):
            here = "yes"
        elif dataset.gated:
            here = "ask"
        else:
            here = "no" if dataset.downloads or dataset.mirrors else "by hand"
        size = f"{dataset.size / 1e6:,.0f} MB" if dataset.size else "-"
        rows.append((name, here, size, dataset.licence, dataset.title))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)) + "  " + row[-1])
    return 0


def _fetch(options: argparse.Namespace) -> int:
    for name in options.names:  # a misspelt name is told before anything is downloaded
        registry.get(name)
    failed = 0
    for name in options.names:
        try:
            print(f"{name}: {store.fetch(name)}")
        except DataError as error:
            print(f"error: {error}", file=sys.stderr)
            failed = 1
    return failed


def _where(options: argparse.Namespace) -> int:
    folder = store.find(registry.get(options.name))
    if folder is None:
        print(
            f"error: {options.name} is not here. Run: python -m lib data fetch {options.name}",
            file=sys.stderr,
        )
        return 1
    print(folder)
    return 0


def _verify(options: argparse.Namespace) -> int:
    wanted = options.names or [n for n in registry.names() if any(p.exists() for p in store.places(registry.get(n)))]
    failed = 0
    for name in wanted:
        problems = store.check(name)
        if problems:
            print(f"error: {name}: {'; '.join(problems)}. {registry.get(name).remedy()}", file=sys.stderr)
            failed = 1
        else:
            print(f"{name}: {store.content_hash(name)}")
    return failed
