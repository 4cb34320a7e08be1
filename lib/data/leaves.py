"""The stand-ins of the sets of rice pictures: leaves drawn by code, in the form of the real ones."""

from typing import TYPE_CHECKING

from lib.data import store
from lib.data.pictures import COLUMNS, Pictures
from lib.data.rice import CLASSES

if TYPE_CHECKING:
    import numpy as np

SEED = 52
DRAWN = 96  # pixels: leaves are drawn at this size and then resized
PHOTOGRAPHS = {"rice_field": 12, "rice_uci": 10, "rice_paddy": 8}  # of each class
COPIES = {"rice_field": 5, "rice_uci": 1, "rice_paddy": 1}  # of each photograph
# Of each class: lesions a leaf, their length and width (leaf widths), and colour.
LOOKS = {
    "bacterial blight": (3, 1.6, 0.30, (214, 196, 120)),
    "bacterial leaf streak": (9, 0.9, 0.07, (190, 140, 60)),
    "bacterial panicle blight": (4, 0.5, 0.35, (150, 120, 100)),
    "blast": (5, 0.45, 0.22, (170, 165, 150)),
    "brown spot": (16, 0.13, 0.12, (105, 60, 25)),
    "dead heart": (1, 3.0, 0.60, (200, 180, 140)),
    "downy mildew": (12, 0.25, 0.20, (215, 215, 190)),
    "hispa": (7, 1.2, 0.05, (235, 235, 215)),
    "leaf smut": (40, 0.06, 0.05, (40, 40, 35)),
    "normal": (0, 0.1, 0.1, (0, 0, 0)),
    "tungro": (2, 2.4, 0.75, (225, 160, 50)),
}


def synthetic_rice(key: str, size: int) -> Pictures:
    """Made-up leaves in the form of `load_<key>("real")`.

    Of rice_field 4 classes with 12 leaves of 5 copies each, turned, mirrored and slightly stretched: the file "blast/
    leaf03_2.jpg" is copy 2 of leaf 3. Of rice_uci 3 classes with 10 leaves on white, of rice_paddy 10 with 8 leaves.
    """
    import numpy as np
    import pandas as pd
    from PIL import Image

    rows, images = [], []
    for number, label in enumerate(CLASSES[key]):
        for leaf in range(PHOTOGRAPHS[key]):
            rng = np.random.default_rng((SEED, *key.encode(), number, leaf))
            photograph = _leaf(rng, label, white=key == "rice_uci")
            for copy in range(COPIES[key]):
                image = photograph if copy == 0 else _copied(rng, photograph)
                resized = Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC)
                images.append(np.asarray(resized))
                rows.append((f"{label}/leaf{leaf:02d}_{copy}.jpg", label, DRAWN, DRAWN))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    if key == "rice_paddy":
        rng = np.random.default_rng((SEED, 0))
        table = table.assign(variety="made up", age=rng.integers(45, 83, len(table)))
    store.log_use(f"{key}:synthetic", f"seed-{SEED}-{len(table)}")
    print(f"Synthetic stand-in for {key}: drawn by code, its numbers mean nothing.")
    nothing = pd.DataFrame(columns=["name", "reason"], dtype=object)
    return Pictures(table, np.stack(images), CLASSES[key], nothing, synthetic=True)


def _leaf(rng: "np.random.Generator", label: str, white: bool) -> "np.ndarray":
    """One leaf from edge to edge with the lesions of a class, (DRAWN, DRAWN, 3) uint8."""
    import numpy as np

    y, x = np.mgrid[:DRAWN, :DRAWN] / DRAWN - 0.5
    angle, bend = rng.uniform(0, np.pi), rng.uniform(-0.5, 0.5)
    along = x * np.cos(angle) + y * np.sin(angle)
    across = y * np.cos(angle) - x * np.sin(angle) + bend * along**2 + rng.uniform(-0.1, 0.1)
    half = rng.uniform(0.16, 0.26)
    if white:
        picture = np.full((DRAWN, DRAWN, 3), 245.0)
    else:  # soil and other leaves, out of focus
        waves = sum(
            np.sin(rng.uniform(5, 25) * (x * np.cos(a) + y * np.sin(a)) + rng.uniform(0, 6))
            for a in rng.uniform(0, np.pi, 6)
        )
        picture = rng.uniform(50, 130, 3) + 10 * waves[..., None]
    inside = np.clip((half - np.abs(across)) * DRAWN, 0, 1)[..., None]
    green = np.array([95, 150, 60]) + rng.normal(0, 12, 3)
    blade = green * (1 + 0.08 * np.cos(across / half * 25) + 0.25 * np.exp(-((across / half * 12) ** 2)))[..., None]
    count, length, width, colour = LOOKS[label]
    for _ in range(count):
        far = np.hypot(
            (along - rng.uniform(-0.5, 0.5)) / (length * half),
            (across - rng.uniform(-0.7, 0.7) * half) / (width * half),
        )
        cover = np.clip(3 * (1.2 - far), 0, 1)[..., None]
        blade = blade * (1 - cover) + cover * (np.array(colour) + rng.normal(0, 8, 3))
    picture = picture * (1 - inside) + inside * blade + rng.normal(0, 4, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


def _copied(rng: "np.random.Generator", photograph: "np.ndarray") -> "np.ndarray":
    """A copy in another position, stretched by a few hundredths and a little lighter or darker."""
    import numpy as np
    from PIL import Image

    from lib.data.near_copies import positions

    turned = positions(photograph)[int(rng.integers(8))]
    cut = rng.uniform(0, 0.02 * DRAWN, 4)
    box = (cut[0], cut[1], DRAWN - cut[2], DRAWN - cut[3])
    stretched = Image.fromarray(turned).resize((DRAWN, DRAWN), Image.Resampling.BILINEAR, box)
    return np.clip(np.asarray(stretched) * rng.uniform(0.95, 1.05), 0, 255).astype(np.uint8)
