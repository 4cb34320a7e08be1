"""The command line: `python -m lib data | run | status | sweep | prove | reproduce | numbers | pictures | …`."""

import argparse
import sys
from pathlib import Path

from lib.publish.project import ROOT, SCALES, PublishError, notebooks, pages, read_notebook, write_atomically

KEPT = ROOT / "data" / "cache" / "sweeps"  # what sweeps had stored before


def short(path: Path) -> str:
    path = path.resolve()
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def command_run(args: argparse.Namespace) -> int:
    from lib.publish.execute import run
    from lib.publish.stamp import problems

    chosen = [p.resolve() for p in args.notebook] or [p for p in notebooks() if problems(p)]
    if not chosen:
        print("Every notebook is up to date; name one to run it all the same.")
    elif args.scale == "cpu":
        from lib.publish.reproduce import duration

        stamps = [read_notebook(p).get("metadata", {}).get("provenance") or {} for p in chosen]
        took = duration(sum(s.get("seconds", 0) for s in stamps))
        print(f"{len(chosen)} of {len(notebooks())} notebooks to run, {took} by what they took before.")
    failed = 0
    for path in chosen:
        try:
            run(path, args.scale)
        except PublishError as error:
            print(error, file=sys.stderr)
            failed += 1
    return 1 if failed else 0


def command_status(args: argparse.Namespace) -> int:
    from lib.publish.key import Tree
    from lib.publish.stamp import problems
    from lib.publish.sweep import sweep_problems

    stale, tree = 0, Tree.at()
    for path in notebooks():
        reasons = problems(path, tree=tree) + sweep_problems(path, tree=tree)
        stale += bool(reasons)
        print(f"{short(path)}: {'; '.join(reasons) if reasons else 'up to date'}")
    return 1 if stale else 0


def set_aside(file: Path) -> None:
    """Copy the stored runs, hours of work, to a folder outside version control: a sweep drops those of other code."""
    from lib.publish.stamp import digest

    if file.is_file():
        text = file.read_text(encoding="utf-8")
        write_atomically(KEPT / f"{file.stem}.{digest(text)}.jsonl", text)


def command_sweep(args: argparse.Namespace) -> int:
    from lib.publish.sweep import sweep, sweep_file

    set_aside(sweep_file(args.notebook))
    return 1 if sweep(args.notebook, args.jobs, only=args.only, cluster=args.cluster) else 0


def command_prove(args: argparse.Namespace) -> int:
    from lib.publish.prove import prove

    return 1 if prove([p.resolve() for p in args.notebook] or notebooks(), args.jobs) else 0


def command_reproduce(args: argparse.Namespace) -> int:
    from lib.publish.reproduce import reproduce

    chosen = [p.resolve() for p in args.notebook] or notebooks()
    return 1 if reproduce(chosen, args.into.resolve(), ROOT, args.jobs, args.cluster) else 0


def command_numbers(args: argparse.Namespace) -> int:
    from lib.publish.numbers import UnknownMetric, refresh

    failed = 0
    for path in pages():
        try:
            if refresh(path):
                print(f"{short(path)}: brought up to date")
        except UnknownMetric as error:
            print(f"{short(path)}: {error}", file=sys.stderr)
            failed += 1
    return 1 if failed else 0


def command_pictures(args: argparse.Namespace) -> int:
    from lib.publish.cards import draw_cards
    from lib.publish.pictures import draw_all

    for path in [*draw_all(), *draw_cards()]:
        print(short(path))
    return 0


def command_student(args: argparse.Namespace) -> int:
    from lib.publish.student import stale, write_students

    if args.check:
        faults = stale()
        for fault in faults:
            print(f"{fault}; run `python -m lib student`", file=sys.stderr)
        return 1 if faults else 0
    for path in write_students():
        print(f"{short(path)}: brought up to date")
    return 0


def command_site(args: argparse.Namespace) -> int:
    from lib.publish.render import render

    warnings = render()
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return 1 if warnings else 0


def command_preview(args: argparse.Namespace) -> int:
    from lib.publish.render import preview

    return preview(port=args.port)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m lib", description="The tools of Engineering notes.")
    commands = top.add_subparsers(dest="command", required=True, metavar="command")

    commands.add_parser("data", help="list, fetch, find and verify the data sets")

    run = commands.add_parser("run", help="execute notebooks and store outputs, stamp and results")
    run.add_argument(
        "notebook", nargs="*", type=Path, help="the notebooks; with none, every one that is not up to date"
    )
    run.add_argument("--scale", choices=SCALES, default="cpu", help="smoke stores nothing (default cpu)")
    run.set_defaults(call=command_run)

    status = commands.add_parser("status", help="say which notebooks are out of date, and why")
    status.set_defaults(call=command_status)

    sweep = commands.add_parser("sweep", help="run a notebook's settings that have no stored run yet")
    sweep.add_argument("notebook", type=Path)
    sweep.add_argument("--jobs", type=int, default=-1, help="processes at a time (default: one a core)")
    sweep.add_argument("--only", default="", help="only settings whose JSON holds this text")
    sweep.add_argument("--cluster", metavar="ADDRESS", help="a Dask scheduler, whose workers then run the settings")
    sweep.set_defaults(call=command_sweep)

    prove = commands.add_parser(
        "prove", help="carry outputs over a refactoring, where old and new code compute the same"
    )
    prove.add_argument("notebook", nargs="*", type=Path, help="the notebooks; with none, all")
    prove.add_argument("--jobs", type=int, default=-1, help="processes at a time (default: one a core)")
    prove.set_defaults(call=command_prove)

    reproduce = commands.add_parser("reproduce", help="compute pages and sweeps from nothing in a folder, and compare")
    reproduce.add_argument("notebook", nargs="*", type=Path, help="the notebooks; with none, all")
    reproduce.add_argument("--into", type=Path, default=ROOT / "data" / "cache" / "reproduced", help="the folder")
    reproduce.add_argument("--jobs", type=int, default=-1, help="processes at a time (default: one a core)")
    reproduce.add_argument("--cluster", metavar="ADDRESS", help="a Dask scheduler, whose workers then run the sweeps")
    reproduce.set_defaults(call=command_reproduce)

    numbers = commands.add_parser("numbers", help="bring the numbers quoted in prose up to date")
    numbers.set_defaults(call=command_numbers)

    pictures = commands.add_parser("pictures", help="draw the site's own pictures again")
    pictures.set_defaults(call=command_pictures)

    student = commands.add_parser("student", help="make the student versions of notebooks with solutions")
    student.add_argument("--check", action="store_true", help="only say which are out of date")
    student.set_defaults(call=command_student)

    site = commands.add_parser("site", help="render the site into _site")
    site.set_defaults(call=command_site)

    preview = commands.add_parser("preview", help="serve the site here and render again at every change")
    preview.add_argument("--port", type=int, default=4200)
    preview.set_defaults(call=command_preview)
    return top


def main(argv: list[str] | None = None) -> int:
    """Run one command; the exit status is 0 when all is well, 1 for a fault in the tree, 2 for a wrong call."""
    words = sys.argv[1:] if argv is None else argv
    if words[:1] == ["data"]:
        from lib.data.commands import main as data_main

        return data_main(words[1:])
    args = parser().parse_args(words)
    try:
        return args.call(args)
    except PublishError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; nothing was changed", file=sys.stderr)
        return 130
