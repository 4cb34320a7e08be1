"""Which pictures are copies of one photograph: turned by quarters, mirrored, or slightly changed.

A picture's perceptual hash is 64 bits: the signs, about their median, of the lowest 8 x 8 coefficients of a cosine
transform of its grey values at 32 x 32 (`imagehash.phash`, https://github.com/JohannesBuchner/imagehash; the method is
Zauner's thesis of 2010, https://www.phash.org/docs/pubs/thesis_zauner.pdf). Two pictures are linked when the hash of
one, in any of its 8 turns and mirrors, differs from the other's in few bits. A family is all that links connect,
directly or through others.

Among the 5,932 pictures of `rice_field` at 96 pixels, 8 bits make 320 families. All whose files carry one number stay
together (the owner numbered the series of copies alike), none has two diseases, and the links by which 6 and 8 bits
join more than 4 do were looked at: all show one scene. From 10 bits on strangers are joined, at 16 almost everything.
What the hash can't see is a crop of the same photograph moved by more than a few hundredths: three such pairs of
families were found by shifting.
"""

import hashlib
import sys
from typing import TYPE_CHECKING

from lib.data import kept
from lib.data.progress import bar

if TYPE_CHECKING:
    import numpy as np

SIDE = 32  # pixels: the size that phash works at
BITS = 64
BLOCK = 1024  # pictures compared with all others at a time: 24 MB a block among 6,000


def families(images: "np.ndarray", distance: int) -> "np.ndarray":
    """The family of each picture, (n,) int from 0 in order of first appearance.

    Parameters
    ----------
    images : (n, size, size, 3) uint8.
    distance : bits of 64, the most by which two linked pictures differ.
    """
    import numpy as np
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first, second, _ = copies(images, distance)
    links = coo_array((np.ones(len(first), bool), (first, second)), shape=(len(images), len(images)))
    _, parts = connected_components(links, directed=False)
    _, appearance, parts = np.unique(parts, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(appearance))[parts]


def copies(images: "np.ndarray", distance: int) -> "tuple[np.ndarray, np.ndarray, np.ndarray]":
    """All pairs of pictures that differ by `distance` bits at most in the best of 8 positions.

    Returns
    -------
    first, second, bits : (pairs,) int each
        Numbers of the pictures, first < second, in this order, and by how many bits they differ.
    """
    import numpy as np

    signs = np.where(hashes(images), np.float32(1), np.float32(-1))  # (n, 8, 64)
    found = []
    with bar(total=len(signs), unit="picture", desc="comparing") as progress:
        for start in range(0, len(signs), BLOCK):
            block = slice(start, start + BLOCK)
            # A turned hash is not exactly the hash of the turned picture's bits, so both of a pair are turned.
            alike = signs[block, 0] @ signs[start:, 0].T
            for turn in range(1, 8):
                np.maximum(alike, signs[block, turn] @ signs[start:, 0].T, out=alike)
                np.maximum(alike, signs[block, 0] @ signs[start:, turn].T, out=alike)
            bits = ((BITS - alike) / 2).astype(int)
            first, second = np.nonzero(bits <= distance)
            ahead = first < second
            found.append(np.stack([first + start, second + start, bits[first, second]])[:, ahead])
            progress.update(len(alike))
    pairs = np.concatenate(found, axis=1) if found else np.zeros((3, 0), int)
    return pairs[0], pairs[1], pairs[2]


def hashes(images: "np.ndarray") -> "np.ndarray":
    """(n, 8, 64) bool: the hashes of each picture as it is, turned by 1 to 3 quarters, and the same mirrored.

    Kept in the cache under a hash of the images, of this module and of the version of imagehash.
    """
    import imagehash
    import numpy as np

    content = hashlib.sha256(np.ascontiguousarray(images)).hexdigest()
    made_from = f"{content} {images.shape} {kept.code_hash(sys.modules[__name__])} {imagehash.__version__}"
    return kept.arrays("near_copies", made_from, lambda: {"bits": _hashes(images)})["bits"]


def _hashes(images: "np.ndarray") -> "np.ndarray":
    import imagehash
    import numpy as np
    from PIL import Image

    bits = np.empty((len(images), 8, BITS), bool)
    with bar(total=len(images), unit="picture", desc="hashing") as progress:
        for row, image in zip(bits, images, strict=True):
            small = Image.fromarray(image).convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
            for turn, turned in enumerate(positions(np.asarray(small))):
                row[turn] = imagehash.phash(Image.fromarray(turned)).hash.ravel()
            progress.update()
    return bits


def positions(image: "np.ndarray") -> "list[np.ndarray]":
    """A square picture (size, size, …) in its 8 positions: turned by 0 to 3 quarters, then mirrored and turned."""
    import numpy as np

    return [np.ascontiguousarray(np.rot90(side, quarters)) for side in (image, image[:, ::-1]) for quarters in range(4)]
