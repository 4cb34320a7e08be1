"""RAVDESS is what its document says; an incomplete or odd folder is told; the stand-in is like it and says so."""

import json

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("pandas")
soundfile = pytest.importorskip("soundfile")

from lib.data import DataError, load_ravdess  # noqa: E402
from lib.data import ravdess as module  # noqa: E402
from lib.data.ravdess import EMOTIONS, all_names, read_ravdess  # noqa: E402


@pytest.fixture
def some(tmp_path, monkeypatch):
    """A folder of official form with the recordings of two actors, which count as all."""
    names = {n for n in all_names() if n.endswith(("-01", "-02"))}
    monkeypatch.setattr(module, "all_names", lambda: names)
    for number, name in enumerate(sorted(names)):
        (tmp_path / f"Actor_{name[-2:]}").mkdir(exist_ok=True)
        soundfile.write(tmp_path / f"Actor_{name[-2:]}" / f"{name}.wav", np.full(480 + 3 * number, 7, np.int16), 48000)
    return tmp_path


@pytest.mark.real_data
@pytest.mark.slow
def test_the_real_recordings_have_the_documents_counts_and_lengths(real_data, monkeypatch):
    if not (real_data / "ravdess").is_dir():
        pytest.skip("RAVDESS is not among the real data")
    monkeypatch.setenv("NOTES_DATA", str(real_data))
    real = load_ravdess()
    assert len(real) == 1440
    assert real.table.groupby("sex")["speaker"].nunique().to_dict() == {"F": 12, "M": 12}
    assert real.table["speaker"].value_counts().unique().tolist() == [60]
    assert real.table["emotion"].value_counts().to_dict() == {e: 192 if e != "neutral" else 96 for e in EMOTIONS}
    assert (real.seconds.min(), real.seconds.max()) == (2.93625, 5.2719375)
    assert real.seconds.sum() == pytest.approx(5328.958, abs=0.001)
    assert not real.synthetic
    assert all(s.dtype == np.int16 and len(s) / 16000 == t for s, t in zip(real.signals, real.seconds, strict=True))
    again = load_ravdess()
    assert real.table.equals(again.table)
    assert all(np.array_equal(a, b) for a, b in zip(real.signals, again.signals, strict=True)), "from the cache"


def test_a_name_says_who_said_what_and_how(some, monkeypatch):
    monkeypatch.setattr(module.store, "fetch", lambda name: some)
    monkeypatch.setattr(module.store, "content_hash", lambda name: "known")
    first = load_ravdess()
    row = first.table.set_index("name").loc["03-01-06-01-02-01-02"]
    assert row.to_dict() == {
        "speaker": "02",
        "sex": "F",
        "seconds": row["seconds"],
        "emotion": "fearful",
        "intensity": "normal",
        "statement": 2,
        "repetition": 1,
    }
    assert first.table["name"].is_monotonic_increasing
    assert [len(s) for s in first.signals] == list(range(160, 160 + 120))
    assert first.seconds.tolist() == [n / 16000 for n in range(160, 160 + 120)]
    monkeypatch.setattr(module, "read_ravdess", None)
    again = load_ravdess()
    assert first.table.equals(again.table)
    assert all(np.array_equal(a, b) for a, b in zip(first.signals, again.signals, strict=True)), "from the cache"


def test_there_are_1440_names_and_neutral_has_one_intensity():
    assert len(all_names()) == 1440
    assert not any(name.startswith("03-01-01-02") for name in all_names())


def test_flac_files_in_one_folder_and_stereo_files_are_read_like_the_official_form(some, tmp_path):
    official = read_ravdess(some)
    for number, name in enumerate(official["names"]):
        path = some / f"Actor_{name[-2:]}" / f"{name}.wav"
        samples, rate = soundfile.read(path, dtype="int16")
        path.unlink()
        if number % 2:
            soundfile.write(some / f"{name}.flac", samples, rate)
        else:
            soundfile.write(path, np.stack([samples, samples], axis=1), rate)
    other = read_ravdess(some)
    assert all(np.array_equal(official[k], other[k]) for k in official)
    assert official["samples"].dtype == np.int16


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda f: f.write_bytes(b"no"), "03-01-08-02-02-02-02.wav can't be read as sound"),
        (lambda f: f.write_bytes(f.read_bytes()[:500]), "03-01-08-02-02-02-02.wav is cut short"),
        (lambda f: f.unlink(), "1 of 1,440 recordings are missing, the first is 03-01-08-02-02-02-02"),
        (lambda f: f.rename(f.with_stem("03-01-09-02-02-02-02")), "03-01-09-02-02-02-02.wav is not named like"),
        (lambda f: f.rename(f.with_stem("03-02-08-02-02-02-02")), "03-02-08-02-02-02-02.wav is not named like"),
        (lambda f: soundfile.write(f.with_suffix(".flac"), np.ones(9), 16000), "is there twice"),
        (lambda f: soundfile.write(f, np.zeros(480), 48000), "is silent"),
    ],
)
def test_an_odd_file_is_named_with_the_remedy(some, spoil, said):
    spoil(some / "Actor_02" / "03-01-08-02-02-02-02.wav")
    with pytest.raises(DataError, match="zenodo") as caught:
        read_ravdess(some)
    assert said in str(caught.value)


def test_the_stand_in_has_the_same_form_says_so_and_is_the_same_each_time(capsys, tmp_path, monkeypatch):
    log = tmp_path / "log"
    monkeypatch.setenv("NOTES_DATA_LOG", str(log))
    first, second = load_ravdess("synthetic"), load_ravdess("synthetic")
    assert "Synthetic stand-in for ravdess" in capsys.readouterr().out
    assert json.loads(log.read_text().splitlines()[0])["name"] == "ravdess:synthetic"
    assert first.synthetic
    assert first.table.equals(second.table)
    assert all(np.array_equal(a, b) for a, b in zip(first.signals, second.signals, strict=True))
    assert set(first.table["name"]) < all_names()
    assert first.table["emotion"].value_counts().to_dict() == dict.fromkeys(EMOTIONS, 12)
    assert first.table.groupby("sex")["speaker"].nunique().to_dict() == {"F": 3, "M": 3}
    assert all(s.dtype == np.int16 and len(s) / 16000 == t for s, t in zip(first.signals, first.seconds, strict=True))
    assert 1 <= first.seconds.min() < first.seconds.max() <= 2
    assert len(set(first.seconds)) > 50, "of different lengths"


def test_in_the_stand_in_an_angry_voice_is_louder_than_a_calm_one():
    made = load_ravdess("synthetic")
    loudness = np.array([np.log10(np.std(s.astype(float))) for s in made.signals])
    angry, calm = (loudness[made.table["emotion"] == e] for e in ("angry", "calm"))
    assert np.mean(angry[:, None] > calm[None]) > 0.9


def test_an_unknown_source_is_refused():
    with pytest.raises(DataError, match="'real' and 'synthetic'"):
        load_ravdess("rael")
