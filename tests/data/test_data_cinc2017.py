"""The ECG records are what their document says; odd files are told; the stand-in is like them and says so."""

import json
import shutil

import pytest

np = pytest.importorskip("numpy")
scipy_io = pytest.importorskip("scipy.io")
pytest.importorskip("sklearn")

from lib.data import DataError, load_cinc2017, read_cinc2017, stratified_folds  # noqa: E402
from lib.data.cinc2017 import CLASSES, RATE, SYNTHETIC_COUNTS  # noqa: E402


@pytest.fixture
def made_up(tmp_path):
    """A folder of the form of the set with twelve records, two of each class and four more normal ones."""
    folder = tmp_path / "cinc2017"
    inside = folder / "training2017"
    inside.mkdir(parents=True)
    rng = np.random.default_rng(0)
    labels = [*CLASSES, *CLASSES, "N", "N", "N", "N"]
    for number, _ in enumerate(labels, start=1):
        value = rng.integers(-500, 500, (1, 3000 + number)).astype(np.int16)
        scipy_io.savemat(inside / f"A{number:05d}.mat", {"val": value}, format="4")
    table = "".join(f"A{n:05d},{label}\n" for n, label in enumerate(labels, start=1))
    (folder / "REFERENCE-v3.csv").write_text(table)
    (inside / "REFERENCE.csv").write_text("data_source,class\n" + table)
    return folder


@pytest.mark.real_data
@pytest.mark.slow
def test_the_real_records_have_the_documents_counts_and_lengths(real_data, monkeypatch):
    if not (real_data / "cinc2017").is_dir():
        pytest.skip("the ECGs are not among the real data")
    monkeypatch.setenv("NOTES_DATA", str(real_data))
    records = load_cinc2017()
    assert len(records) == 8528
    assert dict(zip(*np.unique(records.labels, return_counts=True), strict=True)) == {
        "A": 758, "N": 5076, "O": 2415, "~": 279,
    }  # fmt: skip
    kept = np.isin(records.labels_v2, ["N", "A"]) & (records.lengths >= 4000)
    assert kept.sum() == 5622
    assert (records.lengths[kept].min(), np.median(records.lengths[kept]), records.lengths[kept].max()) == (
        4004,
        9000,
        18286,
    )
    assert (records.labels_v2[kept] == "A").mean() == pytest.approx(0.12291, abs=5e-6)
    assert records.signals[0][:5].tolist() == [-127, -162, -197, -229, -245]
    again = load_cinc2017()
    assert all(np.array_equal(a, b) for a, b in zip(records.signals, again.signals, strict=True)), "from the cache"


def test_records_labels_and_lengths_stay_together(made_up):
    arrays = read_cinc2017(made_up)
    assert arrays["names"].tolist() == [f"A{n:05d}" for n in range(1, 13)]
    assert arrays["lengths"].tolist() == list(range(3001, 3013))
    assert arrays["samples"].dtype == np.int16
    assert len(arrays["samples"]) == arrays["lengths"].sum()
    assert arrays["labels"].tolist()[:4] == list(CLASSES)


def test_an_archive_reads_like_the_folder_it_holds(made_up):
    as_folder = read_cinc2017(made_up)
    shutil.make_archive(str(made_up / "training2017"), "xztar", made_up, "training2017")
    shutil.rmtree(made_up / "training2017")
    as_archive = read_cinc2017(made_up)
    assert all(np.array_equal(as_folder[k], as_archive[k]) for k in as_folder)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda f: (f / "training2017/A00003.mat").write_bytes(b"no"), "A00003.mat can't be read"),
        (lambda f: _cut(f / "training2017/A00003.mat"), "A00003.mat can't be read"),
        (lambda f: scipy_io.savemat(f / "training2017/A00003.mat", {"x": [1]}), "no variable `val`"),
        (lambda f: scipy_io.savemat(f / "training2017/A00003.mat", {"val": np.zeros((2, 9))}), "not one lead"),
        (lambda f: (f / "training2017/A00003.mat").unlink(), "the first is A00003"),
        (lambda f: (f / "REFERENCE-v3.csv").unlink(), "REFERENCE-v3.csv is missing"),
        (lambda f: (f / "REFERENCE-v3.csv").write_text(""), "holds no labels"),
        (lambda f: (f / "REFERENCE-v3.csv").write_text("A00001,N\nA00002,Z\n"), "line 2"),
        (lambda f: (f / "REFERENCE-v3.csv").write_bytes(b"\xff\xfe"), "not plain text"),
    ],
)
def test_an_odd_file_is_named_with_the_remedy(made_up, spoil, said):
    spoil(made_up)
    with pytest.raises(DataError, match="physionet") as caught:
        read_cinc2017(made_up)
    assert said in str(caught.value)


def _cut(path):
    path.write_bytes(path.read_bytes()[:2000])


def test_the_stand_in_has_every_class_says_so_and_is_the_same_each_time(capsys, tmp_path, monkeypatch):
    log = tmp_path / "log"
    monkeypatch.setenv("NOTES_DATA_LOG", str(log))
    first, second = load_cinc2017("synthetic"), load_cinc2017("synthetic")
    assert "Synthetic stand-in for cinc2017" in capsys.readouterr().out
    assert json.loads(log.read_text().splitlines()[0])["name"] == "cinc2017:synthetic"
    assert first.synthetic
    assert dict(zip(*np.unique(first.labels, return_counts=True), strict=True)) == SYNTHETIC_COUNTS
    assert all(np.array_equal(a, b) for a, b in zip(first.signals, second.signals, strict=True))
    assert first.lengths.min() >= 4000
    assert first.signals[0].dtype == np.int16
    assert (first.lengths % RATE == 0).all()


def test_an_unknown_source_is_refused():
    with pytest.raises(DataError, match="'real' and 'synthetic'"):
        load_cinc2017("rael")


def test_each_fold_holds_every_class_in_proportion_and_depends_on_the_seed():
    labels = np.repeat(["N", "A"], [100, 20])
    folds = stratified_folds(labels, 5, seed=1)
    assert np.bincount(folds).tolist() == [24] * 5
    assert [(folds[labels == "A"] == f).sum() for f in range(5)] == [4] * 5
    assert np.array_equal(folds, stratified_folds(labels, 5, seed=1))
    assert not np.array_equal(folds, stratified_folds(labels, 5, seed=2))


@pytest.mark.parametrize("labels", [[], ["a"] * 10 + ["b"] * 4])
def test_a_class_too_small_for_the_folds_is_refused(labels):
    with pytest.raises(ValueError, match="too few rows"):
        stratified_folds(labels, 5, seed=0)
