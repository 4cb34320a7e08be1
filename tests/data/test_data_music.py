"""Sound files of every kind come out mono and of one rate; broken ones are named; clips are read when asked for."""

import pickle

import pytest

np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")
soundfile = pytest.importorskip("soundfile")

from lib.data import Clips, DataError, read_music  # noqa: E402
from lib.data.music import RATE, sort_out  # noqa: E402

NOT_NUMBERS = "holds values that are not numbers (NaN or infinite)"
ENDINGS = ["wav", "flac", "ogg", "mp3", "au"]


def tone(seconds=2.0, rate=RATE, pitch=440.0):
    time = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(0).normal(0, 0.02, len(time))
    return 0.4 * np.sin(2 * np.pi * pitch * time) + noise


def write(path, samples, rate=RATE, **settings):
    if path.suffix == ".mp3":
        settings = {"format": "MP3", "subtype": "MPEG_LAYER_III", **settings}
    soundfile.write(path, samples, rate, **settings)
    return path


def of_unknown_length(path):
    """Make a flac say, as one from a pipe does, that it has 0 samples: the last 36 bits of bytes 18 to 25."""
    whole = bytearray(path.read_bytes())
    whole[21] &= 0xF0
    whole[22:26] = bytes(4)
    path.write_bytes(whole)
    return path


def pitch(samples):
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return spectrum.argmax() * RATE / len(samples)


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_kind_of_file_gives_the_same_sound_as_float32(tmp_path, ending):
    samples = read_music(write(tmp_path / f"a.{ending}", tone()))
    assert samples.dtype == np.float32
    assert samples.shape == (2 * RATE,)
    assert np.corrcoef(samples, tone())[0, 1] > 0.98
    assert np.abs(samples).max() == pytest.approx(np.abs(tone()).max(), abs=0.1)


@pytest.mark.parametrize("rate", [8000, 11025, 44100, 48000])
@pytest.mark.parametrize("ending", ["wav", "mp3"])
def test_other_rates_keep_pitch_loudness_and_length(tmp_path, rate, ending):
    samples = read_music(write(tmp_path / f"a.{ending}", tone(rate=rate), rate))
    assert len(samples) == pytest.approx(2 * RATE, abs=1)
    assert pitch(samples) == pytest.approx(440, abs=1)
    assert np.std(samples) == pytest.approx(np.std(tone()), rel=0.03)


def test_what_lies_above_the_new_nyquist_frequency_is_gone_not_folded_down(tmp_path):
    high = 0.4 * np.sin(2 * np.pi * 15000 * np.arange(88200) / 44100)
    samples = read_music(write(tmp_path / "a.wav", high + 1e-3 * tone(rate=44100), 44100))
    assert np.std(samples[1000:-1000]) < 0.01


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_channels_of_a_stereo_file_are_averaged(tmp_path, ending):
    left, right = tone(), tone(pitch=660)
    samples = read_music(write(tmp_path / f"a.{ending}", np.c_[left, right]))
    assert np.corrcoef(samples, (left + right) / 2)[0, 1] > 0.97


@pytest.mark.parametrize(("ending", "rate"), [("wav", 22050), ("mp3", 44100), ("ogg", 48000)])
def test_a_stretch_is_the_same_as_cutting_the_whole(tmp_path, ending, rate):
    path = write(tmp_path / f"a.{ending}", tone(4, rate), rate)
    whole, part = read_music(path), read_music(path, start=1.0, seconds=2.0)
    assert part.shape == (2 * RATE,)
    assert np.allclose(part[500:-500], whole[RATE : 3 * RATE][500:-500], atol=1e-4)
    assert len(read_music(path, start=3.0, seconds=2.0)) == RATE, "what there is of it"
    with pytest.raises(DataError, match=rf"a\.{ending} holds no samples after 5 s"):
        read_music(path, start=5.0)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("part", [0.02, 0.5, 0.97])
def test_a_file_that_is_cut_short_is_told_by_its_name(tmp_path, ending, part):
    path = write(tmp_path / f"cut.{ending}", tone(6))
    whole = path.read_bytes()
    assert len(read_music(path)) == 6 * RATE
    path.write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(DataError, match=rf"cut\.{ending} (is cut short|can't be read).*Put a sound copy"):
        read_music(path)


def test_an_ogg_that_ends_between_two_pages_is_told(tmp_path):
    path = write(tmp_path / "cut.ogg", tone(6))
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rindex(b"OggS")])
    with pytest.raises(DataError, match=r"cut\.ogg is cut short"):
        read_music(path)


def test_an_mp3_of_constant_bit_rate_is_read_whole_without_the_count_at_its_start(tmp_path):
    path = write(tmp_path / "a.mp3", tone(6), bitrate_mode="CONSTANT", compression_level=0.5)
    whole = path.read_bytes()
    assert b"Info" in whole[:60]
    path.write_bytes(whole[whole.index(b"\xff\xf3", 60) :])  # from the second frame on
    assert len(read_music(path)) == pytest.approx(6 * RATE, abs=2 * 1152)


def test_a_wav_of_unknown_length_from_a_pipe_is_read_as_far_as_it_goes(tmp_path):
    path = write(tmp_path / "a.wav", tone())
    whole = bytearray(path.read_bytes())
    whole[4:8] = whole[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(whole)
    assert len(read_music(path)) == 2 * RATE


@pytest.mark.parametrize(
    ("name", "make", "said"),
    [
        ("a.wav", lambda p: None, "is missing"),
        ("a.wav", lambda p: p.mkdir(), "is missing"),
        ("a.mp3", lambda p: p.write_bytes(b""), "is empty"),
        ("a.au", lambda p: p.write_bytes(b""), "is empty"),
        ("a.wav", lambda p: write(p, np.zeros(0)), "holds no samples"),
        ("a.mp3", lambda p: p.write_bytes(b"<html>not found</html>" * 200), "can't be read as sound"),
        ("a.ogg", lambda p: p.write_bytes(bytes(9000)), "can't be read as sound"),
        ("a.wav", lambda p: write(p, np.zeros(9000)), "is silent from end to end"),
        ("a.mp3", lambda p: write(p, np.zeros(44100)), "is silent from end to end"),
        ("a.wav", lambda p: write(p, np.c_[tone(), -tone()]), "is silent from end to end"),
        (
            "a.wav",
            lambda p: write(p, np.r_[tone(), np.nan], subtype="FLOAT"),
            "holds values that are not numbers (NaN or infinite)",
        ),
        (
            "a.wav",
            lambda p: write(p, np.r_[tone(), np.inf], subtype="FLOAT"),
            "holds values that are not numbers (NaN or infinite)",
        ),
        ("a.wav", lambda p: write(p, np.r_[tone(), 1e25], subtype="FLOAT"), "holds samples of 1e+25, where full scale"),
        ("a.flac", lambda p: of_unknown_length(write(p, tone())), "doesn't say how long it is (write it again"),
    ],
)
def test_what_is_no_music_is_told_by_its_name(tmp_path, name, make, said):
    make(tmp_path / name)
    with pytest.raises(DataError, match=r"Put a sound copy of the file in its place\.$") as caught:
        read_music(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name} {said}")


def test_the_error_of_a_file_comes_back_from_another_process(tmp_path):
    with pytest.raises(DataError) as caught:
        read_music(tmp_path / "a.wav")
    again = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(again, DataError)
    assert str(again) == str(caught.value)


# ------------------------------------------------------------------------------------------ the clips of a set


def table_of(names):
    return pd.DataFrame({"name": names, "genre": ["rock", "pop"] * (len(names) // 2), "group": names})


@pytest.fixture
def four(tmp_path):
    """Two sound files, one of a second, and one that says only when it is decoded that it is silent."""
    paths = [tmp_path / f"{name}.wav" for name in "abcd"]
    for path, samples in zip(paths, [tone(), tone(1), tone(3), np.zeros(2 * RATE)], strict=True):
        write(path, samples)
    return paths


def test_files_that_fail_leave_the_table_and_are_listed_with_the_reason(four, tmp_path):
    paths = [*four, tmp_path / "e.wav", tmp_path / "f.wav"]
    paths[5].write_bytes(paths[0].read_bytes()[:5000])
    clips = sort_out("emotify", table_of(list("abcdef")), paths, least=1.5, skipped=[("z", "is known to repeat y")])
    assert clips.table["name"].tolist() == ["a", "c", "d"]
    assert clips.table.index.tolist() == [0, 1, 2]
    assert [len(clips.signals[i]) for i in (0, 1)] == [2 * RATE, 3 * RATE]
    assert clips.skipped.to_dict("list") == {
        "name": ["z", "b", "e", "f"],
        "reason": ["is known to repeat y", "has 1.0 s, less than 1.5", "is missing", "is cut short"],
    }
    with pytest.raises(DataError, match=r"d\.wav is silent"):
        clips.signals[2]


def test_a_flac_of_unknown_length_is_listed_with_the_remedy(four, tmp_path):
    paths = [*four[:3], of_unknown_length(write(tmp_path / "d.flac", tone()))]
    skipped = sort_out("emotify", table_of(list("abcd")), paths, least=0.5).skipped
    assert skipped["name"].tolist() == ["d"]
    assert "doesn't say how long it is" in skipped["reason"][0]
    assert "ffmpeg" in skipped["reason"][0]


def test_nothing_is_decoded_before_it_is_asked_for(four):
    asked = []
    read = lambda path: asked.append(path.name) or read_music(path)  # noqa: E731
    clips = sort_out("emotify", table_of(list("abcd")), four, least=0.5, read=read).select([2, 0])
    assert asked == []
    assert len(clips.signals[0]) == 3 * RATE
    assert asked == ["c.wav"]


def test_clips_go_to_another_process_unread(four):
    clips = pickle.loads(pickle.dumps(sort_out("emotify", table_of(list("abcd")), four, least=0.5)))
    assert np.array_equal(clips.signals[0], read_music(four[0]))


def test_a_set_without_a_usable_clip_is_an_error_with_the_remedy(tmp_path):
    with pytest.raises(
        DataError, match=r"no clip can be used \(2 were skipped, such as a, which is missing\).*NOTES_DATA"
    ):
        sort_out("emotify", table_of(["a", "b"]), [tmp_path / "a.ogg", tmp_path / "b.ogg"], least=1)


@pytest.fixture
def made():
    return Clips(table_of(list("abcd")), [np.full(3, i) for i in range(4)], pd.DataFrame(columns=["name", "reason"]))


@pytest.mark.parametrize(
    ("rows", "names"),
    [([3, 0], "da"), ([False, True, True, False], "bc"), ([], ""), ([-1], "d"), (np.array([1, 1]), "bb")],
)
def test_select_takes_masks_and_row_numbers_in_the_order_wanted(made, rows, names):
    chosen = made.select(rows)
    assert chosen.table["name"].tolist() == list(names)
    assert [signal[0] for signal in chosen.signals] == ["abcd".index(name) for name in names]
    assert chosen.table.index.tolist() == list(range(len(names)))
    assert len(chosen) == len(names)


@pytest.mark.parametrize("rows", [[4], [True, False], [0.5], ["a"]])
def test_select_refuses_what_names_no_rows(made, rows):
    with pytest.raises(IndexError):
        made.select(rows)


def test_a_table_that_does_not_fit_the_signals_is_refused(made):
    with pytest.raises(DataError, match="tells of 4 clips, there are 3"):
        Clips(made.table, made.signals[:3], made.skipped)
    with pytest.raises(DataError, match="lacks the column group"):
        Clips(made.table.drop(columns="group"), made.signals, made.skipped)
    with pytest.raises(DataError, match="numbered 0 to n − 1"):
        Clips(made.table.iloc[::-1], made.signals, made.skipped)
