"""Which runs are raced: neighbours, all pairs of a few, or those that are named, more or less exactly."""

import numpy as np
import pytest

from scaling_cli.curves import Curves
from scaling_cli.errors import UsageError
from scaling_cli.planning.race_pairs import by_size, choose_pairs, find_run
from tests.planning.race_curves import make_curves


def runs(*sizes: float, names: tuple[str, ...] = (), last: tuple[float, ...] = ()) -> Curves:
    ends = last or (1e10,) * len(sizes)
    tokens = [np.array([1e9, end]) for end in ends]
    return make_curves(tokens, [np.array([3.0, 2.9])] * len(sizes), sizes, names=names)


def pairs(curves: Curves, *named: str) -> list[tuple[int, int]]:
    return [(pair.a, pair.b) for pair in choose_pairs(curves, named)]


def test_neighbouring_sizes_come_first_and_the_other_pairs_of_a_few_runs_follow() -> None:
    chosen = choose_pairs(runs(4e9, 1e9, 2e9))
    assert [(pair.a, pair.b, pair.is_asked) for pair in chosen] == [
        (1, 2, True),
        (2, 0, True),
        (1, 0, False),
    ]


def test_of_more_than_eight_runs_neighbours_alone_are_raced() -> None:
    assert len(pairs(runs(*(1e9 * 2**i for i in range(8))))) == 28
    assert pairs(runs(*(1e9 * 2**i for i in range(9)))) == [(i, i + 1) for i in range(8)]


def test_of_several_runs_of_a_size_those_that_end_together_are_neighbours_on_each_axis() -> None:
    sizes = (1e9, 1e9, 1e9, 1e9, 2e9, 2e9, 2e9, 2e9, 4e9)
    curves = runs(*sizes, last=(2e9, 5e9, 3e9, 4e9, 9e9, 8e9, 5.1e9, 2.5e9, 5e9))
    assert pairs(curves) == [(1, 6), (6, 8)]
    # 5e9 tokens of 1B are 2.5e9 of 2B, and 9e9 of 2B nearly 5e9 of 4B
    assert [(pair.a, pair.b) for pair in choose_pairs(curves, axis="flops")] == [(1, 7), (4, 8)]


def test_of_runs_that_end_together_the_longest_are_neighbours() -> None:
    curves = runs(1e9, 1e9, 1e9, 2e9, 2e9, 2e9, 4e9, 4e9, 8e9, last=(2e9, 4e9, 8e9) * 2 + (2e9, 4e9, 4e9))
    assert pairs(curves) == [(2, 5), (4, 7), (7, 8)]


def test_runs_of_one_size_are_raced_by_length() -> None:
    curves = runs(*(1e9,) * 9, last=tuple(1e10 - 1e9 * i for i in range(9)))
    assert by_size(curves) == list(reversed(range(9)))
    assert pairs(curves) == [(i + 1, i) for i in reversed(range(8))]


@pytest.mark.parametrize(
    ("name", "run"),
    [("llama1-7B", 0), ("LLAMA1 7b", 0), ("7B", 0), ("13b", 1), ("llama_2/7B", 2), ("3B", 3), ("a:b", 4)],
)
def test_a_run_is_found_by_its_name_or_by_its_last_words(name: str, run: int) -> None:
    names = ("llama1-7B", "llama1-13B", "llama-2-7B-x", "gpt-3B", "a:b")
    curves = runs(*(1e9,) * 5, names=names)
    if name == "llama_2/7B":
        with pytest.raises(UsageError, match="no run is called"):
            find_run(curves, name)
    else:
        assert find_run(curves, name) == run


def test_a_name_that_may_be_two_runs_is_refused_with_both() -> None:
    curves = runs(1e9, 1e9, names=("a-7B", "b-7B"))
    with pytest.raises(UsageError, match="'7B' may be a-7B, b-7B"):
        find_run(curves, "7B")


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    curves = runs(1e9, 2e9, 3e9, names=("llama1-7B", "llama1-13B", "pythia-1B"))
    with pytest.raises(UsageError, match="no run is called 'lama1-7B'") as caught:
        choose_pairs(curves, ["lama1-7B:llama1-13B"])
    assert caught.value.hint == "did you mean llama1-7B or llama1-13B?"
    with pytest.raises(UsageError) as caught:
        find_run(curves, "zzz")
    assert caught.value.hint == "the runs are llama1-7B, llama1-13B, pythia-1B"


@pytest.mark.parametrize("text", ["7B", "7B:", ":7B", "", ":"])
def test_a_pair_is_two_names(text: str) -> None:
    with pytest.raises(UsageError, match="is not A:B"):
        choose_pairs(runs(1e9, 2e9), [text])


def test_a_run_does_not_race_itself() -> None:
    with pytest.raises(UsageError, match="names one run twice"):
        choose_pairs(runs(1e9, 2e9, names=("a", "b")), ["a:A"])


def test_named_pairs_are_raced_in_their_order_each_once_and_nothing_else() -> None:
    curves = runs(1e9, 2e9, 4e9, names=("x:1", "y", "z"))
    assert pairs(curves, "z:y", "x:1:z", "z:y") == [(2, 1), (0, 2)]
