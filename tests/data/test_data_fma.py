"""FMA: tables with several lines of headings, clips by artist, the Echo Nest's numbers; what is wrong is named."""

import pytest

np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")
soundfile = pytest.importorskip("soundfile")

from lib.data import DataError, group_folds, load_fma, load_fma_affect  # noqa: E402
from lib.data import fma as module  # noqa: E402
from lib.data.fma import FEATURES, read_fma, read_fma_affect  # noqa: E402

TRACKS = """\
,album,artist,artist,set,set,track,track
,comments,id,name,split,subset,genre_top,title
track_id,,,,,,,
140,0,54,"An artist
of two lines",training,small,Folk,Queen of the wires
2,0,1,AWOL,training,small,Hip-Hop,Food
5,0,1,AWOL,training,small,Hip-Hop,This World
20,4,4,Nicky,training,large,,Spiritual
98565,0,77,Somebody,test,small,Rock,Short
99134,0,78,Nobody,test,small,Rock,Empty
133297,0,79,Anybody,test,small,Rock,Not there
"""
ECHONEST = """\
,echonest,echonest,echonest,echonest,echonest,echonest,echonest,echonest,echonest,echonest
,audio_features,audio_features,audio_features,audio_features,audio_features,audio_features,audio_features,audio_features,metadata,social_features
,acousticness,danceability,energy,instrumentalness,liveness,speechiness,tempo,valence,album_name,artist_discovery
track_id,,,,,,,,,,
5,0.04,0.7,0.6,0.0,0.3,0.1,100.2,0.5,Album,0.3
2,0.41,0.6,0.8,0.0,0.1,0.4,165.9,0.2,,0.4
20,0.1,0.1,0.2,0.3,0.4,0.5,90,0.9,Other,
"""
FLAT = """\
track_id,acousticness,danceability,energy,instrumentalness,liveness,speechiness,tempo,valence
2,0.41,0.6,0.8,0.0,0.1,0.4,165.9,0.2
5,0.04,0.7,0.6,0.0,0.3,0.1,100.2,0.5
20,0.1,0.1,0.2,0.3,0.4,0.5,90,0.9
"""


def write_tables(folder):
    (folder / "fma_metadata").mkdir(parents=True)
    (folder / "fma_metadata" / "tracks.csv").write_text(TRACKS)
    (folder / "fma_metadata" / "echonest.csv").write_text(ECHONEST)
    return folder


@pytest.fixture
def small(tmp_path):
    """The form of the official files: mp3, one short, one empty, one not there."""
    folder = write_tables(tmp_path / "fma_small")
    for track, seconds in {140: 16, 2: 17, 5: 18, 98565: 1.6}.items():
        path = folder / "fma_small" / f"{track:06d}"[:3] / f"{track:06d}.mp3"
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = 0.3 * np.sin(np.arange(round(22050 * seconds)) / 30)
        soundfile.write(path, samples, 22050, subtype="MPEG_LAYER_III")
    (folder / "fma_small" / "099").mkdir()
    (folder / "fma_small" / "099" / "099134.mp3").write_bytes(b"")
    return folder


@pytest.fixture
def flat(tmp_path):
    """The form of the joined tables: one line of headings, the genres beside."""
    folder = tmp_path / "flat"
    folder.mkdir()
    (folder / "echonest_7714.csv").write_text(FLAT)
    genres = (
        FLAT.replace("track_id,", "track_id,genre,").replace("\n2,", "\n2,Hip-Hop,").replace("\n5,", "\n5,Hip-Hop,")
    )
    (folder / "fma_small_echonest_639.csv").write_text(genres[: genres.index("\n20,") + 1])
    return folder


@pytest.mark.real_data
def test_the_real_table_has_7714_tracks_639_of_them_with_a_genre(real_data, monkeypatch):
    if not (real_data / "fma_affect").is_dir():
        pytest.skip("fma_affect is not among the real data")
    monkeypatch.setenv("NOTES_DATA", str(real_data))
    table = load_fma_affect()
    assert table.columns.tolist() == ["track_id", "genre", *FEATURES]
    assert len(table) == table["track_id"].nunique() == 7714
    assert table["track_id"].is_monotonic_increasing
    assert table["genre"].notna().sum() == 639
    assert table[list(FEATURES)].isna().sum().loc[lambda n: n > 0].to_dict() == {
        "valence": 15,
        "danceability": 14,
        "speechiness": 112,
    }
    assert table[list(FEATURES[:-1])].stack().dropna().between(0, 1).all()
    assert table.set_index("track_id").loc[2, "valence"] == pytest.approx(0.576660988)
    assert table.set_index("track_id").loc[2, "genre"] == "Hip-Hop"


def test_clips_come_with_genre_artist_and_what_the_echo_nest_has(small, monkeypatch):
    monkeypatch.setattr(module.store, "fetch", lambda name: small)
    clips = load_fma()
    assert clips.table["name"].tolist() == ["000002", "000005", "000140"]
    assert clips.table["genre"].tolist() == ["Hip-Hop", "Hip-Hop", "Folk"]
    assert clips.table["group"].tolist() == ["1", "1", "54"]
    assert clips.table[["valence", "energy", "danceability"]].fillna(-1).to_numpy().tolist() == [
        [0.2, 0.8, 0.6],
        [0.5, 0.6, 0.7],
        [-1, -1, -1],
    ]
    assert [len(signal) / 22050 for signal in clips.signals] == [17, 18, 16]


def test_files_that_are_short_empty_or_absent_are_skipped_with_the_reason(small):
    (small / "fma_small" / "000" / "000020.mp3").write_bytes(b"of the large set")
    assert read_fma(small).skipped.set_index("name")["reason"].to_dict() == {
        "000020": "is not among the small set in tracks.csv",
        "098565": "has 1.6 s, less than 15",
        "099134": "is empty",
        "133297": "is missing",
    }


def test_a_track_without_genre_or_artist_is_skipped(small):
    path = small / "fma_metadata" / "tracks.csv"
    path.write_text(path.read_text().replace("2,0,1,AWOL,training,small,Hip-Hop", "2,0,1,AWOL,training,small,"))
    clips = read_fma(small)
    assert "000002" not in clips.table["name"].tolist()
    assert ("000002", "has no genre or no artist in tracks.csv") in clips.skipped.itertuples(index=False, name=None)


def test_folds_by_group_keep_an_artist_s_clips_together(small):
    clips = read_fma(small)
    folds = group_folds(clips.table["group"], clips.table["genre"], 2, seed=1)
    assert folds[0] == folds[1] != folds[2]


def test_both_forms_of_the_table_without_sound_give_the_same_numbers(flat, tmp_path):
    joined, official = read_fma_affect(flat), read_fma_affect(write_tables(tmp_path / "official"))
    assert joined.equals(official)
    assert joined["track_id"].tolist() == [2, 5, 20]
    assert joined["genre"].tolist() == ["Hip-Hop", "Hip-Hop", None]
    assert joined["tempo"].tolist() == [165.9, 100.2, 90]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("valence", "valance", "echonest_7714.csv has no column valence"),
        ("\n5,", "\n2,", "echonest_7714.csv has track 2 twice"),
        ("\n5,", "\nfive,", "echonest_7714.csv has the track id 'five'"),
        ("\n5,", "\n2.5,", "echonest_7714.csv has the track id '2.5'"),
        ("\n5,", "\n,", "echonest_7714.csv has the track id 'nan'"),
        ("100.2,0.5", "100.2,loud", "echonest_7714.csv has 'loud' as valence of track 5"),
        ("100.2,0.5", '100.2,"0.5', "echonest_7714.csv is not a table"),
        (FLAT, "", "echonest_7714.csv has no column"),
    ],
)
def test_what_is_wrong_in_a_table_is_told_with_the_remedy(flat, old, new, said):
    path = flat / "echonest_7714.csv"
    assert old in FLAT
    path.write_text(FLAT.replace(old, new))
    with pytest.raises(DataError, match=r"fma_affect.*\$NOTES_DATA/fma_affect") as caught:
        read_fma_affect(flat)
    assert said in str(caught.value)


@pytest.mark.parametrize("name", ["tracks.csv", "echonest.csv"])
def test_an_absent_table_is_told(small, name):
    (small / "fma_metadata" / name).unlink()
    with pytest.raises(DataError, match=rf"{name} is missing.*NOTES_DATA/fma_small"):
        read_fma(small)


def test_a_set_whose_sound_is_not_there_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no clip can be used"):
        read_fma(write_tables(tmp_path / "fma_small"))
