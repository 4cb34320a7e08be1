"""The references of the tasks on networks for music are PyTorch's own, and their mistakes can be told apart."""

from itertools import combinations

import numpy as np
import pytest
import torch
from music_networks_right import GenreCNN, GenreLSTM, occlusion_map

from lib.checks import music_cnn, music_inside, music_networks
from lib.checks.music_cnn_recipe import CNN_MISTAKES, CnnRecipe, trunk_recipe
from lib.checks.music_inside import MAP_MISTAKES, MapRecipe, map_recipe
from lib.checks.music_recipes import LSTM_MISTAKES, LstmRecipe, lstm_recipe, runs_of


def lstm_values():
    """What the right network gives, and a function from changes to logits."""
    net = GenreLSTM(music_networks.BANDS, music_networks.CLASSES, 5, 3, 0.4).eval()
    music_networks.enliven(net.lstm, net.linear)
    lengths, x = music_networks.LENGTHS, music_networks.batch(4, music_networks.STEPS)
    runs = runs_of(net.lstm, x, lengths)
    right = net(x, torch.tensor(lengths))
    return right, lambda changes: lstm_recipe(runs, net.linear, lengths, LstmRecipe(**changes))


def cnn_values():
    net = GenreCNN(music_cnn.OUTPUTS).eval()
    convolutions, norms = music_cnn.convolutions_of(net), music_cnn.norms_of(net)
    music_cnn.enliven(convolutions, norms, net.head)
    x = music_cnn.spectrograms(3, *music_cnn.SIZE)
    return net.trunk(x), lambda changes: trunk_recipe(convolutions, norms, x, CnnRecipe(**changes))


def map_values():
    picture = torch.randn(music_inside.PICTURE, generator=torch.Generator().manual_seed(9)) + 0.4
    score = music_inside.Score(music_inside.PICTURE)
    right = occlusion_map(score, picture, music_inside.PATCH, music_inside.FILL)
    return right, lambda changes: map_recipe(score, picture, music_inside.PATCH, MapRecipe(**changes))


def as_array(values):
    return values.detach().numpy() if isinstance(values, torch.Tensor) else values


TASKS = [(lstm_values, LSTM_MISTAKES), (cnn_values, CNN_MISTAKES), (map_values, MAP_MISTAKES)]


@pytest.mark.parametrize(("values", "mistakes"), TASKS, ids=["lstm", "cnn", "map"])
def test_the_recipe_without_a_mistake_is_the_right_answer(values, mistakes):
    right, recipe = values()
    np.testing.assert_allclose(as_array(recipe({})), as_array(right), atol=1e-4)


@pytest.mark.parametrize(("values", "mistakes"), TASKS, ids=["lstm", "cnn", "map"])
def test_no_two_mistakes_give_the_same_values(values, mistakes):
    """Otherwise a message could name the wrong one."""
    right, recipe = values()
    runs = [as_array(right), *(as_array(recipe(m.changes)) for m in mistakes)]
    for a, b in combinations(range(len(runs)), 2):
        same_shape = runs[a].shape == runs[b].shape
        assert not same_shape or np.abs(runs[a] - runs[b]).max() > 1e-3, (a, b)


def test_lengths_as_on_a_gpu_are_refused_by_packing_until_they_are_on_the_cpu():
    from torch.nn.utils.rnn import pack_padded_sequence

    from lib.checks import CheckFailed

    x, lengths = music_networks.batch(2, 5), music_networks.as_on_a_gpu([3, 5])
    with pytest.raises(CheckFailed, match="on the CPU"):
        pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    with pytest.raises(CheckFailed, match="on the CPU"):
        pack_padded_sequence(x, lengths + 0, batch_first=True, enforce_sorted=False)
    with music_networks.tensors_as_on_a_gpu():
        brought = [torch.as_tensor(lengths, device="cpu"), lengths.to(device=torch.device("cpu"))]
        brought += [torch.tensor(lengths, device="cpu"), torch.tensor(list(lengths)), lengths.cpu().numpy()]
        left = [torch.tensor(lengths), torch.as_tensor(lengths), torch.tensor(lengths, dtype=torch.int32)]
    for there in left:
        with pytest.raises(CheckFailed, match="on the CPU"):
            pack_padded_sequence(x, there, batch_first=True, enforce_sorted=False)
    for read in (torch.Tensor.numpy, np.asarray, np.array, lambda n: n.detach().numpy()):
        with pytest.raises(CheckFailed, match=r"numpy can't read it.*lengths\.cpu\(\)"):
            read(lengths)
    for there in (*brought, lengths.cpu(), lengths.to("cpu"), lengths.type(torch.LongTensor), lengths.tolist()):
        packed = pack_padded_sequence(x, there, batch_first=True, enforce_sorted=False)
        assert packed.batch_sizes.tolist() == [2, 2, 2, 1, 1]
