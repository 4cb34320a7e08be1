"""Emotify from either form of the set: the shares are those of the answers; what is wrong is named; the stand-in."""

import json

import pytest

np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")
soundfile = pytest.importorskip("soundfile")

from lib.data import DataError, load_emotify, load_emotify_answers, read_music  # noqa: E402
from lib.data import emotify as module  # noqa: E402
from lib.data.emotify import EMOTIONS, read_answers, read_emotify  # noqa: E402

HEAD = (
    "track id, genre, amazement, solemnity, tenderness, nostalgia, calmness, power, joyful_activation, tension,"
    " sadness, mood, liked, disliked, age, gender, mother tongue\n"
)
LINES = """\
1,classical,0,1,0,0,0,0,1,1,0,3,1,0,21,1,English
1,classical,0,1,0,1,0,0,0,0,0,3,0,1,41,0,Dutch
100,classical,0,0,0,1,0,0,0,0,1,5,0,0,24,1,English
101,rock,0,0,0,0,0,1,0,0,0,1,1,0,99,1,"Dutch, Frisian"
202,electronic,0,0,0,0,0,1,0,0,0,4,1,0,33,1,Greek
400,pop,0,0,0,0,1,0,0,0,0,4,1,0,33,1,Greek
"""
NAMES = ["classical_1", "classical_100", "rock_1", "electronic_2", "pop_100"]


def sound(name, seconds, rate=22050):
    rng = np.random.default_rng(NAMES.index(name))
    return 0.3 * np.sin(2 * np.pi * rng.uniform(200, 600) * np.arange(round(seconds * rate)) / rate)


@pytest.fixture
def cut(tmp_path):
    """A folder in the form of the cut set, with answers about five clips."""
    folder = tmp_path / "emotify"
    folder.mkdir()
    (folder / "data.csv").write_text(HEAD + LINES)
    for name in NAMES:
        soundfile.write(folder / f"{name}.ogg", sound(name, 6), 22050)
    return folder


@pytest.fixture
def official(tmp_path):
    """The same clips in the official form, of 21 s in stereo at 44.1 kHz; the first 15 s are louder than the rest."""
    folder = tmp_path / "official"
    for name in NAMES:
        genre, number = name.split("_")
        place = folder / "emotifymusic" / genre
        place.mkdir(parents=True, exist_ok=True)
        samples = sound(name, 21, 44100) * np.where(np.arange(21 * 44100) < 15 * 44100, 3, 1)
        soundfile.write(place / f"{number}.mp3", np.c_[samples, samples], 44100, subtype="MPEG_LAYER_III")
    (folder / "__MACOSX" / "rock").mkdir(parents=True)
    (folder / "__MACOSX" / "rock" / "._1.mp3").write_bytes(b"left by an archiver")
    (folder / "data.csv").write_text(HEAD + LINES)
    return folder


@pytest.mark.real_data
def test_the_real_set_has_400_clips_with_shares_of_8407_answers(real_data, monkeypatch):
    if not (real_data / "emotify").is_dir():
        pytest.skip("emotify is not among the real data")
    monkeypatch.setenv("NOTES_DATA", str(real_data))
    clips, answers = load_emotify(), load_emotify_answers()
    assert len(clips) == clips.table["name"].nunique() == clips.table["group"].nunique() == 400
    assert clips.table["genre"].value_counts().to_dict() == dict.fromkeys(module.GENRES, 100)
    assert clips.table["name"].tolist()[99:101] == ["classical_100", "rock_1"]
    assert clips.table.columns.tolist() == ["name", "genre", "group", "listeners", *EMOTIONS]
    assert clips.table["listeners"].sum() == len(answers) == 8407
    assert (clips.table["listeners"].min(), len(clips.skipped), clips.synthetic) == (11, 0, False)
    means = answers.groupby("name")[list(EMOTIONS)].mean().loc[clips.table["name"]]
    assert np.allclose(clips.table[list(EMOTIONS)], means)
    assert [len(clips.signals[i]) for i in (0, 399)] == [30 * 22050] * 2
    assert clips.signals[0].dtype == np.float32


@pytest.mark.real_data
def test_within_each_genre_louder_clips_are_said_to_have_more_power(real_data, monkeypatch):
    """If the numbers of the files and the tracks of data.csv did not go together, there would be no correlation."""
    if not (real_data / "emotify").is_dir():
        pytest.skip("emotify is not among the real data")
    monkeypatch.setenv("NOTES_DATA", str(real_data))
    clips = load_emotify()
    for genre in module.GENRES:
        some = clips.select(np.flatnonzero(clips.table["genre"] == genre)[::2])
        loudness = pd.Series([np.std(soundfile.read(p, 22050 * 10)[0]) for p in some.signals.paths])
        assert loudness.rank().corr(some.table["power"].rank()) > 0.1


def test_each_clip_has_its_own_sound_shares_and_number_of_listeners(cut, monkeypatch):
    monkeypatch.setattr(module.store, "fetch", lambda name: cut)
    clips = load_emotify()
    assert clips.table["name"].tolist() == NAMES == clips.table["group"].tolist()
    assert clips.table["genre"].tolist() == ["classical", "classical", "rock", "electronic", "pop"]
    assert clips.table["listeners"].tolist() == [2, 1, 1, 1, 1]
    assert clips.table.loc[0, list(EMOTIONS)].tolist() == [0, 1, 0, 0.5, 0, 0, 0.5, 0.5, 0]
    for name, signal in zip(NAMES, clips.signals, strict=True):
        assert np.corrcoef(signal, sound(name, 6))[0, 1] > 0.99
    assert (clips.rate, clips.synthetic, len(clips.skipped)) == (22050, False, 0)


def test_answers_are_a_row_each_with_words_and_whole_numbers(cut, monkeypatch):
    monkeypatch.setattr(module.store, "fetch", lambda name: cut)
    answers = load_emotify_answers()
    assert answers.columns.tolist() == [
        "name", *EMOTIONS, "mood", "liked", "disliked", "age", "gender", "mother_tongue"
    ]  # fmt: skip
    assert answers["name"].tolist() == ["classical_1", *NAMES]
    assert answers.loc[3].tolist() == ["rock_1", *[0] * 5, 1, 0, 0, 0, 1, 1, 0, 99, 1, "Dutch, Frisian"]


def test_of_the_official_excerpts_the_stretch_from_15_seconds_is_taken(official):
    clips = read_emotify(official)
    assert clips.table["name"].tolist() == NAMES
    assert clips.skipped.empty
    for name, signal in zip(NAMES, clips.signals, strict=True):
        assert len(signal) == 6 * 22050
        assert np.abs(signal[2000:]).max() == pytest.approx(0.3, abs=0.03), "the louder part is left out"
        assert np.corrcoef(np.abs(np.fft.rfft(signal)), np.abs(np.fft.rfft(sound(name, 6))))[0, 1] > 0.9


def test_an_official_excerpt_is_cut_off_after_30_seconds(official):
    path = official / "emotifymusic" / "rock" / "1.mp3"
    soundfile.write(path, np.tile(sound("rock_1", 10), 6), 22050, subtype="MPEG_LAYER_III")
    clips = read_emotify(official)
    assert len(clips.signals[2]) == 30 * 22050


def test_what_can_not_be_used_is_skipped_and_the_other_clips_stay(cut):
    (cut / "rock_1.ogg").unlink()
    (cut / "pop_100.ogg").write_bytes((cut / "pop_100.ogg").read_bytes()[:9000])
    soundfile.write(cut / "classical_1.ogg", sound("classical_1", 2), 22050)
    clips = read_emotify(cut)
    assert clips.table["name"].tolist() == ["classical_100", "electronic_2"]
    assert clips.skipped.set_index("name")["reason"].to_dict() == {
        "classical_1": "has 2.0 s, less than 5",
        "rock_1": "is missing",
        "pop_100": "is cut short",
    }


def test_a_folder_without_sound_is_an_error_with_the_remedy(cut):
    for path in cut.glob("*.ogg"):
        path.unlink()
    with pytest.raises(DataError, match=r"no clip can be used.*\$NOTES_DATA/emotify"):
        read_emotify(cut)


def test_an_official_excerpt_that_is_there_twice_is_told(official):
    other = official / "more" / "rock"
    other.mkdir(parents=True)
    (other / "1.mp3").write_bytes(b"x")
    with pytest.raises(DataError, match="rock_1 is there twice"):
        read_emotify(official)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("400,pop", "401,pop", "line 7 of {} is about the track '401', there are 1 to 400"),
        ("400,pop", "x,pop", "line 7 of {} is about the track 'x'"),
        ("101,rock", "101,pop", "line 5 of {} gives track 101 the genre 'pop', it is rock"),
        ("202,electronic,0", "202,electronic,2", "line 6 of {} has '2' as amazement, not a number from 0 to 1"),
        ("202,electronic,0", "202,electronic,", "line 6 of {} has '' as amazement"),
        ("1,5,0,0,24,1", "1,6,0,0,24,1", "line 4 of {} has '6' as mood, not a number from 1 to 5"),
        ("33,1,Greek\n400", "33\n400", "line 6 of {} has 15 values, not 17"),
        (" sadness", " sorrow", "the first line of {} does not name the columns"),
        (HEAD, "", "the first line of {} does not name the columns"),
        (LINES, "", "{} holds no answers"),
    ],
)
def test_a_line_that_is_wrong_is_told_by_its_number(cut, old, new, said):
    path = cut / "data.csv"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DataError, match=r"\$NOTES_DATA/emotify") as caught:
        read_answers(path)
    assert said.format(path) in str(caught.value)


def test_absent_answers_are_told(cut):
    (cut / "data.csv").unlink()
    with pytest.raises(DataError, match=r"data\.csv is missing"):
        read_emotify(cut)


# ------------------------------------------------------------------------------------------ the stand-in


@pytest.fixture(scope="module")
def made():
    return module.synthetic_emotify()


def test_the_stand_in_has_the_form_of_the_set_and_says_so(cut, made, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(module.store, "fetch", lambda name: cut)
    log = tmp_path / "log"
    monkeypatch.setenv("NOTES_DATA_LOG", str(log))
    answers = load_emotify_answers("synthetic")
    assert "Synthetic stand-in for emotify" in capsys.readouterr().out
    assert json.loads(log.read_text().splitlines()[0])["name"] == "emotify:synthetic"
    assert made.synthetic
    assert made.table.dtypes.equals(load_emotify().table.dtypes)
    assert answers.dtypes.equals(load_emotify_answers().dtypes)
    assert made.table["genre"].value_counts().to_dict() == dict.fromkeys(module.GENRES, 10)
    assert all(s.dtype == np.float32 and s.shape == (8 * 22050,) and np.abs(s).max() <= 1 for s in made.signals)


def test_the_stand_in_s_answers_agree_with_its_shares(made):
    answers = load_emotify_answers("synthetic")
    assert made.table["listeners"].tolist() == [12] * 40
    means = answers.groupby("name")[list(EMOTIONS)].mean().loc[made.table["name"]]
    assert np.allclose(made.table[list(EMOTIONS)], means)
    assert not (answers["liked"] & answers["disliked"]).any()


def test_the_stand_in_is_the_same_each_time(made):
    again = load_emotify("synthetic")
    assert made.table.equals(again.table)
    assert all(np.array_equal(a, b) for a, b in zip(made.signals, again.signals, strict=True))
    assert load_emotify_answers("synthetic").equals(load_emotify_answers("synthetic"))


def test_in_the_stand_in_genre_and_power_can_be_heard(made):
    spectra = [np.abs(np.fft.rfft(signal[: 6 * 22050])) for signal in made.signals]
    bands = np.log([[part.sum() for part in np.array_split(spectrum, 24)] for spectrum in spectra])
    bands -= bands.mean(axis=1, keepdims=True)
    distance = ((bands[:, None] - bands[None]) ** 2).sum(axis=2) + np.diag(np.full(40, np.inf))
    genres = made.table["genre"].to_numpy()
    assert np.mean(genres[distance.argmin(axis=1)] == genres) > 0.8, "the most similar clip is of the same genre"
    loudness = pd.Series([np.std(signal) for signal in made.signals])
    assert loudness.rank().corr(made.table["power"].rank()) > 0.5
    assert loudness.rank().corr(made.table["calmness"].rank()) < -0.5


def test_a_clip_of_the_set_is_read_as_read_music_reads_it(cut):
    assert np.array_equal(read_emotify(cut).signals[3], read_music(cut / "electronic_2.ogg"))


@pytest.mark.parametrize("load", [load_emotify, load_emotify_answers])
def test_an_unknown_source_is_refused(load):
    with pytest.raises(DataError, match=f"^{load.__name__} knows the sources 'real' and 'synthetic', not 'rael'"):
        load("rael")
