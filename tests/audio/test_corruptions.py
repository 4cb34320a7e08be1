import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.audio import codecs
from lib.audio.corruptions import CORRUPTIONS, RandomCorruptions, corrupt

RATE = 16000
RANDOM = {
    "white_noise", "pink_noise", "babble", "reverberation", "band_mask", "gain", "time_mask", "packet_loss", "speed",
    "pitch", "tempo",
}  # fmt: skip


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def noise(items=1, seconds=1.0, rate=RATE, level=0.1, seed=0):
    return level * torch.randn(items, round(seconds * rate), generator=seeded(seed))


def tone(hertz, seconds=1.0, rate=RATE, level=0.1):
    t = torch.arange(round(seconds * rate), dtype=torch.float64) / rate
    return (level * torch.sin(2 * math.pi * hertz * t)).float()[None]


def voiced(items=2, seconds=2.0, rate=RATE):
    """Something like speech: harmonics of another pitch for each item, a syllable every quarter of a second."""
    t = torch.arange(round(seconds * rate)) / rate
    made = []
    for i in range(items):
        harmonics = sum(torch.sin(2 * math.pi * (110 + 30 * i) * k * t + k * k) / k for k in range(1, 25))
        made.append(0.1 * harmonics * torch.sin(math.pi * 4 * t).square())
    return torch.stack(made)


def decibels(ratio):
    return 10 * torch.log10(torch.as_tensor(ratio))


def power(x):
    return x.square().mean(-1)


def level_at(x, hertz, rate=RATE):
    """The power (B,) of the part of `x` that is a tone of so many Hz, away from the clip's ends."""
    x = x[:, x.shape[1] // 4 : -x.shape[1] // 4].double()
    t = torch.arange(x.shape[1], dtype=torch.float64) / rate
    wave = torch.exp(2j * math.pi * hertz * t)
    return ((x * wave).mean(1).abs() * 2).square() / 2


def band_power(x, low, high, rate=RATE):
    spectrum = torch.fft.rfft(x).abs().square()
    hertz = torch.fft.rfftfreq(x.shape[1], 1 / rate)
    return spectrum[:, (hertz >= low) & (hertz < high)].sum(1)


def loudest_hertz(x, rate=RATE):
    """(B,) the frequency of the strongest tone, between the bins of a windowed spectrum."""
    spectrum = torch.fft.rfft(x * torch.hann_window(x.shape[1]), 16 * x.shape[1]).abs()
    return spectrum.argmax(1) * rate / (16 * x.shape[1])


# What each kind does, in its own unit.


@pytest.mark.parametrize("name", ["white_noise", "pink_noise", "babble"])
@pytest.mark.parametrize("asked", [30, 10, -5])
def test_noise_has_the_signal_to_noise_ratio_asked_for_in_every_item(name, asked):
    x = torch.cat([noise(2, level=0.1), noise(2, level=0.003, seed=1)])
    found = decibels(power(x) / power(corrupt(x, name, asked, seeded()) - x))
    torch.testing.assert_close(found, torch.full((4,), float(asked)), atol=0.02, rtol=0)


def test_white_noise_has_the_same_power_in_each_hertz_and_pink_noise_in_each_octave():
    x = noise(4, 4)
    for name, octave in (("white_noise", 2), ("pink_noise", 1)):
        added = corrupt(x, name, 0, seeded()) - x
        for low in (250, 500, 1000, 2000):
            ratio = band_power(added, 2 * low, 4 * low).sum() / band_power(added, low, 2 * low).sum()
            assert decibels(ratio / octave).abs() < 0.4, (name, low)


def test_pink_noise_has_no_power_below_hearing():
    x = noise(2, 4)
    added = corrupt(x, "pink_noise", 0, seeded()) - x
    assert (band_power(added, 0, 18) < 1e-3 * band_power(added, 20, 38)).all()


def test_babble_is_eight_other_voices_of_the_batch_as_loud_as_each_other_and_never_the_item_itself():
    hertz = [200 + 100 * i for i in range(12)]
    x = torch.cat([tone(f, level=0.01 * (i + 1)) for i, f in enumerate(hertz)])
    added = corrupt(x, "babble", 0, seeded()) - x
    for i in range(12):
        found = torch.stack([level_at(added[i : i + 1], f)[0] for f in hertz])
        heard = found > 1e-4 * found.max()
        assert heard.sum() == 8
        assert not heard[i]
        assert found[heard].max() / found[heard].min() < 1.01


def test_babble_takes_the_recordings_given_and_goes_round_in_short_ones():
    x = tone(1000)
    added = corrupt(x, "babble", 3, seeded(), others=torch.cat([tone(300, 0.1), tone(700, 0.1)])) - x
    low, high, own = (level_at(added, f)[0] for f in (300, 700, 1000))
    assert low / high == pytest.approx(1, rel=0.02)
    assert own < 1e-4 * low
    assert (power(added.unfold(1, 800, 800)) > 0).all()


def test_babble_starts_each_voice_somewhere_else():
    click = torch.zeros(1, 4000)
    click[0, 0] = 1
    x = noise(1, 0.25)
    added = corrupt(x, "babble", 0, seeded(), others=click.repeat(6, 1)) - x
    at = added[0].abs().topk(6).indices
    assert len(set(at.tolist())) == 6
    assert at.max() - at.min() > 1000


@pytest.mark.parametrize("seconds", [0.2, 0.8, 3])
def test_an_echo_falls_by_60_decibels_in_the_time_asked_for(seconds):
    click = torch.zeros(4, 4 * RATE)
    click[:, 0] = 0.5
    energy = corrupt(click, "reverberation", seconds, seeded()).square()
    left = decibels(energy[:, 1:].flip(1).cumsum(1).flip(1).mean(0))  # Schroeder's backward integration
    begin, end = int(0.05 * seconds * RATE), int(0.5 * seconds * RATE)
    slope = (left[begin] - left[end]) / (end - begin) * RATE
    assert 60 / slope == pytest.approx(seconds, rel=0.05)
    assert (energy[:, 1:].sum(1) / energy[:, 0]).mean() == pytest.approx(seconds / 0.5, rel=0.1)


def test_reverberation_neither_delays_the_sound_nor_changes_its_loudness():
    x = noise(3)
    y = corrupt(x, "reverberation", 0.4, seeded())
    torch.testing.assert_close(power(y), power(x))
    together = torch.fft.irfft(torch.fft.rfft(y, 2 * RATE) * torch.fft.rfft(x, 2 * RATE).conj())
    assert together.argmax(1).tolist() == [0, 0, 0]


@pytest.mark.parametrize(("name", "kept", "lost"), [("low_pass", 0.5, 2), ("high_pass", 2, 0.5)])
@pytest.mark.parametrize("edge", [500, 2000])
@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_a_filter_halves_the_power_at_its_edge_keeps_one_side_and_loses_48_decibels_an_octave(
    name, kept, lost, edge, rate
):
    def change(hertz):
        x = tone(hertz, rate=rate)
        return decibels(level_at(corrupt(x, name, edge, rate=rate), hertz, rate) / level_at(x, hertz, rate))[0]

    assert change(edge) == pytest.approx(-3.01, abs=0.1)
    assert abs(change(kept * edge)) < 0.1
    assert change(lost * 0.99 * edge if lost > 1 else lost * edge) < -45


def test_a_filter_moves_nothing_in_time():
    x = tone(500)
    inside = slice(4000, 12000)
    y = corrupt(x, "low_pass", 2000)
    torch.testing.assert_close(y[:, inside], x[:, inside], atol=1e-4, rtol=0)


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_the_telephone_passes_its_band_with_the_noise_of_8_bits_and_nothing_else(rate):
    for hertz, least, most in ((100, -200, -60), (150, -200, -40), (1000, -0.2, 0.2), (3900, -200, -15)):
        x = tone(hertz, rate=rate) + tone(800, rate=rate)
        y = corrupt(x, "telephone", 3000, rate=rate)
        change = decibels(level_at(y, hertz, rate) / level_at(x, hertz, rate))[0]
        assert least < change < most, hertz
    x = tone(1000, rate=rate)
    left = corrupt(x, "telephone", 3000, rate=rate) - x
    inside = left[:, rate // 4 : -rate // 4]
    assert 30 < decibels(power(x) / power(inside))[0] < 50


def test_the_telephone_treats_a_soft_voice_as_a_loud_one():
    x = voiced()
    torch.testing.assert_close(corrupt(x / 64, "telephone", 3400), corrupt(x, "telephone", 3400) / 64)


@pytest.mark.parametrize("wide", [250, 3000])
def test_a_band_mask_takes_its_width_out_below_4000_hertz_and_leaves_the_rest(wide):
    x = noise(6, 2)
    y = corrupt(x, "band_mask", wide, seeded())
    step = 50
    edges = range(0, 8000, step)
    change = torch.stack([decibels(band_power(y, e, e + step) / band_power(x, e, e + step)) for e in edges])
    gone = change < -15
    assert ((gone.sum(0) * step - wide).abs() <= step).all()
    for item in gone.T:
        at = item.nonzero()[:, 0]
        assert at.max() - at.min() + 1 == len(at)
        assert at.max() * step < 4000
    assert change[~gone].abs().median() < 0.1
    assert len({int(item.nonzero()[0]) for item in gone.T}) > 1


@pytest.mark.parametrize("percent", [1, 10, 50])
def test_clipping_cuts_the_share_of_samples_asked_for_and_keeps_the_loudness(percent):
    x = torch.cat([noise(1, level=0.1), noise(1, level=0.002, seed=1)])
    y = corrupt(x, "clipping", percent)
    share = (y.abs() >= y.abs().amax(1, keepdim=True) * (1 - 1e-6)).float().mean(1)
    torch.testing.assert_close(share, torch.full((2,), percent / 100), atol=2e-4, rtol=0)
    torch.testing.assert_close(power(y), power(x))


def test_padding_has_no_share_in_what_is_clipped():
    x = noise(1)
    padded = torch.cat([x, torch.zeros(1, 3 * RATE)], 1)
    y = corrupt(padded, "clipping", 25)
    torch.testing.assert_close(y[:, :RATE], corrupt(x, "clipping", 25))


def test_gain_makes_some_items_louder_and_others_softer_by_the_decibels_asked_for():
    x = noise(16)
    change = decibels(power(corrupt(x, "gain", 12, seeded())) / power(x))
    torch.testing.assert_close(change.abs(), torch.full((16,), 12.0), atol=0.01, rtol=0)
    assert 0 < (change > 0).sum() < 16


@pytest.mark.parametrize("bits", [8, 4, 2])
def test_quantisation_leaves_as_many_levels_as_the_bits_hold(bits):
    x = noise(1, 4, level=0.003)
    y = corrupt(x, "quantisation", bits)
    levels = 2**bits - 1
    assert 0.6 * levels < len(y.unique()) <= levels
    step = x.abs().max() / (2 ** (bits - 1) - 1)
    assert (y - x).abs().max() <= step / 2 * (1 + 1e-4)
    torch.testing.assert_close(y.abs().max(), x.abs().max())


def test_a_time_mask_is_one_silent_piece_of_the_length_asked_for_anywhere():
    x = noise(30, 2)
    y = corrupt(x, "time_mask", 0.5, seeded())
    starts = []
    for before, after in zip(x, y, strict=True):
        at = (after == 0).nonzero()[:, 0]
        assert len(at) == 0.5 * RATE
        assert at[-1] - at[0] == len(at) - 1
        assert torch.equal(after[after != 0], before[after != 0])
        starts.append(int(at[0]))
    assert min(starts) < 0.2 * RATE
    assert max(starts) > 1.3 * RATE


@pytest.mark.parametrize("rate", [8000, 44100])
@pytest.mark.parametrize("percent", [5, 25, 75])
def test_packets_of_20_ms_are_lost_whole_and_as_many_as_asked_for(percent, rate):
    x = noise(3, 4, rate)
    lost = (corrupt(x, "packet_loss", percent, seeded(), rate) == 0).unfold(1, rate // 50, rate // 50)
    assert torch.equal(lost.all(2), lost.any(2))
    assert lost.any(2).sum(1).tolist() == [2 * percent] * 3  # of 200
    assert len({tuple(item.tolist()) for item in lost.any(2)}) == 3


# In kbit/s, an Ogg file's pages take 1 to 2 beside the sound.
@pytest.mark.parametrize(("name", "wrapping"), [("mp3", 0.4), ("ogg", 2)])
@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_a_coded_file_has_the_bit_rate_asked_for(name, wrapping, rate, monkeypatch):
    sizes, write = [], codecs.sf.write

    def measured(file, *args, **kwargs):
        write(file, *args, **kwargs)
        sizes.append(file.getbuffer().nbytes)

    monkeypatch.setattr(codecs.sf, "write", measured)
    x = voiced(1, 4, rate)
    coded = 4 + (codecs.BEHIND + codecs.MP3_DELAY) / codecs.CODED_AT  # seconds
    for strength in CORRUPTIONS[name].strengths:
        corrupt(x, name, strength, rate=rate)
        assert 0.92 * strength <= sizes[-1] * 8 / coded / 1000 <= 1.05 * strength + wrapping


@pytest.mark.parametrize("name", ["mp3", "ogg"])
@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_coded_sound_stays_where_it_was_and_is_worse_at_lower_bit_rates(name, rate):
    x = voiced(1, 3, rate)
    similar = []
    for strength in CORRUPTIONS[name].strengths:
        y = corrupt(x, name, strength, rate=rate)
        size = 2 * x.shape[1]
        together = torch.fft.irfft(torch.fft.rfft(y, size) * torch.fft.rfft(x, size).conj())[0]
        assert min(int(together.argmax()), size - int(together.argmax())) <= rate / 8000, strength
        similar.append(float(together.max() / (x.norm() * y.norm())))
    assert min(similar) > 0.7
    assert similar[-1] < similar[0]


def test_coding_leaves_nothing_above_8_kilohertz():
    x = noise(1, 2, 44100)
    for name in ("mp3", "ogg"):
        y = corrupt(x, name, 32, rate=44100)
        assert band_power(y, 8500, 22050, 44100) < 1e-3 * band_power(x, 8500, 22050, 44100)


@pytest.mark.parametrize(("name", "strength"), [("mp3", 8), ("ogg", 6), ("ogg", 32)])
def test_coding_treats_what_is_beyond_full_scale_as_it_treats_full_scale(name, strength):
    x = voiced(1)
    x /= x.abs().max()
    torch.testing.assert_close(corrupt(64 * x, name, strength), 64 * corrupt(x, name, strength))


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize(
    ("name", "strength", "up", "down"),
    [
        ("speed", 20, 1.2, 0.8),
        ("speed", 5, 1.05, 0.95),
        ("pitch", 1, 2 ** (1 / 12), 2 ** (-1 / 12)),
        ("pitch", 6, 2**0.5, 2**-0.5),
        ("tempo", 30, 1, 1),
    ],
)
def test_the_frequency_of_a_tone_changes_as_the_strength_says(name, strength, up, down, rate):
    x = torch.cat([tone(300, 2, rate), tone(2000, 2, rate)]).repeat(4, 1)
    middle = slice(rate // 4, rate)
    found = loudest_hertz(corrupt(x, name, strength, seeded(), rate)[:, middle], rate)
    found /= torch.tensor([300, 2000]).repeat(4)
    is_up = found > (up + down) / 2
    torch.testing.assert_close(found, torch.where(is_up, float(up), float(down)), atol=0.004, rtol=0)
    assert up == down or 0 < is_up.sum() < 8


@pytest.mark.parametrize(("name", "strength", "paces"), [("speed", 25, (1.25, 0.75)), ("tempo", 50, (1.5, 0.5))])
def test_what_happens_comes_earlier_or_later_as_the_pace_says(name, strength, paces):
    x = torch.zeros(8, 2 * RATE)
    x[:, 8000:8800] = tone(1000, 0.05)
    y = corrupt(x, name, strength, seeded())
    energy = y[:, : round(1.2 * RATE)].square()  # before a shorter one begins again
    centre = (energy * torch.arange(energy.shape[1])).sum(1) / energy.sum(1) / RATE
    late = centre > 0.525
    # Within a step of the vocoder.
    torch.testing.assert_close(centre, torch.where(late, 0.525 / paces[1], 0.525 / paces[0]), atol=0.016, rtol=0)
    assert 0 < late.sum() < 8


def test_a_change_of_pitch_leaves_what_happens_where_it_was():
    x = torch.zeros(8, RATE)
    x[:, 8000:8800] = tone(1000, 0.05)
    energy = corrupt(x, "pitch", 4, seeded()).square()
    centre = (energy * torch.arange(RATE)).sum(1) / energy.sum(1)
    torch.testing.assert_close(centre, torch.full((8,), 8400.0), atol=0.015 * RATE, rtol=0)


@pytest.mark.parametrize("name", ["pitch", "tempo"])
def test_the_vocoder_leaves_the_loudness_as_it_was(name):
    x = voiced(8)
    for strength in CORRUPTIONS[name].strengths:
        change = decibels(power(corrupt(x, name, strength, seeded())) / power(x))
        # Of the tempo's clip a piece is cut off or heard twice, loud or soft.
        assert (change.abs() < (0.1 if name == "pitch" else 1.5)).all()


@pytest.mark.parametrize(("name", "strength"), [("speed", 30), ("tempo", 50), ("pitch", 6)])
def test_no_silence_tells_that_a_clip_was_made_shorter(name, strength):
    y = corrupt(noise(4, 2), name, strength, seeded())
    pieces = power(y.unfold(1, 1600, 1600))
    assert pieces.min() > 0.3 * pieces.max()


# What holds for all kinds.


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_five_strengths_in_order_lie_within_the_limits(name):
    kind = CORRUPTIONS[name]
    assert len(set(kind.strengths)) == 5
    assert list(kind.strengths) in (sorted(kind.strengths), sorted(kind.strengths, reverse=True))
    assert kind.limits[0] <= min(kind.strengths) < max(kind.strengths) <= kind.limits[1]


# A syllable at another time is as wrong as one a little later: pace has no such distance.
@pytest.mark.parametrize("name", sorted(set(CORRUPTIONS) - {"speed", "tempo"}))
def test_the_last_strength_changes_the_spectrogram_most(name):
    kind, x = CORRUPTIONS[name], voiced(4)

    def harm(strength):
        window = torch.hann_window(512)
        specs = [
            torch.stft(w, 512, window=window, return_complex=True).abs().clamp(min=1e-3).log()
            for w in (x, corrupt(x, name, strength, seeded()))
        ]
        return (specs[0] - specs[1]).abs().mean()

    assert harm(kind.strengths[-1]) > 1.2 * harm(kind.strengths[0]) > 0


@st.composite
def batches(draw):
    rate = draw(st.sampled_from([8000, 11025, 16000, 44100, 48000]))
    items = draw(st.integers(1, 4))
    samples = draw(st.one_of(st.integers(1, 40), st.integers(1, 4000)))
    content = draw(st.sampled_from(["noise", "silence", "click", "full scale", "one silent"]))
    x = 0.2 * torch.randn(items, samples, generator=seeded(draw(st.integers(0, 5))))
    if content == "silence":
        x = torch.zeros_like(x)
    elif content == "click":
        x = torch.zeros_like(x)
        x[:, draw(st.integers(0, samples - 1))] = 0.5
    elif content == "full scale":
        x = torch.where(x >= 0, 1.0, -1.0)
    elif content == "one silent":
        x[0] = 0
    if draw(st.booleans()):
        x = (x * 32768).round().clamp(-32768, 32767).to(torch.int16)
    return x, rate


@pytest.mark.parametrize("name", CORRUPTIONS)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(batch=batches(), step=st.integers(0, 4))
def test_any_batch_comes_back_finite_as_it_was_shaped_and_the_same_for_the_same_seed(name, batch, step):
    x, rate = batch
    kind = CORRUPTIONS[name]
    strength = kind.strengths[step]
    if kind.unit.startswith("Hz") and strength >= rate / 2:
        strength = kind.strengths[-1]
    others = x if len(x) == 1 else None
    before = x.clone()
    y = corrupt(x, name, strength, seeded(1), rate, others)
    assert y.shape == x.shape
    assert y.dtype == x.dtype
    assert y.isfinite().all()
    assert torch.equal(x, before)
    assert y.data_ptr() != x.data_ptr()
    assert torch.equal(corrupt(x, name, strength, seeded(1), rate, others), y)
    silent = (x == 0).all(1)
    assert (y[silent] == 0).all()


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_seed_decides_where_there_is_something_to_draw(name):
    x, strength = voiced(6), CORRUPTIONS[name].strengths[1]
    torch.manual_seed(3)
    first, second = corrupt(x, name, strength), corrupt(x, name, strength)
    assert torch.equal(first, second) == (name not in RANDOM)
    torch.manual_seed(3)
    assert torch.equal(corrupt(x, name, strength), first)


@pytest.mark.parametrize("name", sorted(RANDOM - {"babble"}))
def test_every_item_of_a_batch_gets_its_own_draw(name):
    y = corrupt(voiced(1).repeat(8, 1), name, CORRUPTIONS[name].strengths[1], seeded())
    assert any(not torch.equal(item, y[0]) for item in y[1:])


@pytest.mark.parametrize("name", sorted(set(CORRUPTIONS) - RANDOM))
def test_an_item_does_not_depend_on_the_batch_it_is_in(name):
    x = voiced(3)
    x[1] *= 8
    together = corrupt(x, name, CORRUPTIONS[name].strengths[1])
    alone = torch.cat([corrupt(item[None], name, CORRUPTIONS[name].strengths[1]) for item in x])
    # Rounding may take a few samples to the next level of a telephone's 8 bits.
    assert ((together - alone).norm(dim=1) < 1e-3 * alone.norm(dim=1)).all()


def test_floats_beyond_full_scale_are_left_so_and_16_bit_items_are_made_softer_as_a_whole():
    x = voiced(8)
    assert corrupt(x, "gain", 40, seeded()).abs().max() > 5
    whole = (x * 32768).round().to(torch.int16)
    y = corrupt(whole, "gain", 40, seeded())
    louder = y.abs().amax(1) == 32767
    assert 0 < louder.sum() < 8
    for before, after in zip(whole[louder].double(), y[louder].double(), strict=True):
        ratio = (before @ after) / (before @ before)
        assert ratio > 1
        assert (after - ratio * before).abs().max() <= 1


def test_16_bits_are_spoiled_like_the_floats_they_stand_for():
    whole = (voiced() * 32768).round().to(torch.int16)
    for name in ("white_noise", "low_pass", "clipping"):
        strength = CORRUPTIONS[name].strengths[3]
        wanted = corrupt(whole.float() / 32768, name, strength, seeded()) * 32768
        assert (corrupt(whole, name, strength, seeded()) - wanted).abs().max() <= 0.51


@pytest.mark.parametrize(
    ("x", "name", "strength", "options", "message"),
    [
        (noise(), "hiss", 10, {}, "no corruption 'hiss'; there are white_noise, pink_noise"),
        (noise()[0], "gain", 6, {}, r"wave\[None\]"),
        (noise()[None], "gain", 6, {}, "average stereo"),
        (noise()[:, :0], "gain", 6, {}, "empty"),
        (noise()[:0], "gain", 6, {}, "empty"),
        (noise() * torch.nan, "gain", 6, {}, "NaN"),
        (noise() * torch.inf, "gain", 6, {}, "infinity"),
        (noise() * 32768, "gain", 6, {}, "divide what was 16-bit by 32768"),
        (noise().double(), "gain", 6, {}, "not torch.float64"),
        (noise().int(), "gain", 6, {}, "not torch.int32"),
        (noise(), "gain", 6, {"rate": 4000}, "resample first"),
        (noise(), "low_pass", 8000, {}, "needs a rate above 16000"),
        (noise(), "telephone", 5000, {"rate": 8000}, "needs a rate above 10000"),
        (noise(), "clipping", 100, {}, "between 0 and 95 % of samples"),
        (noise(), "reverberation", -1, {}, "between 0.01 and 20 s of RT60"),
        (noise(), "speed", math.nan, {}, "got nan"),
        (noise(), "babble", 0, {}, "needs other voices"),
        (noise(), "babble", 0, {"others": noise()[0]}, "others must be"),
        (noise(), "babble", 0, {"others": noise() * torch.nan}, "others hold NaN"),
    ],
)
def test_what_cannot_be_spoiled_is_refused_with_what_to_do(x, name, strength, options, message):
    with pytest.raises(ValueError, match=message):
        corrupt(x, name, strength, **options)


# Training.


def noted(monkeypatch, *names):
    """What (name, strength) is applied from now on, one a group, while nothing is changed."""
    done = []

    def note(name):
        def apply(x, strength, *_):
            done.append((name, strength))
            return x + 1

        return apply

    for name in names:
        monkeypatch.setitem(CORRUPTIONS, name, replace(CORRUPTIONS[name], apply=note(name)))
    return done


def test_each_group_of_a_batch_is_spoiled_with_the_chance_given_and_the_others_are_left_alone():
    x = noise(400, 0.01)
    y = RandomCorruptions({"white_noise": (0, 30)}, chance=0.25, group=2)(x, seeded())
    changed = (x != y).any(1).reshape(200, 2)
    assert torch.equal(changed.all(1), changed.any(1))
    assert 30 <= changed.all(1).sum() <= 70
    assert torch.equal(RandomCorruptions({"gain": (0, 30)}, chance=0)(x), x)
    assert (RandomCorruptions({"white_noise": (0, 30)}, chance=1)(x) != x).any(1).all()


def test_a_group_gets_one_to_at_most_so_many_different_kinds(monkeypatch):
    names = ("gain", "low_pass", "white_noise", "clipping")
    done = noted(monkeypatch, *names)
    spoil = RandomCorruptions({name: CORRUPTIONS[name].strengths[1:3] for name in names}, chance=1, at_most=3, group=1)
    counts, generator = [], seeded()
    for _ in range(300):
        done.clear()
        y = spoil(torch.zeros(1, 4), generator)
        assert (y == len(done)).all()
        assert len({name for name, _ in done}) == len(done)
        counts.append(len(done))
    assert set(counts) == {1, 2, 3}
    assert all(60 < counts.count(n) < 140 for n in (1, 2, 3))


@pytest.mark.parametrize(("name", "low", "high", "middle"), [("gain", 0, 40, 20), ("low_pass", 500, 8000 / 2, 1414)])
def test_strengths_are_drawn_evenly_between_the_ends_or_evenly_in_the_logarithm(name, low, high, middle, monkeypatch):
    done = noted(monkeypatch, name)
    for ends in ((low, high), (high, low)):
        done.clear()
        RandomCorruptions({name: ends}, chance=1, group=1)(torch.zeros(1000, 1), seeded())
        strengths = torch.tensor([strength for _, strength in done])
        assert strengths.min() >= low
        assert strengths.max() <= high
        assert len(strengths.unique()) > 900
        assert strengths.median() == pytest.approx(middle, rel=0.1)


def test_a_seed_repeats_a_whole_batch_and_a_batch_is_left_as_it_was():
    x = voiced(5, 0.5)
    before = x.clone()
    spoil = RandomCorruptions({name: kind.strengths[1:3] for name, kind in CORRUPTIONS.items()}, group=2)
    for seed in range(4):
        y = spoil(x, seeded(seed))
        assert y.shape == x.shape
        assert y.isfinite().all()
        assert torch.equal(spoil(x, seeded(seed)), y)
    assert not torch.equal(spoil(x, seeded(1)), spoil(x, seeded(2)))
    assert torch.equal(x, before)
    whole = (x * 32768).round().to(torch.int16)
    assert spoil(whole, seeded()).dtype == torch.int16


def test_babble_in_training_is_the_voices_of_the_other_groups():
    hertz = [300, 500, 700, 900]
    x = torch.cat([tone(f) for f in hertz])
    added = RandomCorruptions({"babble": (0, 0)}, chance=1, group=2)(x, seeded()) - x
    heard = torch.stack([level_at(added, f) > 1e-5 for f in hertz], 1)
    assert heard.tolist() == [[False, False, True, True]] * 2 + [[True, True, False, False]] * 2
    alone = RandomCorruptions({"babble": (0, 0)}, chance=1, group=8)(x, seeded()) - x
    assert [(level_at(alone, f) > 1e-5).tolist() for f in hertz] == [[i != j for j in range(4)] for i in range(4)]


@pytest.mark.parametrize(
    ("kinds", "options", "message"),
    [
        ({}, {}, "at least one kind"),
        ({"hiss": (0, 1)}, {}, "no corruption 'hiss'"),
        ({"gain": (0, 600)}, {}, "between 0 and 60"),
        ({"gain": (6,)}, {}, "two ends"),
        ({"low_pass": (500, 6000)}, {"rate": 8000}, "needs a rate above"),
        ({"gain": (0, 6)}, {"chance": 2}, "0 … 1"),
        ({"gain": (0, 6)}, {"at_most": 0}, "at_most"),
        ({"gain": (0, 6)}, {"group": 0}, "group"),
    ],
)
def test_a_training_augmentation_that_makes_no_sense_is_refused(kinds, options, message):
    with pytest.raises(ValueError, match=message):
        RandomCorruptions(kinds, **options)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_seed_means_the_same_on_a_gpu(name):
    x, strength = voiced(3), CORRUPTIONS[name].strengths[1]
    here, there = corrupt(x, name, strength, seeded()), corrupt(x.cuda(), name, strength, seeded())
    assert there.is_cuda
    assert (there.cpu() - here).norm() < 0.01 * here.norm()


def test_babble_in_training_needs_a_second_voice():
    with pytest.raises(ValueError, match="a larger batch"):
        RandomCorruptions({"babble": (0, 0)}, chance=1)(noise())
