"""TIMIT, its sample and the whole: who says what where; what is wrong is named; the document's 400 and 150 speakers."""

import json

import pytest

np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")
soundfile = pytest.importorskip("soundfile")

from lib.data import DataError, document_speakers, load_timit, read_timit  # noqa: E402
from lib.data import timit as module  # noqa: E402

SENTENCES = ("sa1", "sa2", "si1", "si200", "si3000", "sx4", "sx5", "sx60", "sx7", "sx8")
INFO = """\
; Table of speakers
;ID  Sex DR Use  RecDate   BirthDate  Ht    Race Edu  Comments
CJF0  F  1  TRN  01/30/86  02/18/62  5'6"   WHT  BS
DAB0  M  1  TST  03/11/86  01/08/60  5'05"  WHT  BS   A COMMENT OF SOME WORDS
"""


def sound(speaker, sentence):
    samples = np.random.default_rng(sum(f"{speaker}{sentence}".encode())).integers(-9000, 9000, 800)
    return samples.astype(np.int16)[: 300 + 10 * SENTENCES.index(sentence)]


def sphere(samples):
    """The bytes of a NIST SPHERE file: 1,024 of text, then 16-bit samples, the lower byte first."""
    head = (
        "NIST_1A\n   1024\ndatabase_id -s5 TIMIT\nchannel_count -i 1\n"
        f"sample_count -i {len(samples)}\nsample_rate -i 16000\nsample_n_bytes -i 2\n"
        "sample_byte_format -s2 01\nsample_sig_bits -i 16\nend_head\n"
    )
    return head.encode().ljust(1024) + samples.astype("<i2").tobytes()


@pytest.fixture
def sample(tmp_path, monkeypatch):
    """A folder in the form of the sample with two speakers, who count as all; one's files are wav, the other's flac."""
    monkeypatch.setattr(module, "SPEAKERS", {"sample": {"sample": 2}, "full": {"train": 1, "test": 1}})
    folder = tmp_path / "timit_sample"
    for place, ending in (("dr3-falk0", "flac"), ("dr8-mbcg0", "wav")):
        (folder / "timit" / place).mkdir(parents=True)
        for sentence in SENTENCES:
            file = folder / "timit" / place / f"{sentence}.{ending}"
            soundfile.write(file, sound(place[4:], sentence), 16000)
            file.with_suffix(".txt").write_text("0 300 Words.")
    return folder


@pytest.fixture
def full(sample, tmp_path):
    """A folder in the form of the full set with a speaker in each part."""
    folder = tmp_path / "timit"
    (folder / "TIMIT" / "DOC").mkdir(parents=True)
    (folder / "TIMIT" / "DOC" / "SPKRINFO.TXT").write_text(INFO)
    for place in ("TRAIN/DR1/FCJF0", "TEST/DR1/MDAB0"):
        (folder / "TIMIT" / place).mkdir(parents=True)
        for sentence in SENTENCES:
            file = folder / "TIMIT" / place / f"{sentence.upper()}.WAV"
            file.write_bytes(sphere(sound(place[-5:].lower(), sentence)))
            file.with_suffix(".PHN").write_text("0 300 h#")
    return folder


@pytest.mark.real_data
def test_the_real_sample_has_16_speakers_with_ten_sentences_each(real_data, monkeypatch):
    if not (real_data / "timit_sample").is_dir():
        pytest.skip("the TIMIT sample is not among the real data")
    monkeypatch.setenv("NOTES_DATA", str(real_data))
    real = load_timit()
    assert len(real) == real.table["name"].nunique() == 160
    assert real.table["name"].is_monotonic_increasing
    assert real.table.groupby("sex")["speaker"].nunique().to_dict() == {"F": 8, "M": 8}
    assert real.table.groupby("dialect")["sex"].nunique().to_dict() == {f"dr{i}": 2 for i in range(1, 9)}
    assert real.table["kind"].value_counts().to_dict() == {"sx": 80, "si": 48, "sa": 32}
    assert set(real.table["sentence"][real.table["kind"] == "sa"]) == {"sa1", "sa2"}
    assert set(real.table["part"]) == {"sample"}
    assert (real.seconds.min(), real.seconds.max()) == (1.433625, 5.52325)
    assert real.seconds.sum() == pytest.approx(490.0946, abs=1e-4)
    assert all(s.dtype == np.int16 and len(s) / 16000 == t for s, t in zip(real.signals, real.seconds, strict=True))
    assert not real.synthetic
    monkeypatch.setattr(module, "read_timit", None)
    again = load_timit()
    assert real.table.equals(again.table)
    assert all(np.array_equal(a, b) for a, b in zip(real.signals, again.signals, strict=True)), "from the cache"


def _serve(monkeypatch, folder):
    monkeypatch.setattr(module.store, "fetch", lambda name: folder)
    monkeypatch.setattr(module.store, "content_hash", lambda name: "known")


def test_a_recording_of_the_sample_knows_who_says_what(sample, monkeypatch):
    _serve(monkeypatch, sample)
    loaded = load_timit()
    assert len(loaded) == 20
    assert loaded.table["name"].is_monotonic_increasing
    assert loaded.table.set_index("name").loc["mbcg0-si200"].to_dict() == {
        "speaker": "mbcg0", "sex": "M", "seconds": 330 / 16000, "dialect": "dr8", "sentence": "si200", "kind": "si",
        "part": "sample",
    }  # fmt: skip
    for row, signal in zip(loaded.table.itertuples(), loaded.signals, strict=True):
        assert np.array_equal(signal, sound(row.speaker, row.sentence))


@pytest.mark.parametrize("case", ["as published", "in small letters", "without the folder TIMIT"])
def test_the_full_set_is_read_from_sphere_files_in_any_case(full, monkeypatch, case):
    if case == "in small letters":
        for path in sorted(full.rglob("*"), key=lambda p: -len(p.parts)):
            path.rename(path.with_name(path.name.lower()))
    elif case == "without the folder TIMIT":
        full = full / "TIMIT"
    _serve(monkeypatch, full)
    loaded = load_timit("full")
    assert len(loaded) == 20
    assert loaded.table.set_index("name").loc["fcjf0-sx60"].to_dict() == {
        "speaker": "fcjf0", "sex": "F", "seconds": 370 / 16000, "dialect": "dr1", "sentence": "sx60", "kind": "sx",
        "part": "train",
    }  # fmt: skip
    assert set(loaded.table["part"][loaded.table["speaker"] == "mdab0"]) == {"test"}
    for row, signal in zip(loaded.table.itertuples(), loaded.signals, strict=True):
        assert np.array_equal(signal, sound(row.speaker, row.sentence))


def _at(place, change):
    return lambda folder: change(folder / place)


ALK, DAB = "timit/dr3-falk0/sx60.flac", "TIMIT/TEST/DR1/MDAB0/SX60.WAV"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_at(ALK, lambda p: p.unlink()), "dr3-falk0 has 4 of 5 SX sentences"),
        (_at(ALK, lambda p: p.rename(p.with_stem("si60"))), "dr3-falk0 has 4 of 3 SI sentences"),
        (_at(ALK, lambda p: p.rename(p.with_stem("so60"))), "so60.flac is not named like a sentence"),
        (_at(ALK, lambda p: p.parent.rename(p.parents[1] / "dr9-falk0")), "dr9-falk0 is not named like a region and"),
        (_at(ALK, lambda p: p.parent.rename(p.parents[1] / "dr3-xalk0")), "dr3-xalk0 is not named like a region and"),
        (
            _at(ALK, lambda p: p.parent.rename(p.parents[2] / "away")),
            "there are 1 speakers in the part 'sample'",
        ),
        (_at("timit", lambda p: p.rename(p.with_name("other"))), "there are 0 speakers in the part 'sample', not 2"),
        (_at(ALK, lambda p: soundfile.write(p.with_suffix(".wav"), np.ones(9), 16000)), "falk0-sx60 is there twice"),
        (
            _at(ALK, lambda p: ((p.parents[1] / "dr4-falk0").mkdir(), p.rename(p.parents[1] / "dr4-falk0" / p.name))),
            "speaker falk0 is in two parts or regions",
        ),
        (_at(ALK, lambda p: p.write_bytes(b"no")), "sx60.flac can't be read as sound"),
        (_at(ALK, lambda p: p.write_bytes(p.read_bytes()[:300])), "sx60.flac can't be read as sound"),
        (_at(ALK, lambda p: soundfile.write(p, np.zeros(300), 16000)), "sx60.flac is silent"),
        (
            _at("timit/dr8-mbcg0/sx60.wav", lambda p: p.write_bytes(p.read_bytes()[:300])),
            "sx60.wav is cut short",
        ),
    ],
)
def test_what_is_wrong_with_the_sample_is_said_with_the_remedy(sample, spoil, said):
    spoil(sample)
    with pytest.raises(DataError, match=r"nltk\.org.*\$NOTES_DATA/timit_sample") as caught:
        read_timit(sample)
    assert said in str(caught.value)


def _info(old, new):
    return _at("TIMIT/DOC/SPKRINFO.TXT", lambda p: p.write_text(p.read_text().replace(old, new)))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_at("TIMIT/DOC/SPKRINFO.TXT", lambda p: p.unlink()), "DOC/SPKRINFO.TXT is missing"),
        (_at("TIMIT/DOC/SPKRINFO.TXT", lambda p: p.write_bytes(b"\xff\xfe")), "does not list the speaker fcjf0"),
        (_info("DAB0", "DAC0"), "does not list the speaker mdab0"),
        (_info("DAB0  M", "DAB0  F"), "gives the speaker mdab0 the sex 'F', the name says otherwise"),
        (_info("DAB0  M", "DAB0  -"), "gives the speaker mdab0 the sex '-'"),
        (_at(DAB, lambda p: p.write_bytes(p.read_bytes()[:1200])), "SX60.WAV is cut short"),
        (_at(DAB, lambda p: p.write_bytes(p.read_bytes()[:1024])), "SX60.WAV holds no samples"),
        (_at(DAB, lambda p: p.write_bytes(sphere(np.zeros(9)))), "SX60.WAV is silent"),
        (_at(DAB, lambda p: p.unlink()), "MDAB0 has 4 of 5 SX sentences"),
        (_at(DAB, lambda p: p.rename(p.with_suffix(".WAV.wav"))), "SX60.WAV.wav is not named like a sentence"),
        (_at(DAB, lambda p: p.parent.rename(p.parents[3] / "MDAB0")), "there are 0 speakers in the part 'test', not 1"),
        (
            _at(DAB, lambda p: p.parent.rename(p.parents[3] / "TRAIN" / "DR1" / "MDAB0")),
            "there are 2 speakers in the part 'train', not 1",
        ),
    ],
)
def test_what_is_wrong_with_the_full_set_is_said_with_the_remedy(full, spoil, said):
    spoil(full)
    with pytest.raises(DataError, match="License it from the Linguistic Data Consortium") as caught:
        read_timit(full, "full")
    assert said in str(caught.value)


def test_without_the_full_set_one_line_says_where_to_ask_what_to_put_where_and_what_runs_without():
    with pytest.raises(DataError) as caught:
        load_timit("full")
    said = str(caught.value)
    assert "\n" not in said
    for part in ("catalog.ldc.upenn.edu/LDC93S1", "$NOTES_DATA/timit", "DOC/SPKRINFO.TXT", "data fetch timit_sample"):
        assert part in said


def test_a_folder_of_the_full_form_is_the_set_only_with_all_recordings_and_the_speakers_table(full):
    problems = " ".join(module.registry.get("timit").missing(full))
    assert "10 of at least 4620" in problems
    assert "10 of at least 1680" in problems
    assert "[Ii][Nn][Ff][Oo]" not in problems
    (full / "TIMIT" / "DOC" / "SPKRINFO.TXT").unlink()
    assert "[Ii][Nn][Ff][Oo]" in " ".join(module.registry.get("timit").missing(full))


def whole_table():
    """A table of the full set's counts: 462 and 168 speakers, two recordings each, in no order."""
    rows = []
    for number in range(630):
        initials = "".join(chr(97 + number // 26**place % 26) for place in (2, 1, 0))
        for sentence in ("sa1", "sx1"):
            rows.append(
                {"speaker": f"{'mf'[number % 3 == 0]}{initials}0", "part": "train" if number < 462 else "test"}
                | {"sentence": sentence}
            )
    return pd.DataFrame(rows).sample(frac=1, random_state=0).reset_index(drop=True)


def test_the_documents_speakers_are_the_first_of_each_part_by_name_without_the_sex():
    table = whole_table()
    train, test = document_speakers(table)
    assert train.dtype == test.dtype == bool
    assert train.shape == test.shape == (1260,)
    assert (train.sum(), test.sum()) == (2 * 400, 2 * 150)
    assert set(table["part"][train]) == {"train"}
    assert set(table["part"][test]) == {"test"}
    assert max(name[1:] for name in table["speaker"][train]) == "apj0"  # of number 399
    assert max(name[1:] for name in table["speaker"][test]) == "axn0"  # of number 462 + 149
    is_woman = table["speaker"].str.startswith("f")
    women = [set(table["speaker"][rows & is_woman]) for rows in (table["part"] == "train", train)]
    assert len(women[1]) < len(women[0]) == 154, "sorted with the letter of the sex, the women would all be chosen"


def test_the_documents_speakers_can_not_be_had_from_the_sample():
    with pytest.raises(DataError, match=r"400 of the part 'train', this table has 0.*load_timit\('full'\)"):
        document_speakers(load_timit("synthetic").table)


def test_the_stand_in_has_the_same_form_says_so_and_is_the_same_each_time(sample, capsys, tmp_path, monkeypatch):
    _serve(monkeypatch, sample)
    log = tmp_path / "log"
    monkeypatch.setenv("NOTES_DATA_LOG", str(log))
    first, second = load_timit("synthetic"), load_timit("synthetic")
    assert "Synthetic stand-in for timit_sample" in capsys.readouterr().out
    assert json.loads(log.read_text().splitlines()[0])["name"] == "timit_sample:synthetic"
    assert first.synthetic
    assert first.table.dtypes.equals(load_timit().table.dtypes)
    assert first.table.equals(second.table)
    assert all(np.array_equal(a, b) for a, b in zip(first.signals, second.signals, strict=True))
    assert first.table.groupby("sex")["speaker"].nunique().to_dict() == {"F": 4, "M": 4}
    assert first.table["name"].is_monotonic_increasing
    assert first.table["name"].is_unique
    assert first.table.groupby("speaker")["kind"].agg(list).tolist() == [["sa", "si", "sx"]] * 8
    assert all(module._SPEAKER.fullmatch(s) for s in first.table["speaker"])
    assert all(s.dtype == np.int16 and len(s) / 16000 == t for s, t in zip(first.signals, first.seconds, strict=True))
    assert 1.5 <= first.seconds.min() < first.seconds.max() <= 2.5


def pitch(signal):
    """Hz, from the strongest repetition between 60 and 350 Hz."""
    spectrum = np.abs(np.fft.rfft(signal.astype(float), 2 * len(signal))) ** 2
    again = np.fft.irfft(spectrum)[: 16000 // 60]
    return 16000 / (16000 // 350 + np.argmax(again[16000 // 350 :]))


def test_in_the_stand_in_pitch_tells_the_sexes_apart_and_a_speaker_keeps_it():
    made = load_timit("synthetic").table
    made["pitch"] = [pitch(signal) for signal in load_timit("synthetic").signals]
    assert np.mean((made["pitch"] > 160) == (made["sex"] == "F")) > 0.9
    within = made.groupby("speaker")["pitch"].std().median()
    between = made.groupby("speaker")["pitch"].mean().groupby(lambda name: name[0]).std().median()
    assert within < between / 2


def test_an_unknown_source_is_refused():
    with pytest.raises(DataError, match="'sample', 'full' and 'synthetic'"):
        load_timit("real")
