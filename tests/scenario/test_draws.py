from __future__ import annotations

import numpy as np

from everroad.scenario.draws import generator, uniform


def test_uniform_numbers_are_uniform_and_differ_by_address():
    numbers = np.array([uniform(3, "route", i) for i in range(4000)])
    assert ((numbers >= 0) & (numbers < 1)).all()
    assert len(set(numbers.tolist())) == len(numbers)
    # Mean and variance of the uniform distribution, within four standard errors.
    assert abs(numbers.mean() - 0.5) < 4 * np.sqrt(1 / 12 / 4000)
    assert abs(numbers.var() - 1 / 12) < 4 * np.sqrt(1 / 180 / 4000)


def test_same_address_same_draw_whatever_came_before():
    first = generator(1, "a").random(5)
    generator(1, "b").random(100)
    np.testing.assert_array_equal(generator(1, "a").random(5), first)
    assert uniform(1, "a") == uniform(1, "a")


def test_parts_of_an_address_do_not_run_together():
    assert uniform(1, 11) != uniform(11, 1)
    assert uniform("a", "bc") != uniform("ab", "c")
