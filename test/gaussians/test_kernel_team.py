"""Threads for kernels: each item once, results in order, errors come through."""

import numpy as np
import pytest

from ixgs_ros.gaussians.team import Team


@pytest.mark.parametrize('threads', [1, 2, 5])
@pytest.mark.parametrize('count', [0, 1, 2, 7, 1000])
def test_every_item_is_done_once(threads, count):
    done = np.zeros(count, int)

    def kernel(begin: int, end: int, step: int) -> range:
        done[begin:end] += step
        return range(begin, end)

    results = Team(threads).run(kernel, count, 3)
    assert (done == 3).all()
    assert [i for piece in results for i in piece] == list(range(count))


@pytest.mark.parametrize('count', [1, 99, 100, 250, 10_000])
def test_no_piece_is_smaller_than_the_grain(count):
    pieces = Team(3).run(lambda begin, end: end - begin, count, grain=100)
    assert sum(pieces) == count
    assert len(pieces) == 1 or min(pieces) >= 100


@pytest.mark.parametrize('threads', [1, 3])
def test_an_error_in_a_piece_comes_through(threads):
    def kernel(begin: int, end: int) -> None:
        if begin <= 50 < end:
            raise ArithmeticError('item 50')

    team = Team(threads)
    with pytest.raises(ArithmeticError, match='item 50'):
        team.run(kernel, 100)
    assert team.run(lambda begin, end: end - begin, 100)
