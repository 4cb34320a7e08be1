"""Pictures with what is known of each, all decoded to one small size.

A picture is decoded through Pillow: turned as its EXIF head says, put on white where it is transparent, converted to
RGB, and squeezed as a whole into a square by an antialiased filter. Its aspect ratio is not kept, because in
`rice_field` the shape tells the disease: tungro is the only one whose pictures are not square, so that bars at the
sides (or a crop, which would cut a UCI leaf of 1024 x 298 to its middle third) would show the class.
"""

import struct
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lib.data.errors import DataError
from lib.data.progress import bar

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

COLUMNS = ("file", "label", "width", "height")  # what every table of pictures has
ENDINGS = (".jpg", ".jpeg", ".png")
SMALLEST = 8  # pixels of the shorter side; less is no picture of anything
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")  # kinds of pixels of 8 bits or fewer
# What Pillow's decoders and its reading of EXIF raise for damaged files.
DAMAGED = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error)

_REMEDY = ". Put a sound copy of the file in its place."


@dataclass(frozen=True)
class Pictures:
    """n pictures. Row i of `table` tells of `images[i]`.

    Raises `DataError` when the table and the images differ in number, a column of `COLUMNS` lacks, a row is not
    numbered as its place, or a label is none of `classes`.
    """

    table: (
        "pd.DataFrame"  # (n, …), rows 0 to n − 1: `COLUMNS` (width and height in pixels, as stored), and the set's own
    )
    images: "np.ndarray"  # (n, size, size, 3) uint8, RGB; from the cache it is read-only
    classes: tuple[str, ...]  # in alphabetical order
    skipped: "pd.DataFrame"  # columns name, reason: files that can't be used
    synthetic: bool = False

    def __post_init__(self) -> None:
        if len(self.table) != len(self.images):
            raise DataError(f"the table tells of {len(self.table)} pictures, there are {len(self.images)} images.")
        if lacking := [column for column in COLUMNS if column not in self.table]:
            raise DataError(f"the table of pictures lacks the column {', '.join(lacking)}.")
        if not self.table.index.equals(self.table.reset_index(drop=True).index):
            raise DataError("the rows of a table of pictures are numbered 0 to n − 1: use reset_index(drop=True).")
        if strange := sorted(set(self.table["label"]) - set(self.classes)):
            raise DataError(f"{strange[0]!r} is none of the classes {', '.join(self.classes)}.")

    def __len__(self) -> int:
        return len(self.table)

    def select(self, rows: Sequence) -> "Pictures":
        """The pictures of some rows: a mask (n,) of booleans, or row numbers in the order wanted."""
        import numpy as np

        rows = np.asarray(rows) if len(rows) else np.zeros(0, int)
        numbers = np.arange(len(self))[rows]
        table = self.table.iloc[numbers].reset_index(drop=True)
        return Pictures(table, self.images[numbers], self.classes, self.skipped, self.synthetic)


def files_of(folder: Path) -> list[Path]:
    """The pictures at any depth of a folder by their endings, in small letters or capitals; nothing hidden."""
    inside = {p: p.relative_to(folder) for p in Path(folder).rglob("*") if p.suffix.lower() in ENDINGS}
    found = (p for p, name in inside.items() if not any(part.startswith(".") for part in name.parts))
    return sorted(found, key=lambda p: inside[p].as_posix())


def read_pictures(paths: Sequence[Path], size: int) -> dict[str, "np.ndarray"]:
    """Decode files, each once.

    Returns
    -------
    dict
        `rows` (n,) the numbers of the files that could be read, `images` (n, size, size, 3) uint8, `shapes` (n, 2)
        width and height in pixels as stored; `faulty` (m,) the numbers of the others, `reasons` (m,) text.
    """
    import numpy as np

    images = np.empty((len(paths), size, size, 3), np.uint8)
    rows, shapes, faulty, reasons = [], [], [], []
    with bar(total=len(paths), unit="picture", desc="decoding") as progress:
        for number, path in enumerate(paths):
            try:
                images[len(rows)], shape = read_picture(path, size)
                rows.append(number)
                shapes.append(shape)
            except DataError as error:
                faulty.append(number)
                reasons.append(str(error).removeprefix(f"{path} ").removesuffix(_REMEDY))
            progress.update()
    return {
        "rows": np.array(rows, int),
        "images": images[: len(rows)],
        "shapes": np.array(shapes, int).reshape(-1, 2),
        "faulty": np.array(faulty, int),
        "reasons": np.array(reasons, str),
    }


def read_picture(path: Path, size: int) -> "tuple[np.ndarray, tuple[int, int]]":
    """One file as (size, size, 3) uint8, RGB, with its width and height as stored; of several frames the first.

    Raises `DataError`, naming the file, when it is missing, empty, no picture, cut short, smaller than 8 pixels on a
    side, larger than Pillow takes to be safe (89 million pixels), or of more than 8 bits a channel.
    """
    import numpy as np
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        if path.stat().st_size == 0:
            raise _unusable(path, "is empty")
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as picture:
                shape, mode = picture.size, picture.mode
                if mode not in MODES:
                    raise _unusable(path, f"has pixels of a kind that is not read here ({mode})")
                if min(shape) < SMALLEST:
                    raise _unusable(path, f"has only {shape[0]} x {shape[1]} pixels")
                upright = ImageOps.exif_transpose(picture)
    except FileNotFoundError:
        raise _unusable(path, "is missing") from None
    except UnidentifiedImageError:
        raise _unusable(path, "is not a picture") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise _unusable(path, "is larger than 89 million pixels") from None
    except DAMAGED as error:
        raise _unusable(path, f"can't be read as a picture ({error})") from None
    if upright.has_transparency_data:
        layer = upright.convert("RGBA")
        upright = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return np.asarray(upright.convert("RGB").resize((size, size), Image.Resampling.BICUBIC)), shape


def _unusable(path: Path, what: str) -> DataError:
    return DataError(f"{path} {what}{_REMEDY}")
