"""A speaker is on one side of a split as a whole; folds have the classes about in proportion."""

import warnings

import pytest

np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")
pytest.importorskip("sklearn")

from lib.data import check_disjoint, group_folds, load_ravdess, speaker_split  # noqa: E402


def table(speakers=20, seed=0):
    """Speakers with 1 to 30 recordings each, in mixed order."""
    rng = np.random.default_rng(seed)
    speaker = rng.permutation(np.repeat([f"s{i:02}" for i in range(speakers)], rng.integers(1, 31, speakers)))
    return pd.DataFrame({"speaker": speaker, "sex": ["FM"[int(s[1:]) % 4 == 0] for s in speaker]})


def test_a_share_of_the_speakers_is_held_out_whole():
    data = table()
    held_out = speaker_split(data, share=0.2, seed=123)
    assert data["speaker"][held_out].nunique() == 4
    assert not set(data["speaker"][held_out]) & set(data["speaker"][~held_out])


def test_the_split_depends_on_the_seed_and_not_on_the_order_of_the_rows():
    data = table()
    held_out = set(data["speaker"][speaker_split(data, seed=1)])
    mixed = data.sample(frac=1, random_state=5)
    assert set(mixed["speaker"][speaker_split(mixed, seed=1)]) == held_out
    assert any(set(data["speaker"][speaker_split(data, seed=s)]) != held_out for s in range(2, 9))


def test_a_split_by_sex_takes_the_share_from_women_and_men_apart():
    data = table()  # 15 F, 5 M
    held_out = speaker_split(data, share=0.2, seed=3, by="sex")
    assert data[held_out].groupby("sex")["speaker"].nunique().to_dict() == {"F": 3, "M": 1}


def test_the_documents_numbers_of_speakers_come_out():
    speakers = pd.DataFrame({"speaker": np.arange(1432)})
    assert speaker_split(speakers).sum() == 286


@pytest.mark.parametrize(
    ("speakers", "share", "said"),
    [(["a", "a"], 0.2, "two speakers or more"), (["a", "b"], 1.0, "between 0 and 1"), ([], 0.2, "two speakers")],
)
def test_a_split_that_leaves_nobody_is_refused(speakers, share, said):
    with pytest.raises(ValueError, match=said):
        speaker_split({"speaker": speakers}, share)
    with pytest.raises(ValueError, match="with sex M, there are 1"):
        speaker_split({"speaker": ["a", "b", "c"], "sex": ["F", "F", "M"]}, by="sex")


def test_a_speaker_with_two_sexes_is_named():
    data = {"speaker": [*"abcdefgh", "a"], "sex": [*"FFFFMMMM", "M"]}
    with pytest.raises(ValueError, match="'a' has rows in two parts, 'F' and 'M'"):
        speaker_split(data, by="sex")


def test_each_group_is_in_one_fold_and_each_class_in_every_fold():
    data = table(24)
    folds = group_folds(data["speaker"], data["sex"], 4, seed=0)
    check_disjoint(data["speaker"], folds)
    assert set(folds) == {0, 1, 2, 3}
    share = [(data["sex"][folds == f] == "M").mean() for f in range(4)]
    assert np.ptp(share) < 0.35
    assert np.ptp(np.bincount(folds)) < 0.2 * len(data)
    assert np.array_equal(folds, group_folds(data["speaker"], data["sex"], 4, seed=0))
    assert not np.array_equal(folds, group_folds(data["speaker"], data["sex"], 4, seed=1))


def test_folds_over_actors_hold_the_sexes_in_proportion():
    made = load_ravdess("synthetic").table
    folds = group_folds(made["speaker"], made["sex"], 3, seed=0)
    assert all(made[folds == f].groupby("sex")["speaker"].nunique().to_dict() == {"F": 1, "M": 1} for f in range(3))


def test_fewer_groups_than_folds_and_unequal_lengths_are_refused_and_nothing_is_warned_of():
    with pytest.raises(ValueError, match="5 folds need as many groups, there are 3"):
        group_folds(["a", "b", "c"], [0, 1, 1], 5, seed=0)
    with pytest.raises(ValueError, match="3 groups for 2 rows"):
        group_folds(["a", "b", "c"], [0, 1], 2, seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        group_folds(list("abcdef"), [0, 0, 0, 0, 0, 1], 3, seed=0)


def test_a_speaker_on_both_sides_is_named():
    check_disjoint(["a", "a", "b"], ["train", "train", "test"])
    with pytest.raises(ValueError, match="'a' has rows in two parts, 'train' and 'test'"):
        check_disjoint(["a", "b", "a"], ["train", "test", "test"])
    with pytest.raises(ValueError, match="2 groups for 1 rows"):
        check_disjoint(["a", "b"], ["train"])
