"""Pictures of diseased rice leaves from three sets, with one name for each disease throughout.

- `rice_field`: 5,932 pictures of four diseases (Sethy et al. 2020, doi:10.1016/j.compag.2020.105527). Most are turned,
  mirrored or warped copies of a few hundred photographs: `lib.data.near_copies` finds which.
- `rice_uci`: 120 pictures of single leaves on white ground, three diseases (Prajapati et al. 2017,
  doi:10.3233/IDT-170301).
- `rice_paddy`: 10,407 pictures of a Kaggle competition, nine diseases or pests and healthy plants (Petchiammal et al.
  2022, doi:10.48550/arXiv.2205.11108).

A picture's class is the name of the folder that it lies in, however it is written ("Bacterial leaf blight",
"bacterialblight").
"""

import csv
import hashlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lib.data import kept, pictures, registry, store
from lib.data.errors import DataError
from lib.data.pictures import COLUMNS, Pictures, files_of, read_pictures

if TYPE_CHECKING:
    import pandas as pd

Source = Literal["real", "synthetic"]

SIZE = 96  # pixels of a side
CLASSES = {
    "rice_field": ("bacterial blight", "blast", "brown spot", "tungro"),
    "rice_uci": ("bacterial blight", "brown spot", "leaf smut"),
    "rice_paddy": (
        "bacterial blight", "bacterial leaf streak", "bacterial panicle blight", "blast", "brown spot", "dead heart",
        "downy mildew", "hispa", "normal", "tungro",
    ),
}  # fmt: skip
_SYNONYMS = {"bacterialleafblight": "bacterial blight"}  # of one disease, by Xanthomonas oryzae pv. oryzae


def load_rice_field(source: Source = "real", size: int = SIZE) -> Pictures:
    """The 5,932 field pictures of bacterial blight, blast, brown spot and tungro, ordered by file.

    The first call decodes the files and keeps the result in the cache (164 MB at 96 pixels). `skipped` names each file
    that can't be used, with the reason. `source="synthetic"` draws 240 pictures by code, copies among them, and says
    so. Raises `DataError` when the set can't be had, a folder is no disease of the set, or a class has no picture.
    """
    return _load("rice_field", source, size)


def load_rice_uci(source: Source = "real", size: int = SIZE) -> Pictures:
    """The 120 leaves on white ground with bacterial blight, brown spot or leaf smut; as `load_rice_field` otherwise.

    The stand-in has 30 pictures, no copies.
    """
    return _load("rice_uci", source, size)


def load_rice_paddy(source: Source = "real", size: int = SIZE) -> Pictures:
    """The 10,407 labelled pictures of the Kaggle set in ten classes; as `load_rice_field` otherwise.

    The table has the columns variety (text) and age (days) besides; `bacterial_leaf_blight` is called "bacterial
    blight" as in the other sets. Raises `DataError` also when `train.csv` can't be read, does not name a picture,
    names it twice, or gives it another class than its folder. A picture that `train.csv` names and that is not there
    stands in `skipped`. The stand-in has 80 pictures, no copies.
    """
    return _load("rice_paddy", source, size)


def _load(key: str, source: Source, size: int) -> Pictures:
    if size < 1:
        raise DataError(f"size is the number of pixels of a side, 1 or more, not {size}.")
    if source == "synthetic":
        from lib.data.leaves import synthetic_rice

        return synthetic_rice(key, size)
    if source != "real":
        raise DataError(f"load_{key} knows the sources 'real' and 'synthetic', not {source!r}.")
    return read_rice(key, store.fetch(key), size, store.content_hash(key))


def read_rice(key: str, folder: Path, size: int, content: str) -> Pictures:
    """The pictures of a folder of the set `key`, at any depth; `content` is the hash of what the folder holds."""
    import pandas as pd

    folder = Path(folder)
    told = _paddy_table(folder) if key == "rice_paddy" else None
    paths = files_of(folder)
    if key == "rice_paddy":  # the competition's test pictures have no labels
        paths = [path for path in paths if path.parent.parent.name == "train_images"]
    labels = [_disease(key, path) for path in paths]
    names = [path.relative_to(folder).as_posix() for path in paths]
    chosen = hashlib.sha256("\n".join(names).encode()).hexdigest()  # what the numbers kept in `rows` mean
    made_from = f"{content} {chosen} {size} {kept.code_hash(pictures)}"
    found = kept.arrays(key, made_from, lambda: read_pictures(paths, size))
    skipped = [(names[i], str(reason)) for i, reason in zip(found["faulty"], found["reasons"], strict=True)]
    present = {path.name for path in paths}
    absent = [(name, row["label"]) for name, row in (told or {}).items() if name not in present]
    skipped += [(f"train_images/{label}/{name}", "is named in train.csv but not there") for name, label in absent]
    rows = [(names[i], labels[i], *shape) for i, shape in zip(found["rows"], found["shapes"].tolist(), strict=True)]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    if empty := [name for name in CLASSES[key] if name not in set(table["label"])]:
        example = f" ({len(skipped)} files were skipped, such as {skipped[0][0]}: {skipped[0][1]})" if skipped else ""
        raise _odd(key, f"{folder} has no usable picture of {', '.join(empty)}{example}")
    if told is not None:
        table = _with_age(table, told)
    return Pictures(
        table, found["images"], CLASSES[key], pd.DataFrame(skipped, columns=["name", "reason"], dtype=object)
    )


def _disease(key: str, path: Path) -> str:
    """The class of a picture by its folder. Raises `DataError` when the folder is none of the set's."""
    letters = "".join(c for c in path.parent.name.lower() if c.isalpha())
    known = {name.replace(" ", ""): name for name in CLASSES[key]} | _SYNONYMS
    if letters not in known:
        raise _odd(key, f"{path} lies in a folder that is none of the classes {', '.join(CLASSES[key])}: move it")
    return known[letters]


def _paddy_table(folder: Path) -> dict[str, dict[str, str]]:
    """`train.csv`: name of a picture → its row. Raises `DataError` when it is missing, odd, or names one twice."""
    path = next(folder.rglob("train.csv"), None)
    if path is None:
        raise _odd("rice_paddy", f"{folder} has no train.csv")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets put a mark in front
            rows = list(csv.DictReader(file, restval=""))
        told = Counter(row["image_id"] for row in rows)
        if twice := [name for name, times in told.items() if times > 1]:
            raise _odd("rice_paddy", f"{path} names {twice[0]} more than once")
        return {row["image_id"]: {name: row[name] for name in ("label", "variety", "age")} for row in rows}
    except UnicodeDecodeError:
        raise _odd("rice_paddy", f"{path} is not plain text") from None
    except (OSError, csv.Error) as error:
        raise _odd("rice_paddy", f"{path} can't be read ({error})") from None
    except KeyError as error:
        raise _odd("rice_paddy", f"{path} has no column {error}") from None


def _with_age(table: "pd.DataFrame", told: dict[str, dict[str, str]]) -> "pd.DataFrame":
    """The table with variety and age (days) of each picture. Raises `DataError` when train.csv doesn't fit it."""
    rows = [told.get(Path(file).name) for file in table["file"]]
    for file, row in zip(table["file"], rows, strict=True):
        if row is None or row["label"] != Path(file).parent.name:
            what = "does not name it" if row is None else f"says {row['label']}"
            raise _odd("rice_paddy", f"{file}: train.csv {what}")
        if not row["age"].isdecimal():
            raise _odd("rice_paddy", f"train.csv: the age of {Path(file).name} is {row['age']!r}, no number of days")
    return table.assign(variety=[row["variety"] for row in rows], age=[int(row["age"]) for row in rows])


def _odd(key: str, what: str) -> DataError:
    return DataError(f"{key}: {what}. {registry.get(key).remedy()}")
