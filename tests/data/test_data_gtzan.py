"""GTZAN: what is listed as a repetition or distorted goes, with the reason; the groups are the artists."""

import pytest

np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")
soundfile = pytest.importorskip("soundfile")

from lib.data import DataError, group_folds, load_gtzan  # noqa: E402
from lib.data import gtzan as module  # noqa: E402
from lib.data.gtzan import GENRES, known, read_gtzan  # noqa: E402

ALL = {f"{genre}.{number:05d}" for genre in GENRES for number in range(100)}


def sound(seconds=16):
    return 0.3 * np.sin(np.arange(22050 * seconds) / 20)


@pytest.fixture
def folder(tmp_path):
    """Some excerpts of three genres: two that are listed as repetitions, three by Queen in two genres."""
    place = tmp_path / "gtzan"
    names = ["metal.00058", "metal.00059", "metal.00060", "rock.00016", "rock.00000", "jazz.00033", "jazz.00047"]
    for name in names:
        (place / "Data" / "genres_original" / name[:-6]).mkdir(parents=True, exist_ok=True)
        soundfile.write(place / "Data" / "genres_original" / name[:-6] / f"{name}.wav", sound(), 22050)
    return place


def test_repetitions_are_skipped_with_the_reason_and_the_rest_stays(folder):
    clips = read_gtzan(folder)
    assert clips.table["name"].tolist() == ["jazz.00047", "metal.00059", "metal.00060", "rock.00000", "rock.00016"]
    assert clips.table["genre"].tolist() == ["jazz", "metal", "metal", "rock", "rock"]
    assert clips.table["group"].tolist() == ["jazz.00047", "Queen", "Queen", "Morphine", "Queen"]
    reasons = clips.skipped.set_index("name")["reason"]
    assert reasons["metal.00058"] == "repeats rock.00016: the same artist and title"
    assert reasons["jazz.00033"] == "repeats jazz.00051: the same artist and title"
    assert reasons["pop.00015"] == "is a repetition or distorted"
    assert reasons["blues.00000"] == "is missing"
    assert set(clips.skipped["name"]) | set(clips.table["name"]) == ALL
    assert all(len(signal) == 16 * 22050 for signal in clips.signals)


def test_files_in_the_form_of_the_first_edition_are_read_too(folder):
    (folder / "genres" / "blues").mkdir(parents=True)
    soundfile.write(folder / "genres" / "blues" / "blues.00005.au", sound(), 22050)
    clips = read_gtzan(folder)
    assert clips.table.loc[0, ["name", "group"]].tolist() == ["blues.00005", "John Lee Hooker"]
    assert len(clips.signals[0]) == 16 * 22050


def test_an_excerpt_that_can_not_be_read_is_skipped_and_what_an_archiver_left_is_ignored(folder):
    place = folder / "Data" / "genres_original" / "jazz"
    (place / "jazz.00054.wav").write_bytes(b"no sound" * 9000)
    (place / "._jazz.00047.wav").write_bytes(b"left")
    soundfile.write(place / "jazz.00056.wav", sound(3), 22050)
    clips = read_gtzan(folder)
    reasons = clips.skipped.set_index("name")["reason"]
    assert reasons["jazz.00054"].startswith("can't be read as sound")
    assert reasons["jazz.00056"] == "has 3.0 s, less than 15"
    assert "jazz.00047" in clips.table["name"].tolist()


def test_an_excerpt_that_is_there_twice_is_told(folder):
    soundfile.write(folder / "rock.00000.au", sound(), 22050)
    with pytest.raises(DataError, match=r"rock\.00000 is there twice"):
        read_gtzan(folder)


def test_a_folder_without_excerpts_is_an_error_that_says_how_to_get_them(tmp_path):
    with pytest.raises(DataError, match=r"no clip can be used.*kaggle\.com.*NOTES_DATA/gtzan"):
        read_gtzan(tmp_path)


def test_a_set_that_is_not_here_is_an_error_that_says_how_to_get_it():
    with pytest.raises(DataError, match=r"gtzan.*not on this machine.*kaggle\.com"):
        load_gtzan()


def test_the_list_leaves_930_excerpts_and_each_repetition_has_a_twin_that_stays():
    left_out, artists = known()
    assert len(ALL - set(left_out)) == 930
    assert set(left_out) < ALL
    assert set(artists) < ALL
    told = module.tomllib.loads(module.KNOWN.read_text(encoding="utf-8"))["left_out"]
    for name, twin in told.items():
        assert not twin or (twin in ALL and twin not in left_out and artists[twin] == artists[name])


def test_no_excerpt_has_two_artists():
    told = module.tomllib.loads(module.KNOWN.read_text(encoding="utf-8"))["artists"]
    listed = 0
    for excerpts in told.values():
        for part in ",".join(excerpts.values()).split(","):
            first, _, last = part.strip().partition("-")
            listed += int(last or first) - int(first) + 1
    assert listed == len(known()[1]) == 922


def test_folds_by_artist_divide_no_artist():
    left_out, artists = known()
    names = sorted(ALL - set(left_out))
    table = pd.DataFrame({"genre": [name[:-6] for name in names], "group": [artists.get(n, n) for n in names]})
    folds = group_folds(table["group"], table["genre"], 5, seed=1)
    assert table.assign(fold=folds).groupby("group")["fold"].nunique().eq(1).all()
