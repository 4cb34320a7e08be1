import re
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType

import librosa
import numpy as np
import pandas as pd
import pytest
import soundfile
from threadpoolctl import threadpool_limits

from lib.audio import beats as one_clip
from lib.audio import music, signals
from lib.audio.beats import STATISTICS, half_seconds, medians, of_clip
from lib.audio.music import music_features
from lib.data.errors import DataError
from lib.data.speech import Files

RATE = 22050


@dataclass
class Clips:
    """As much of `lib.data.music.Clips` as the features need."""

    table: pd.DataFrame
    signals: object
    rate: int = RATE

    def __len__(self):
        return len(self.table)


def clips_of(signals, rate=RATE):
    return Clips(pd.DataFrame({"name": [f"clip{i}" for i in range(len(signals))]}), signals, rate)


def piece(seconds=3.0, tempo=120, seed=0):
    """A click at each beat over a soft chord, (samples,) float32."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    chord = sum(np.sin(2 * np.pi * 220 * 2 ** (step / 12) * time) for step in rng.choice(12, 3, replace=False))
    since = time % (60 / tempo)
    click = np.exp(-since * 60) * rng.standard_normal(len(time))
    return (0.02 * chord + 0.3 * click + 1e-4 * rng.standard_normal(len(time))).astype(np.float32)


def steady(seconds=3.0):
    """A chord that begins before the clip and never changes: nothing to beat time to."""
    time = np.arange(int(seconds * RATE)) / RATE
    return sum(np.sin(2 * np.pi * hertz * time) for hertz in (220, 277, 330)).astype(np.float32) / 10


def read_wav(path, start=0):
    """A reader as the data room's: an error names the file."""
    try:
        return soundfile.read(path, start=start, dtype="float32")[0]
    except soundfile.SoundFileError as error:
        raise DataError(f"{path} can't be read as sound. Put a sound copy of the file in its place.") from error


def read_backwards(path):
    return read_wav(path)[::-1]


def read_oddly(path):
    """Fails on the first file as a library may, with an error of its own kind."""
    if path.stem == "0":
        raise librosa.ParameterError("an odd clip")
    return read_wav(path)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NOTES_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def files(tmp_path):
    """Three clips as files."""
    paths = [tmp_path / f"{i}.wav" for i in range(3)]
    for i, path in enumerate(paths):
        soundfile.write(path, piece(2 + i / 2, 100 + 20 * i, i), RATE)
    return paths


@pytest.fixture
def made(monkeypatch):
    """Counts the clips whose features are computed, in this process."""
    calls = []
    monkeypatch.setattr(one_clip, "of_clip", lambda signal: calls.append(len(signal)) or of_clip(signal))
    return calls


def shrill(seconds=3.0):
    """Chimes in tune, and twice as long ones out of tune that a whistle at 9 kHz drowns."""
    time = np.arange(int(seconds * RATE)) / RATE
    drowned = time % 1.5 < 1
    pitch = np.where(drowned, 452, 440)
    chimes = sum(np.sin(2 * np.pi * pitch * 2 ** (step / 12) * time) for step in (0, 4, 7)) * np.exp(-(time % 0.5))
    return (0.05 * chimes + 0.5 * drowned * np.sin(2 * np.pi * 9000 * time)).astype(np.float32)


@pytest.mark.slow  # librosa's first use
@pytest.mark.parametrize("wave", [piece(4), shrill()], ids=["piece", "shrill"])
def test_mel_chroma_and_beats_are_what_librosa_makes_of_the_wave(wave):
    clip = of_clip(wave)
    power = librosa.feature.melspectrogram(y=wave, sr=RATE, n_fft=2048, hop_length=512, n_mels=128)
    np.testing.assert_allclose(clip["mel"], librosa.power_to_db(power, top_db=None).T, atol=1e-3)
    np.testing.assert_allclose(clip["chroma"], librosa.feature.chroma_stft(y=wave, sr=RATE).T, atol=1e-3)
    tempo, beats = librosa.beat.beat_track(y=wave, sr=RATE)
    assert clip["beats"].tolist() == beats.tolist()
    assert clip["tempo"] == tempo[0]


def test_the_frames_of_thirty_seconds_are_as_many_as_in_the_document():
    clip = of_clip(np.resize(piece(3), 30 * RATE + 512))
    assert clip["mel"].shape == (1293, 128)
    assert clip["chroma"].shape == (1293, 12)


@pytest.mark.parametrize("tempo", [100, 150])
def test_beats_are_found_at_the_clicks(tempo):
    clip = of_clip(piece(6, tempo))
    assert clip["tempo"] == pytest.approx(tempo, rel=0.05)
    seconds = clip["beats"] * 512 / RATE
    off = np.abs(seconds - np.round(seconds * tempo / 60) * 60 / tempo)
    assert off.max() < 0.07
    assert len(seconds) >= 6 * tempo / 60 - 3


def test_chroma_is_strongest_at_the_pitch_that_is_played():
    time = np.arange(2 * RATE) / RATE
    chroma = of_clip(0.3 * np.sin(2 * np.pi * 440 * time))["chroma"]
    assert (chroma[2:-2].argmax(axis=1) == 9).all()  # A


def test_medians_are_taken_between_beats_and_empty_stretches_make_no_row():
    frames = np.arange(10.0)[:, None] * [1, 10]
    assert medians(frames, [3, 7]).tolist() == [[1, 10], [4.5, 45], [8, 80]]
    assert medians(frames, [0, 3, 3, 7, 10, 12]).tolist() == medians(frames, [3, 7]).tolist()
    assert medians(frames, []).tolist() == [[4.5, 45]]


def test_half_seconds_are_rounded_each_for_itself():
    edges = half_seconds(1292)
    np.testing.assert_allclose(edges * 512 / RATE, np.arange(1, len(edges) + 1) / 2, atol=0.012)
    assert len(edges) == 59
    assert len(half_seconds(10)) == 0


def test_no_limit_hangs_on_how_loud_the_rest_of_a_clip_is():
    quiet = piece(2) / 1000
    alone = of_clip(quiet)["mel"]
    beside = of_clip(np.concatenate([quiet, np.ones(RATE, np.float32) * np.sin(np.arange(RATE))]))["mel"]
    np.testing.assert_allclose(beside[:80], alone[:80], atol=1e-3)


def test_each_statistic_has_a_name_and_is_finite_even_without_beats():
    assert len(set(STATISTICS)) == len(STATISTICS)
    for wave in (piece(2), steady(2), np.concatenate([np.zeros(RATE, np.float32), piece(1)])):
        values = of_clip(wave)["statistics"]
        assert values.shape == (len(STATISTICS),)
        assert values.dtype == np.float32
        assert np.isfinite(values).all()


def test_statistics_measure_what_they_are_named_after():
    time = np.arange(3 * RATE) / RATE
    found = dict(zip(STATISTICS, of_clip(0.5 * np.sin(2 * np.pi * 1000 * time))["statistics"], strict=True))
    assert found["centroid_p5"] == pytest.approx(1000, rel=0.02)
    assert found["crossings_p95"] * RATE == pytest.approx(2000, rel=0.02)
    assert found["chroma_B_mean"] > found["chroma_F_mean"]  # 1,000 Hz lies between B and C
    louder = dict(zip(STATISTICS, of_clip(5 * 0.1 * piece(3))["statistics"], strict=True))
    softer = dict(zip(STATISTICS, of_clip(0.1 * piece(3))["statistics"], strict=True))
    assert louder["level_mean"] - softer["level_mean"] == pytest.approx(20 * np.log10(5), abs=0.01)
    assert louder["flatness_mean"] == pytest.approx(softer["flatness_mean"], abs=0.01)
    clicks = dict(zip(STATISTICS, of_clip(piece(6, 120))["statistics"], strict=True))
    assert clicks["tempo"] == pytest.approx(120, rel=0.05)
    assert clicks["beats_per_second"] == pytest.approx(2, rel=0.3)


def test_features_are_of_the_clips_in_their_order(files):
    features = music_features(clips_of(Files(files, read_wav)), workers=1)
    assert features.names == ["clip0", "clip1", "clip2"]
    assert features.rows.tolist() == [0, 1, 2]
    assert len(features.failed) == 0
    for i, path in enumerate(files):
        with threadpool_limits(1):  # as in `music_features`: several threads add up in another order
            own = of_clip(read_wav(path))
        np.testing.assert_allclose(features.mel(i), own["mel"], atol=0.032)  # kept as float16
        np.testing.assert_allclose(features.chroma(i), own["chroma"], atol=0.0003)
        np.testing.assert_allclose(features.beat_mel(i), own["beat_mel"], atol=0.032)
        np.testing.assert_allclose(features.beat_chroma(i), own["beat_chroma"], atol=0.0003)
        assert features.beats(i).tolist() == own["beats"].tolist()
        assert features.statistics[i].tolist() == own["statistics"].tolist()
        assert features.mel(i).dtype == features.chroma(i).dtype == np.float32
        assert features.fused(i).shape == (len(own["beat_mel"]), 140)
        np.testing.assert_array_equal(features.fused(i)[:, :128], features.beat_mel(i))
        np.testing.assert_array_equal(features.fused(i)[:, 128:], features.beat_chroma(i))
    assert [len(x) for x in features.all("mel")] == [len(features.mel(i)) for i in range(3)]
    with pytest.raises(ValueError, match="beat_chroma"):
        features.all("chromas")


@pytest.mark.slow  # two processes start, and compile
@pytest.mark.parametrize("kind", ["files", "arrays"])
def test_two_workers_make_exactly_what_one_does(files, kind, tmp_path, monkeypatch):
    signals = Files([*files, tmp_path / "none.wav"], read_wav)
    if kind == "arrays":
        signals = [*(signals[i] for i in range(3)), np.zeros(2 * RATE, np.float32)]
    alone = music_features(clips_of(signals), workers=1)
    monkeypatch.setenv("NOTES_CACHE", str(tmp_path / "another"))
    together = music_features(clips_of(signals), workers=2)
    assert together.names == alone.names == ["clip0", "clip1", "clip2"]
    assert together.failed.equals(alone.failed)
    assert len(alone.failed) == 1
    assert together.files[0].parent.parent.parent != alone.files[0].parent.parent.parent
    np.testing.assert_array_equal(together.tempo, alone.tempo)
    np.testing.assert_array_equal(together.statistics, alone.statistics)
    for name in music.KINDS:
        for ours, theirs in zip(together.all(name), alone.all(name), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_known_clips_are_not_even_decoded(files, made, monkeypatch):
    first = music_features(clips_of(Files(files, read_wav)), workers=1)
    assert len(made) == 3
    decoded = []
    monkeypatch.setattr(soundfile, "read", lambda path, **settings: decoded.append(path))
    second = music_features(clips_of(Files(files, read_wav)), workers=1)
    assert decoded == []
    np.testing.assert_array_equal(second.statistics, first.statistics)
    np.testing.assert_array_equal(second.mel(2), first.mel(2))


def test_a_changed_file_is_computed_anew_and_no_other(files, made):
    first = music_features(clips_of(Files(files, read_wav)), workers=1)
    soundfile.write(files[1], piece(3, 90, seed=9), RATE)
    second = music_features(clips_of(Files(files, read_wav)), workers=1)
    assert len(made) == 4
    assert (second.statistics[1] != first.statistics[1]).any()
    np.testing.assert_array_equal(second.statistics[[0, 2]], first.statistics[[0, 2]])


def test_another_code_or_reader_makes_everything_anew(files, made, monkeypatch):
    for read, computed in (
        (read_wav, 1),
        (read_wav, 1),
        (partial(read_wav, start=RATE // 2), 2),
        (partial(read_wav, start=RATE // 2), 2),
        (partial(read_wav, start=RATE // 3), 3),
        (read_backwards, 4),
    ):
        music_features(clips_of(Files(files[:1], read)), workers=1)
        assert len(made) == computed
    seen = []
    monkeypatch.setattr(music.kept, "code_hash", lambda *modules: seen.extend(modules) or "changed")
    music_features(clips_of(Files(files[:1], read_wav)), workers=1)
    assert len(made) == 5
    assert set(seen) == {one_clip, signals, music, sys.modules[__name__]}


@pytest.mark.parametrize("library", ["librosa", "numpy", "scipy", "soundfile", "libsndfile"])
def test_another_version_of_a_library_makes_everything_anew(files, monkeypatch, library):
    def key():
        return next(iter(music._contents(Files(files[:1], read_wav))))

    before = key()
    assert key() == before
    if library == "libsndfile":
        monkeypatch.setattr(soundfile, "__libsndfile_version__", "0.0")
    else:
        version = music.version
        monkeypatch.setattr(music, "version", lambda name: "0.0" if name == library else version(name))
    assert key() != before


@pytest.mark.parametrize("read", ["of a notebook", "an object"])
def test_a_reader_that_is_no_function_of_a_module_is_refused(files, monkeypatch, read):
    if read == "of a notebook":
        monkeypatch.setitem(sys.modules, "notebook", ModuleType("notebook"))  # as __main__ there, it has no __file__
        read = partial(lambda path: read_wav(path), start=1)
        read.func.__module__ = "notebook"
    else:
        read = type("Reader", (), {"__call__": lambda self, path: read_wav(path)})()
    with pytest.raises(ValueError, match="the reader must be a function of a module"):
        music_features(clips_of(Files(files, read)), workers=1)


def test_an_array_of_the_same_bytes_and_another_shape_is_another_clip(made):
    wave = piece(2)
    features = music_features(clips_of([wave, wave.reshape(-1, 2)]), workers=1)
    assert features.names == ["clip0"]
    assert "one channel" in music_features(clips_of([wave, wave.reshape(-1, 2)]), workers=1).failed["reason"][0]


def test_what_was_interrupted_goes_on_where_it_stopped(files, made, monkeypatch):
    def interrupted(signal):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(len(signal))
        return of_clip(signal)

    with monkeypatch.context() as patch:
        patch.setattr(one_clip, "of_clip", interrupted)
        with pytest.raises(KeyboardInterrupt):
            music_features(clips_of(Files(files, read_wav)), workers=1)
    assert len(music_features(clips_of(Files(files, read_wav)), workers=1)) == 3
    assert len(made) == 3


def test_clips_without_features_are_listed_and_the_others_go_on(files, tmp_path):
    cut = tmp_path / "cut.wav"
    cut.write_bytes(b"RIFF")
    bad = {
        "silent": np.zeros(2 * RATE, np.float32),
        "nothing but an offset": np.full(2 * RATE, 0.1, np.float32),
        "short": piece(0.9),
        "not finite": np.where(np.arange(2 * RATE) == 7, np.nan, piece(2)).astype(np.float32),
        "empty": np.zeros(0, np.float32),
        "stereo": np.zeros((2 * RATE, 2), np.float32) + piece(2)[:, None],
    }
    signals = [piece(2), *bad.values(), piece(2.5)]
    features = music_features(clips_of(signals), workers=1)
    assert features.names == ["clip0", "clip7"]
    assert features.rows.tolist() == [0, 7]
    assert features.failed["name"].tolist() == [f"clip{i}" for i in range(1, 7)]
    for reason, word in zip(
        features.failed["reason"],
        ("silent", "silent", "0.90 s, at least 1 s", "NaN", "empty", "channel"),
        strict=True,
    ):
        assert word in reason
    features = music_features(clips_of(Files([cut, tmp_path / "none.wav", files[0]], read_wav)), workers=1)
    assert features.names == ["clip2"]
    assert features.rows.tolist() == [2]
    for file, reason in zip((cut, tmp_path / "none.wav"), features.failed["reason"], strict=True):
        assert str(file) in reason
    np.testing.assert_array_equal(features.mel(0), music_features(clips_of(Files(files, read_wav)), 1).mel(0))


@pytest.mark.filterwarnings("ignore")  # of numbers that overflow
def test_an_error_of_a_library_is_listed_with_its_kind_and_the_others_go_on(files, tmp_path):
    features = music_features(clips_of(Files(files[:2], read_oddly)), workers=1)
    assert features.names == ["clip1"]
    assert features.failed["reason"].tolist() == ["ParameterError: an odd clip"]
    features = music_features(clips_of([piece(2) * np.float32(1e25), piece(2)]), workers=1)
    assert features.names == ["clip1"]
    assert features.failed["name"].tolist() == ["clip0"]


def test_an_array_that_can_not_be_decoded_is_listed():
    class Lazy(list):
        def __getitem__(self, i):
            if i == 0:
                raise DataError("a.mp3 is cut short")
            return super().__getitem__(i)

    features = music_features(clips_of(Lazy([None, piece(2)])), workers=1)
    assert features.failed.to_dict("records") == [{"name": "clip0", "reason": "a.mp3 is cut short"}]
    assert features.names == ["clip1"]


def test_a_clip_without_beats_has_medians_over_half_seconds():
    features = music_features(clips_of([steady(3), piece(3)]), workers=1)
    assert features.beatless.tolist() == [True, False]
    assert np.isnan(features.tempo).tolist() == [True, False]
    assert len(features.beats(0)) < 2
    assert features.beat_mel(0).shape == (6, 128)
    assert features.beat_chroma(0).shape == (6, 12)
    np.testing.assert_allclose(features.beat_mel(0)[1], np.median(features.mel(0)[22:43], axis=0), atol=0.04)
    assert len(features.beat_mel(1)) == len(np.unique(np.append(features.beats(1), 0)))


def test_when_nothing_is_left_the_error_says_why():
    with pytest.raises(ValueError, match=r"none of 2 clips has features; the first, clip0: silent"):
        music_features(clips_of([np.zeros(2 * RATE, np.float32), piece(0.5)]), workers=1)
    with pytest.raises(ValueError, match="there are no clips"):
        music_features(clips_of([]))


def test_a_wrong_rate_or_no_worker_is_refused():
    with pytest.raises(ValueError, match=r"22050.*not 16000"):
        music_features(clips_of([piece(2)], rate=16000))
    with pytest.raises(ValueError, match="at least one worker"):
        music_features(clips_of([piece(2)]), workers=0)


def test_a_damaged_entry_is_made_anew(files, made):
    first = music_features(clips_of(Files(files[:1], read_wav)), workers=1)
    kept = first.files[0].read_bytes()
    number = kept.rindex(first.statistics[0].tobytes())
    flipped = bytearray(kept)
    flipped[number] ^= 1
    damages = [kept[: len(kept) // 2], b"", b"no arrays", bytes(flipped)]
    for offset, value in ((8, 1), (10, 99)):  # of each entry of the zip's list: encrypted, an unknown compression
        flipped = bytearray(kept)
        for entry in re.finditer(b"PK\x01\x02", kept):
            flipped[entry.start() + offset] = value
        damages.append(bytes(flipped))
    for damage in damages:
        first.files[0].write_bytes(damage)
        again = music_features(clips_of(Files(files[:1], read_wav)), workers=1)
        np.testing.assert_array_equal(again.statistics, first.statistics)
        assert again.mel(0).shape[1] == 128
    assert len(made) == 1 + len(damages)


def test_features_that_have_gone_from_the_cache_are_missed_by_name(files):
    features = music_features(clips_of(Files(files[:1], read_wav)), workers=1)
    features.files[0].unlink()
    with pytest.raises(DataError, match=r"features of clip0, .* call music_features again"):
        features.mel(0)


def test_a_cache_that_can_not_be_written_to_is_an_error_with_the_remedy(files, cache):
    cache.mkdir()
    (cache / ".music").write_text("a file where the folder should be")
    with pytest.raises(DataError, match="NOTES_CACHE"):
        music_features(clips_of(Files(files[:1], read_wav)), workers=1)


def test_features_can_be_read_by_others_who_share_the_cache(files):
    features = music_features(clips_of(Files(files[:1], read_wav)), workers=1)
    assert features.files[0].stat().st_mode & 0o777 == 0o644


def test_no_file_stays_open_and_nothing_unfinished_is_left(files, cache):
    features = music_features(clips_of(Files(files, read_wav)), workers=1)
    open_before = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0
    held = [features.mel(i % 3) for i in range(30)]
    if open_before:
        assert len(list(Path("/proc/self/fd").iterdir())) == open_before
    assert len(held) == 30
    assert sorted(f.name for f in cache.rglob("*") if f.is_file()) == sorted({f.name for f in features.files})
