"""A sound file comes out 16-bit, mono, 16 kHz or is named with what is wrong; rows and signals stay together."""

import warnings

import pytest

np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")
soundfile = pytest.importorskip("soundfile")
pytest.importorskip("scipy")

from lib.data import DataError, Recordings, length_bins, read_speech  # noqa: E402
from lib.data.speech import Files  # noqa: E402


def tone(rate=16000, seconds=0.5, hertz=440.0):
    return (8000 * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)).astype(np.int16)


@pytest.mark.parametrize("ending", ["wav", "flac"])
def test_a_16_bit_mono_file_of_the_right_rate_comes_out_bit_by_bit(tmp_path, ending):
    soundfile.write(tmp_path / f"a.{ending}", tone(), 16000, subtype="PCM_16")
    read = read_speech(tmp_path / f"a.{ending}")
    assert read.dtype == np.int16
    assert np.array_equal(read, tone())


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_another_rate_is_converted_without_changing_pitch_loudness_or_length(tmp_path, rate):
    soundfile.write(tmp_path / "a.wav", tone(rate), rate)
    read = read_speech(tmp_path / "a.wav")
    assert len(read) == 8000
    middle = slice(1000, -1000)  # the filter rings at the ends
    assert np.abs(read[middle].astype(int) - tone()[middle]).max() < 80  # 1 % of the tone


def test_what_lies_above_the_new_rate_does_not_fold_back(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(48000, hertz=13000), 48000)  # would fold to 3,000 Hz
    assert np.abs(read_speech(tmp_path / "a.wav")[1000:-1000]).max() < 40


def test_two_channels_are_averaged(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.stack([tone(), tone() // 2], axis=1), 16000)
    expected = (tone().astype(int) + tone() // 2) / 2
    assert np.abs(read_speech(tmp_path / "a.wav") - expected).max() <= 0.5


def test_a_float_file_beyond_full_scale_is_clipped_not_wrapped(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.array([0.5, 1.5, -1.5]), 16000, subtype="FLOAT")
    assert read_speech(tmp_path / "a.wav").tolist() == [16384, 32767, -32768]


def test_a_wav_from_a_pipe_that_could_not_know_its_length_is_read(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(), 16000)
    content = bytearray((tmp_path / "a.wav").read_bytes())
    content[4:8] = content[40:44] = b"\xff\xff\xff\xff"
    (tmp_path / "a.wav").write_bytes(content)
    assert np.array_equal(read_speech(tmp_path / "a.wav"), tone())


def _cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("ending", ["wav", "flac"])
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda p: p.unlink(), "is missing"),
        (lambda p: p.write_bytes(b""), "can't be read as sound"),
        (lambda p: p.write_text("<html>not found</html>"), "can't be read as sound"),
        (lambda p: soundfile.write(p, tone()[:0], 16000), "holds no samples|can't be read as sound"),
        (lambda p: soundfile.write(p, 0 * tone(), 16000), "silent from end to end"),
        (lambda p: soundfile.write(p, np.zeros((900, 2), np.int16), 44100), "silent from end to end"),
        (lambda p: soundfile.write(p, np.stack([tone(), -tone()], 1), 16000), "silent from end to end"),
        (lambda p: soundfile.write(p, 1e-5 * tone() / 32768, 44100, subtype="PCM_24"), "silent from end to end"),
        (_cut, "is cut short|can't be read as sound"),
    ],
    ids=["missing", "empty file", "not sound", "no samples", "silent", "silent stereo", "opposite", "too soft", "cut"],
)
def test_a_useless_file_is_named_with_the_remedy(tmp_path, ending, spoil, said):
    path = tmp_path / f"s03.{ending}"
    soundfile.write(path, tone(), 16000)
    spoil(path)
    with pytest.raises(DataError, match=said) as caught:
        read_speech(path)
    assert f"s03.{ending}" in str(caught.value)
    assert "Put a sound copy" in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_numbers_are_refused(tmp_path, value):
    soundfile.write(tmp_path / "a.wav", np.array([0.1, value, 0.2]), 16000, subtype="FLOAT")
    with pytest.raises(DataError, match=r"a\.wav holds values that are not numbers"):
        read_speech(tmp_path / "a.wav")


# ------------------------------------------------------------------------------------------- recordings


def recordings(n=4, signals=None):
    table = pd.DataFrame(
        {"name": [f"n{i}" for i in range(n)], "speaker": "a", "sex": "F", "seconds": np.arange(n) + 1.0}
    )
    return Recordings(table, signals or [np.full(i + 1, i, np.int16) for i in range(n)], rate=1)


def test_a_selection_keeps_rows_and_signals_together_and_numbers_them_anew():
    for rows in ([2, 0], np.array([2, 0]), pd.Series([2, 0])):
        chosen = recordings().select(rows)
        assert chosen.table["name"].tolist() == ["n2", "n0"]
        assert chosen.table.index.tolist() == [0, 1]
        assert [s.tolist() for s in chosen.signals] == [[2, 2, 2], [0]]
        assert chosen.seconds.tolist() == [3.0, 1.0]
    by_mask = recordings().select(pd.Series([False, True, False, True], index=[9, 8, 7, 6]))
    assert by_mask.table["name"].tolist() == ["n1", "n3"]
    assert len(recordings().select([])) == 0


@pytest.mark.parametrize("rows", [[True, False], [4], [0.5], ["n1"]])
def test_rows_that_are_not_there_are_refused(rows):
    with pytest.raises(IndexError):
        recordings().select(rows)


def test_a_selection_of_files_decodes_nothing_until_asked(tmp_path):
    asked = []

    def read(path):
        asked.append(path)
        return np.zeros(1, np.int16)

    chosen = recordings(signals=Files(["a", "b", "c", "d"], read)).select([3, 1]).select([1])
    assert asked == []
    assert len(chosen.signals[0]) == 1
    assert asked == ["b"]


def test_a_table_that_does_not_fit_its_signals_is_refused():
    good = recordings()
    with pytest.raises(DataError, match="4 recordings, there are 3 signals"):
        Recordings(good.table, good.signals[:3])
    with pytest.raises(DataError, match="lacks the column sex"):
        Recordings(good.table.drop(columns="sex"), good.signals)
    with pytest.raises(DataError, match="reset_index"):
        Recordings(good.table.iloc[[1, 0, 2, 3]], good.signals)


# --------------------------------------------------------------------------------------------- the bins


def test_bins_of_length_never_overlap_and_none_is_nearly_empty():
    seconds = np.concatenate([np.random.default_rng(0).uniform(2.75, 10, 500), [10.9, 11.0, 30.0]])
    bins = length_bins(seconds, bins=20, least=2)
    counts = np.bincount(bins)
    assert counts.min() >= 2
    order = np.argsort(seconds)
    assert (np.diff(bins[order]) >= 0).all(), "a longer recording is never in a shorter bin"
    assert bins.min() == 0
    assert bins.max() < 20


def test_full_bins_are_equally_wide():
    assert length_bins(np.arange(40) / 10, bins=4).tolist() == np.repeat([0, 1, 2, 3], 10).tolist()


def test_one_length_makes_one_bin_and_no_length_is_refused():
    assert length_bins([3.0, 3.0, 3.0]).tolist() == [0, 0, 0]
    assert length_bins([3.0]).tolist() == [0]
    for bad in ([], [1.0, np.nan]):
        with pytest.raises(ValueError, match="at least one length"), warnings.catch_warnings():
            length_bins(bad)
