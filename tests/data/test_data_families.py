"""Families of pictures: copies in any position belong together, strangers don't."""

import numpy as np
import pytest

from lib.data import copies, families, group_folds, load_rice_field
from lib.data.near_copies import hashes, positions


def scenes(count, size=40, seed=0):
    """Blurred noise, (count, size, size, 3) uint8."""
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(count, size, size, 3)), (0, 3, 3, 1))
    noise /= np.abs(noise).max(axis=(1, 2, 3), keepdims=True)
    return np.round(127 + 120 * noise).astype(np.uint8)


def test_a_picture_in_its_8_positions_is_one_family():
    one, other = scenes(2)
    images = np.stack([*positions(one), *positions(other)])
    assert families(images, 0).tolist() == [0] * 8 + [1] * 8


def test_the_8_positions_are_all_different_and_the_first_is_the_picture_itself():
    image = scenes(1)[0]
    found = positions(image)
    assert np.array_equal(found[0], image)
    assert len({p.tobytes() for p in found}) == 8


def test_families_are_numbered_as_they_appear():
    a, b, c = scenes(3)
    assert families(np.stack([c, a, c, b, a, c]), 4).tolist() == [0, 1, 0, 2, 1, 0]


def test_small_changes_of_light_and_noise_don_t_part_a_family():
    image = scenes(1)[0].astype(float)
    noise = np.random.default_rng(1).normal(0, 2, image.shape)
    changed = [image, 0.8 * image, 0.9 * image + 20, np.clip(image + noise, 0, 255)]
    images = np.stack([c.astype(np.uint8) for c in changed] + list(scenes(3, seed=5)))
    assert families(images, 8).tolist() == [0, 0, 0, 0, 1, 2, 3]


def test_links_reach_through_pictures_between():
    first, last = scenes(2, seed=3).astype(float)
    images = np.stack([(1 - t) * first + t * last for t in np.linspace(0, 1, 25)]).astype(np.uint8)
    i, j, bits = copies(images, 64)
    ends = bits[(i == 0) & (j == 24)].item()
    step = max(bits[(i == k) & (j == k + 1)].item() for k in range(24))
    assert step < ends  # the ends are not linked to each other
    assert set(families(images, step)) == {0}


def test_pairs_agree_with_a_comparison_one_by_one(monkeypatch):
    images = load_rice_field("synthetic", size=32).select(range(0, 240, 7)).images
    bits = hashes(images)
    expected = [
        (i, j, int(least))
        for i in range(len(bits))
        for j in range(i + 1, len(bits))
        if (least := min((bits[i] != bits[j, 0]).sum(1).min(), (bits[j] != bits[i, 0]).sum(1).min())) <= 20
    ]
    assert len(expected) > 20
    assert list(zip(*(part.tolist() for part in copies(images, 20)), strict=True)) == expected
    monkeypatch.setattr("lib.data.near_copies.BLOCK", 8)
    assert list(zip(*(part.tolist() for part in copies(images, 20)), strict=True)) == expected


def test_the_copies_of_the_stand_in_are_found_and_nothing_else():
    made_up = load_rice_field("synthetic")
    leaf = made_up.table["file"].str.rsplit("_", n=1).str[0]
    found = families(made_up.images, 8)
    assert found.tolist() == leaf.astype("category").cat.codes.tolist()
    folds = group_folds(found, made_up.table["label"], 4, 0)
    assert leaf.groupby(folds).nunique().tolist() == [12] * 4


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_pictures_to_compare_are_no_fault(count):
    assert families(scenes(2)[:count], 8).tolist() == [0] * count


def test_hashes_are_computed_once_for_the_same_pictures(monkeypatch):
    images = scenes(3)
    first = hashes(images)
    monkeypatch.setattr("lib.data.near_copies._hashes", lambda images: pytest.fail("computed again"))
    assert np.array_equal(hashes(images.copy()), first)
    monkeypatch.undo()


@pytest.mark.parametrize("changed", ["lib.data.kept.code_hash", "imagehash.__version__"])
def test_hashes_are_computed_anew_by_other_code(monkeypatch, changed):
    images = scenes(3)
    first = hashes(images)
    monkeypatch.setattr("lib.data.near_copies._hashes", lambda images: ~first)
    monkeypatch.setattr(changed, (lambda *modules: "other") if changed.endswith("code_hash") else "0")
    assert np.array_equal(hashes(images), ~first)


@pytest.mark.slow
@pytest.mark.real_data
def test_every_family_of_the_real_field_pictures_has_one_disease_and_holds_all_files_of_one_number(
    real_data, monkeypatch
):
    if not (real_data / "rice_field").is_dir():
        pytest.skip("rice_field is not among the real data")
    monkeypatch.setenv("NOTES_DATA", str(real_data))
    table = load_rice_field(size=64)
    found = table.table.assign(family=families(table.images, 8))
    assert 310 <= found["family"].nunique() <= 330
    assert (found.groupby("family")["label"].nunique() == 1).all()
    # The owner numbered the series of copies alike: BLAST1_042 to BLAST9_042 are one photograph.
    parts = found["file"].str.extract(r"/([A-Z]+)([1-4]?)_(\d+)\.jpg$").dropna()
    series = found.loc[parts.index].groupby([parts[0].str[:5], parts[2]])["family"].nunique()
    assert len(series) > 800
    assert (series == 1).all()
