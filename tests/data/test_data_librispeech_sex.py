"""One clip a reader from either form of the set; what is wrong is named; the stand-in can be told apart by pitch."""

import json

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("pandas")
soundfile = pytest.importorskip("soundfile")

from lib.data import DataError, load_librispeech_sex, read_librispeech_sex  # noqa: E402
from lib.data import librispeech_sex as module  # noqa: E402

LINES = """\
; reader_id: the ID of the reader in the LibriVox's database
;ID  |SEX| SUBSET           |MINUTES| NAME
14   | F | train-clean-360  | 25.03 | Somebody
19   | F | train-clean-100  | 25.19 | Anybody
40   | F | train-clean-100  | 25.07 | Nobody | of two names
103  | M | train-clean-100  | 25.01 | Everybody
"""
CUT = {"40-121026-0000": 2.0, "103-1240-0000": 7.0, "19-198-0000": 6.5}  # seconds


def sound(seconds, seed):
    return np.random.default_rng(seed).integers(-9000, 9000, round(16000 * seconds)).astype(np.int16)


@pytest.fixture
def cut(tmp_path, monkeypatch):
    """A folder with SPEAKERS.TXT and one flac of each of three readers, who count as all."""
    monkeypatch.setattr(module, "SPEAKERS", 3)
    folder = tmp_path / "librispeech_sex"
    folder.mkdir()
    (folder / "SPEAKERS.TXT").write_text(LINES)
    for seed, (name, seconds) in enumerate(CUT.items()):
        soundfile.write(folder / f"{name}.flac", sound(seconds, seed), 16000)
    return folder


@pytest.fixture
def official(cut, tmp_path):
    """The same three readers in the official form, with more utterances and chapters."""
    folder = tmp_path / "official"
    (folder / "LibriSpeech").mkdir(parents=True)
    (folder / "LibriSpeech" / "SPEAKERS.TXT").write_text(LINES)
    more = ["40-121026-0001", "40-222-0000", "103-1240-0001", "103-1241-0000", "19-227-0000"]
    for name in [*CUT, *more]:
        reader, chapter, _ = name.split("-")
        place = folder / "LibriSpeech" / "train-clean-100" / reader / chapter
        place.mkdir(parents=True, exist_ok=True)
        samples = soundfile.read(cut / f"{name}.flac", dtype="int16")[0] if name in CUT else sound(1, 99)
        soundfile.write(place / f"{name}.flac", samples, 16000)
        (place / f"{reader}-{chapter}.trans.txt").write_text("words")
    return folder


@pytest.mark.real_data
def test_the_real_set_has_251_readers_with_six_seconds_each_or_a_whole_utterance(real_data, monkeypatch):
    if not (real_data / "librispeech_sex").is_dir():
        pytest.skip("librispeech_sex is not among the real data")
    monkeypatch.setenv("NOTES_DATA", str(real_data))
    real = load_librispeech_sex()
    assert len(real) == real.table["speaker"].nunique() == 251
    assert real.table["sex"].value_counts().to_dict() == {"F": 125, "M": 126}
    assert real.table["name"].is_monotonic_increasing
    assert real.table.set_index("name").loc["103-1240-0000"].to_dict() == {"speaker": "103", "sex": "F", "seconds": 6.0}
    assert (real.seconds.min(), real.seconds.max(), (real.seconds == 6).sum()) == (1.645, 6.0, 223)
    assert all(s.dtype == np.int16 and len(s) / 16000 == t for s, t in zip(real.signals, real.seconds, strict=True))
    assert not real.synthetic
    monkeypatch.setattr(module, "read_librispeech_sex", None)
    again = load_librispeech_sex()
    assert real.table.equals(again.table)
    assert all(np.array_equal(a, b) for a, b in zip(real.signals, again.signals, strict=True)), "from the cache"


def test_each_row_tells_of_its_own_clip_which_is_six_seconds_from_the_start(cut, monkeypatch):
    monkeypatch.setattr(module.store, "fetch", lambda name: cut)
    monkeypatch.setattr(module.store, "content_hash", lambda name: "known")
    loaded = load_librispeech_sex()
    assert loaded.table["name"].tolist() == ["103-1240-0000", "19-198-0000", "40-121026-0000"]
    assert loaded.table["speaker"].tolist() == ["103", "19", "40"]
    assert loaded.table["sex"].tolist() == ["M", "F", "F"]
    assert loaded.seconds.tolist() == [6.0, 6.0, 2.0]
    for name, signal in zip(loaded.table["name"], loaded.signals, strict=True):
        assert np.array_equal(signal, sound(CUT[name], list(CUT).index(name))[:96000])


def test_the_official_form_gives_the_same_recordings_as_the_cut_one(cut, official):
    theirs, ours = read_librispeech_sex(official), read_librispeech_sex(cut)
    assert theirs.keys() == ours.keys()
    assert all(np.array_equal(theirs[k], ours[k]) for k in ours)


def _lines(old, new):
    def spoil(folder):
        file = folder / "SPEAKERS.TXT"
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))

    return spoil


def _clip(change):
    return lambda folder: change(folder / "40-121026-0000.flac")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda f: (f / "SPEAKERS.TXT").unlink(), "SPEAKERS.TXT is missing"),
        (_lines("40   | F", "40   | X"), "gives reader 40 the sex 'X', not F or M"),
        (_lines("40   | F", "40   |  "), "gives reader 40 the sex '', not F or M"),
        (_lines("40   | F |", "40   F"), "line 5 of"),
        (_lines("| 25.07 | Nobody | of two names", ""), "is not of the form ID | SEX"),
        (lambda f: (f / "SPEAKERS.TXT").write_bytes(bytes(range(128, 255)) * 9), "is not of the form ID | SEX"),
        (lambda f: (f / "SPEAKERS.TXT").write_text(""), "lists 0 readers of train-clean-100, not 3"),
        (_lines("40   | F | train-clean-100", "40   | F | train-clean-360"), "lists 2 readers of train-clean-100"),
        (_lines("14   | F | train-clean-360", "14   | F | train-clean-100"), "lists 4 readers of train-clean-100"),
        (_lines("19   | F", "40   | F"), "lists reader 40 a second time"),
        (_lines("40   | F", "41   | F"), "40-121026-0000.flac is not among those of train-clean-100"),
        (_clip(lambda p: p.unlink()), "1 of 3 readers have no recording, the first is 40"),
        (_clip(lambda p: p.rename(p.with_stem("forty"))), "forty.flac is not named reader-chapter-number"),
        (_clip(lambda p: p.with_stem("40-222-0000").write_bytes(p.read_bytes())), "reader 40 is there twice, as"),
        (_clip(lambda p: p.write_bytes(p.read_bytes()[:9000])), "40-121026-0000.flac can't be read as sound"),
        (_clip(lambda p: p.write_bytes(b"")), "40-121026-0000.flac can't be read as sound"),
        (_clip(lambda p: soundfile.write(p, np.zeros(16000), 16000)), "40-121026-0000.flac is silent"),
        (
            _clip(lambda p: soundfile.write(p, np.r_[np.zeros(96000), np.ones(9)], 16000)),
            "40-121026-0000.flac are silent",
        ),
    ],
)
def test_what_is_wrong_is_said_with_the_file_and_the_remedy(cut, spoil, said):
    spoil(cut)
    with pytest.raises(DataError, match=r"openslr\.org/12.*\$NOTES_DATA/librispeech_sex") as caught:
        read_librispeech_sex(cut)
    assert said in str(caught.value)


def test_a_file_of_the_official_form_that_lies_with_another_reader_is_told(official):
    place = official / "LibriSpeech" / "train-clean-100"
    (place / "40" / "121026" / "40-121026-0000.flac").rename(place / "40" / "121026" / "19-121026-0000.flac")
    with pytest.raises(DataError, match="reader 19 is there twice"):
        read_librispeech_sex(official)


def test_a_folder_of_neither_form_is_told(tmp_path):
    with pytest.raises(DataError, match=r"LibriSpeech.SPEAKERS\.TXT is missing"):
        read_librispeech_sex(tmp_path)


def test_the_stand_in_has_the_same_form_says_so_and_is_the_same_each_time(cut, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(module.store, "fetch", lambda name: cut)
    monkeypatch.setattr(module.store, "content_hash", lambda name: "known")
    log = tmp_path / "log"
    monkeypatch.setenv("NOTES_DATA_LOG", str(log))
    first, second = load_librispeech_sex("synthetic"), load_librispeech_sex("synthetic")
    assert "Synthetic stand-in for librispeech_sex" in capsys.readouterr().out
    assert json.loads(log.read_text().splitlines()[0])["name"] == "librispeech_sex:synthetic"
    assert first.synthetic
    assert first.table.dtypes.equals(load_librispeech_sex().table.dtypes)
    assert first.table.equals(second.table)
    assert all(np.array_equal(a, b) for a, b in zip(first.signals, second.signals, strict=True))
    assert first.table.groupby("sex")["speaker"].nunique().to_dict() == {"F": 12, "M": 12}
    assert first.table["name"].is_monotonic_increasing
    assert all(s.dtype == np.int16 and len(s) == 48000 for s in first.signals)


def pitch(signal):
    """Hz, from the strongest repetition between 60 and 350 Hz."""
    spectrum = np.abs(np.fft.rfft(signal.astype(float), 2 * len(signal))) ** 2
    again = np.fft.irfft(spectrum)[: 16000 // 60]
    return 16000 / (16000 // 350 + np.argmax(again[16000 // 350 :]))


def test_in_the_stand_in_pitch_tells_the_sexes_apart():
    made = load_librispeech_sex("synthetic")
    high = np.array([pitch(signal) for signal in made.signals]) > 160
    assert np.mean(high == (made.table["sex"] == "F")) > 0.9


def test_an_unknown_source_is_refused():
    with pytest.raises(DataError, match="'real' and 'synthetic'"):
        load_librispeech_sex("rael")
