"""The hybrid of a spectrogram's and a wave's network."""

import pytest
import torch
from speech_models import head, moved_in_phases, spectrograms, trainable, without_gradient
from test_conv_transformer import small as conv_transformer
from test_vision import convnext
from test_wav2vec import small as wav2vec

from lib.models.hybrid import Hybrid

FRAMES = torch.tensor([40, 25, 13, 30])


@pytest.fixture(params=[convnext, conv_transformer])
def model(request):
    torch.manual_seed(0)
    return Hybrid(request.param(), wav2vec(inputs="features"), width=12)


def batch():
    x, frames = spectrograms(FRAMES)
    steps = FRAMES - 1
    features = torch.randn(4, 39, 8, generator=torch.Generator().manual_seed(2))
    return x, frames, features * (torch.arange(39) < steps[:, None])[..., None], steps


def test_spectrograms_and_features_give_one_logit_an_item(model):
    assert model(*batch()).shape == (4, 1)


def test_waves_serve_as_well_as_features():
    model = Hybrid(conv_transformer(), wav2vec())
    assert model(*spectrograms(FRAMES), torch.randn(4, 12800), FRAMES * 320).shape == (4, 1)


@torch.no_grad()
def test_padding_does_not_change_an_item(model):
    model.eval()
    x, frames, features, steps = batch()
    pad = torch.nn.functional.pad
    together = model(pad(x, (0, 0, 0, 50), value=9), frames, pad(features, (0, 0, 0, 50), value=9), steps)
    alone = [
        model(x[i : i + 1, : frames[i]], frames[i : i + 1], features[i : i + 1, : steps[i]], steps[i : i + 1])
        for i in range(4)
    ]
    assert torch.allclose(together, torch.cat(alone), atol=1e-5)


@torch.no_grad()
def test_both_views_have_a_say(model):
    x, frames, features, steps = batch()
    model.eval()
    logits = model(x, frames, features, steps)
    assert not torch.allclose(model(x.flip(0), frames, features, steps), logits, atol=1e-4)
    assert not torch.allclose(model(x, frames, features.flip(0), steps), logits, atol=1e-4)


def test_a_gradient_reaches_every_weight_that_trains_and_no_head_is_left_unused(model):
    assert without_gradient(model, *batch()) == set()
    assert not any(".head." in name for name, _ in model.named_parameters())


def test_first_the_head_with_its_projections_moves_alone_then_everything(model):
    first, second = moved_in_phases(model, *batch())
    assert first == head(model)
    assert any("projections" in name for name in first)
    assert second >= trainable(model)
    assert not any("feature_extractor" in name for name in second)


def test_batches_that_do_not_go_together_are_refused(model):
    x, frames, features, steps = batch()
    with pytest.raises(ValueError, match="4 spectrograms don't go with 3"):
        model(x, frames, features[:3], steps[:3])
