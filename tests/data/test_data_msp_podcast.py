"""The original's steps on a corpus of the laboratory's form; what is missing is told; the stand-in takes the steps."""

import json

import pytest

np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")
soundfile = pytest.importorskip("soundfile")

from lib.data import DataError, load_msp_podcast, read_msp_podcast  # noqa: E402
from lib.data import msp_podcast as module  # noqa: E402

SEGMENTS = 30


@pytest.fixture
def corpus(tmp_path, monkeypatch):
    """$NOTES_DATA with a corpus of 30 segments: speaker 7 has 14, speakers 8 and 9 have 6 each, 4 are of nobody."""
    folder = tmp_path / "data" / "msp_podcast"
    (folder / "Labels").mkdir(parents=True)
    (folder / "Audios" / "Audio").mkdir(parents=True)
    names = [f"MSP-PODCAST_{i:04}.wav" for i in range(SEGMENTS)]
    for i, name in enumerate(names):
        soundfile.write(folder / "Audios" / "Audio" / name, np.full(1600 + 16 * i, 1 + i, np.int16), 16000)
    labels = pd.DataFrame(
        {
            "FileName": names[::-1],
            "EmoClass": "N",
            "EmoAct": np.linspace(1, 7, SEGMENTS)[::-1].round(3),
            "EmoVal": 4.0,
            "EmoDom": 3.5,
            "SpkrID": (["7"] * 14 + ["8"] * 6 + ["9"] * 6 + ["Unknown"] * 4)[::-1],
            "Gender": (["Male"] * 14 + ["Female"] * 6 + ["Unknown"] * 10)[::-1],
            "Split_Set": "Train",
        }
    )
    labels.to_csv(folder / "Labels" / "labels_consensus.csv", index=False)
    monkeypatch.setenv("NOTES_DATA", str(tmp_path / "data"))
    return folder


def labels_of(corpus):
    return pd.read_csv(corpus / "Labels" / "labels_consensus.csv")


def test_each_row_tells_of_its_own_segment(corpus):
    loaded = load_msp_podcast()
    assert not loaded.synthetic
    assert len(loaded) == 26, "those of unknown speakers are dropped"
    assert loaded.table["name"].is_monotonic_increasing
    assert loaded.table["speaker"].value_counts().to_dict() == {"7": 14, "8": 6, "9": 6}
    assert loaded.table["sex"].tolist() == ["M"] * 14 + ["F"] * 6 + ["?"] * 6
    theirs = labels_of(corpus).set_index("FileName")
    for i in (0, 13, 25):
        row = loaded.table.loc[i]
        assert loaded.signals[i].tolist() == [1 + i] * (1600 + 16 * i)
        assert row["seconds"] == loaded.seconds[i] == (1600 + 16 * i) / 16000
        assert row["activation"] == theirs.loc[row["name"], "EmoAct"]
        assert row["active"] == (row["activation"] >= 5)
        assert (row["valence"], row["dominance"], row["split"]) == (4.0, 3.5, "Train")
    assert 0 < loaded.table["active"].sum() < 26


def test_no_speaker_has_more_segments_than_the_limit_and_the_seed_decides_which_stay(corpus):
    first = load_msp_podcast(limit=6, seed=1)
    assert first.table["speaker"].value_counts().to_dict() == {"7": 6, "8": 6, "9": 6}
    assert first.table["name"].is_monotonic_increasing
    assert first.table.equals(load_msp_podcast(limit=6, seed=1).table)
    assert not first.table["name"].equals(load_msp_podcast(limit=6, seed=2).table["name"])
    drawn = {n for s in range(40) for n in load_msp_podcast(limit=6, seed=s).table["name"][:6]}
    assert len(drawn) == 14, "each of a speaker's segments can be drawn"


def test_the_order_of_the_labels_decides_nothing(corpus):
    before = load_msp_podcast(limit=6).table
    labels_of(corpus).sample(frac=1, random_state=0).to_csv(corpus / "Labels" / "labels_consensus.csv", index=False)
    assert before.equals(load_msp_podcast(limit=6).table)


@pytest.mark.parametrize("place", ["Audios", "Audio"])
def test_labels_at_the_top_and_audio_in_a_simpler_place_are_found(corpus, place):
    expected = load_msp_podcast().table
    (corpus / "Labels" / "labels_consensus.csv").rename(corpus / "labels_consensus.csv")
    (corpus / "Audios" / "Audio").rename(corpus / "moved")
    (corpus / "Audios").rmdir()
    (corpus / "moved").rename(corpus / place)
    assert expected.equals(load_msp_podcast().table)


def test_lengths_are_read_once_and_again_when_a_file_changes(corpus, monkeypatch):
    load_msp_podcast()
    read = []
    monkeypatch.setattr(module, "_length", lambda path: read.append(path) or 1.0)
    assert load_msp_podcast().seconds[0] == 0.1
    assert read == []
    soundfile.write(corpus / "Audios" / "Audio" / "MSP-PODCAST_0000.wav", np.full(160, 1, np.int16), 16000)
    assert load_msp_podcast().seconds[0] == 1.0
    assert len(read) == 26


def test_no_signal_is_decoded_before_it_is_asked_for(corpus):
    file = corpus / "Audios" / "Audio" / "MSP-PODCAST_0003.wav"
    loaded = load_msp_podcast()
    file.write_bytes(file.read_bytes()[:1000])
    chosen = loaded.select(loaded.table["speaker"] == "7")
    assert chosen.signals[2].tolist() == [3] * 1632
    with pytest.raises(DataError, match=r"MSP-PODCAST_0003\.wav is cut short"):
        chosen.signals[3]


def _rewrite(corpus, change):
    labels = labels_of(corpus).astype(object)
    change(labels)
    labels.to_csv(corpus / "Labels" / "labels_consensus.csv", index=False)


def _set(column, value):
    return lambda f: _rewrite(f, lambda labels: labels.__setitem__(column, value))


def _set_last(column, value):
    return lambda f: _rewrite(f, lambda labels: labels.__setitem__(column, [*labels[column][:-1], value]))


def _sound(name):
    return lambda f: f / "Audios" / "Audio" / name


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            lambda f: [_sound(f"MSP-PODCAST_000{i}.wav")(f).unlink() for i in (3, 5)],
            "2 of 26 segments of the labels have no file in",
        ),
        (lambda f: _sound("MSP-PODCAST_0003.wav")(f).write_text("no"), "MSP-PODCAST_0003.wav can't be read as sound"),
        (
            lambda f: soundfile.write(_sound("MSP-PODCAST_0003.wav")(f), np.zeros(0), 16000),
            "MSP-PODCAST_0003.wav holds no samples",
        ),
        (lambda f: (f / "Labels" / "labels_consensus.csv").write_text(""), "can't be read as a table"),
        (lambda f: (f / "Labels" / "labels_consensus.csv").write_bytes(b"\xff\xfe\x00"), "can't be read as a table"),
        (
            lambda f: (
                labels_of(f)
                .drop(columns=["SpkrID", "EmoAct"])
                .to_csv(f / "Labels" / "labels_consensus.csv", index=False)
            ),
            "lacks the column SpkrID, EmoAct",
        ),
        (
            _set_last("EmoAct", "much"),
            "EmoAct is not a number from 1 to 7 (1 segments, the first is MSP-PODCAST_0000.wav)",
        ),
        (_set_last("EmoVal", 8), "EmoVal is not a number from 1 to 7"),
        (_set_last("EmoDom", None), "EmoDom is not a number from 1 to 7"),
        (_set_last("Gender", "male"), "Gender is none of Female, Male, Unknown"),
        (_set_last("SpkrID", None), "SpkrID is empty"),
        (_set_last("FileName", "MSP-PODCAST_0001.wav"), "was listed before (1 segments"),
        (_set("SpkrID", "Unknown"), "no segment with a known speaker"),
    ],
)
def test_what_is_wrong_is_said_with_name_and_remedy(corpus, spoil, said):
    spoil(corpus)
    with pytest.raises(DataError, match="Ask the MSP laboratory") as caught:
        load_msp_podcast()
    assert said in str(caught.value)


def test_labels_without_their_file_or_audio_are_told_by_name(corpus, tmp_path):
    with pytest.raises(DataError, match=r"labels_consensus\.csv is missing"):
        read_msp_podcast(tmp_path)
    (corpus / "Audios").rename(corpus / "Sounds")
    with pytest.raises(DataError, match="no wav files in Audios/Audio, Audios or Audio"):
        read_msp_podcast(corpus)


def test_without_the_corpus_one_error_says_where_to_ask_what_to_put_where_and_what_runs_without():
    with pytest.raises(DataError) as caught:
        load_msp_podcast()
    said = str(caught.value)
    for part in ("lab-msp.com", "$NOTES_DATA/msp_podcast", "Labels/labels_consensus.csv", "Audios", "synthetic"):
        assert part in said


def test_the_stand_in_takes_the_same_steps_says_so_and_is_the_same_each_time(capsys, tmp_path, monkeypatch):
    log = tmp_path / "log"
    monkeypatch.setenv("NOTES_DATA_LOG", str(log))
    first, second = load_msp_podcast("synthetic"), load_msp_podcast("synthetic")
    assert "Synthetic stand-in for msp_podcast" in capsys.readouterr().out
    assert json.loads(log.read_text().splitlines()[0])["name"] == "msp_podcast:synthetic"
    assert first.synthetic
    assert first.table.equals(second.table)
    assert all(np.array_equal(a, b) for a, b in zip(first.signals, second.signals, strict=True))
    assert first.table["speaker"].value_counts().iloc[0] == 10, "one speaker had more: 500 is 10 here"
    assert first.table["speaker"].nunique() == 20
    assert "Unknown" not in set(first.table["speaker"])
    assert all(s.dtype == np.int16 and len(s) / 16000 == t for s, t in zip(first.signals, first.seconds, strict=True))
    assert 0.6 <= first.seconds.min() < first.seconds.max() <= 2.4
    assert 0.15 < first.table["active"].mean() < 0.5
    assert len(load_msp_podcast("synthetic", limit=100)) == 2 * 20


def test_the_stand_in_and_the_corpus_have_the_same_columns(corpus):
    real, made = load_msp_podcast().table, load_msp_podcast("synthetic").table
    assert real.columns.tolist() == made.columns.tolist()
    assert real["active"].dtype == made["active"].dtype == bool
    assert real["activation"].dtype == made["activation"].dtype == float


def test_an_unknown_source_and_an_odd_limit_are_refused():
    with pytest.raises(DataError, match="'real' and 'synthetic'"):
        load_msp_podcast("rael")
    with pytest.raises(DataError, match="at least 1"):
        load_msp_podcast("synthetic", limit=0)
