"""Masks and lengths of padded batches."""

import pytest
import torch
from torch import nn

from lib.models.masks import check_lengths, length_mask, masked_mean, strided


def test_the_mask_is_true_at_an_items_own_steps():
    assert length_mask(torch.tensor([3, 0, 1]), 3).tolist() == [[True] * 3, [False] * 3, [True, False, False]]


def test_the_masked_mean_is_the_mean_of_each_item_by_itself():
    x, lengths = torch.randn(3, 7, 4), torch.tensor([7, 1, 4])
    expected = torch.stack([row[:n].mean(0) for row, n in zip(x, lengths, strict=True)])
    assert torch.allclose(masked_mean(x, lengths), expected, atol=1e-6)


@pytest.mark.parametrize("stuff", [1e9, float("nan"), float("inf")])
def test_what_stands_in_the_padding_does_not_reach_the_masked_mean_nor_its_gradient(stuff):
    x = torch.ones(2, 5, 3)
    x[0, 2:] = stuff
    x.requires_grad_()
    mean = masked_mean(x, torch.tensor([2, 5]))
    assert torch.equal(mean, torch.ones(2, 3))
    mean.sum().backward()
    assert x.grad[0, 2:].abs().max() == 0
    assert torch.allclose(x.grad[0, :2], torch.tensor(0.5))


def test_an_item_of_no_steps_has_the_mean_zero():
    assert torch.equal(masked_mean(torch.randn(1, 4, 2), torch.tensor([0])), torch.zeros(1, 2))


@pytest.mark.parametrize(("kernel", "stride"), [(10, 5), (3, 2), (2, 2), (1, 1)])
def test_lengths_shrink_as_the_output_of_a_convolution_does(kernel, stride):
    layer = nn.Conv1d(1, 1, kernel, stride)
    for n in range(kernel, 40):
        assert strided(n, stride, kernel) == layer(torch.zeros(1, 1, n)).shape[2]
    assert strided(kernel - 1, stride, kernel) == 0
    assert strided(torch.tensor([kernel - 1, kernel]), stride, kernel).tolist() == [0, 1]


def test_lengths_shrink_as_the_output_of_a_pool_that_keeps_the_last_window():
    pool = nn.MaxPool1d(2, ceil_mode=True)
    assert [strided(n, 2) for n in range(1, 9)] == [pool(torch.zeros(1, 1, n)).shape[2] for n in range(1, 9)]


@pytest.mark.parametrize(
    ("lengths", "word"),
    [
        (torch.tensor([5, 0]), "0 to 5"),
        (torch.tensor([5, 11]), "5 to 11"),
        (torch.tensor([5.0, 2.0]), "float"),
        (torch.tensor([5]), "of 2 whole numbers"),
        ([5, 2], "list"),
    ],
)
def test_lengths_that_do_not_fit_the_batch_are_refused(lengths, word):
    with pytest.raises(ValueError, match=word):
        check_lengths(lengths, 2, 10)


def test_an_empty_batch_is_refused():
    with pytest.raises(ValueError, match="empty"):
        check_lengths(torch.zeros(0, dtype=torch.int64), 0, 10)
