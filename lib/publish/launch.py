"""One training of a page on several GPUs or machines: the page's own cells, run by `accelerate launch`.

    accelerate launch --num_processes 4 -m lib.publish.launch notebooks/ecg_lstm/ecg_lstm.ipynb '"seed": 0'

trains the first setting of the page's sweep whose JSON holds that text; every process runs the same cells, and the
trainer divides each batch among them. On several machines the same line runs on each, with accelerate's own options
(`--num_machines`, `--machine_rank`, `--main_process_ip`). The result goes to the screen, and to a file if one is named;
it is not stored among the sweep's runs, because another number of processes adds up in another order.
"""

import argparse
import json
import os
import re
import sys
from pathlib import Path

from lib.publish.project import PublishError, read_notebook, write_atomically
from lib.publish.runs import setting_key
from lib.publish.sweep import definitions, settings


def chosen(notebook: dict, path: Path, text: str) -> dict:
    """The first setting of the sweep whose JSON holds a text.

    Raises
    ------
    PublishError
        None does; the message shows what they look like.
    """
    wanted = settings(notebook, path)
    if not wanted:
        raise PublishError(f"{path}: it has no sweep, so there is no training to launch")
    for setting in wanted:
        if text in setting_key(setting):
            return setting
    raise PublishError(f"{path}: no setting holds {text!r}; the first of {len(wanted)} is {setting_key(wanted[0])}")


def with_stand_in(source: str, notebook: dict) -> str:
    """The source with the names of data sets that the notebook's smoke scale sets."""
    for name, value in notebook["metadata"]["notes"]["smoke"].items():
        if isinstance(value, str):
            source = re.sub(rf"^{name} = .*$", f"{name} = {value!r}", source, flags=re.M)
    return source


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="accelerate launch … -m lib.publish.launch", description=__doc__)
    parser.add_argument("notebook", type=Path)
    parser.add_argument(
        "setting", nargs="?", default="", help="text that the setting's JSON holds; by default the first"
    )
    parser.add_argument("--epochs", type=int, help="instead of the setting's own")
    parser.add_argument("--stand-in", action="store_true", help="on data made by code, to try it out")
    parser.add_argument("--into", type=Path, help="a file for the result")
    args = parser.parse_args(argv)
    try:
        notebook = read_notebook(args.notebook)
        setting = chosen(notebook, args.notebook, args.setting)
    except PublishError as error:
        print(error, file=sys.stderr)
        return 1
    source = definitions(notebook, setting["part"])
    if args.stand_in:
        source = with_stand_in(source, notebook)
    if args.epochs:
        setting = {**setting, "epochs": args.epochs}
    names: dict = {"__name__": "notebook"}
    exec(compile(source, args.notebook.name, "exec"), names)
    result = names[f"run_{setting['part']}"](dict(setting))
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if int(os.environ.get("RANK", "0")) == 0:
        shown = {k: v for k, v in result.items() if isinstance(v, int | float)}
        print(f"{setting_key(setting)} in {processes} processes: {json.dumps(shown) if shown else ', '.join(result)}")
        if args.into:
            write_atomically(
                args.into, json.dumps({"setting": setting, "processes": processes, "result": result}) + "\n"
            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
