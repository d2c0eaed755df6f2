"""Processes beside this one: order, mistakes, and items that end a process."""

import os
import signal
import time
from functools import partial

import pytest

from dmljax.inference import pool
from dmljax.types import UserError


def start(factor, fail=""):
    if fail == "start":
        raise UserError("it is not installed", parameter="faces")
    return partial(_do, factor, fail)


def _do(factor, fail, item):
    if item == "kill":
        os.kill(os.getpid(), signal.SIGSEGV)
    if item == fail:
        raise UserError("must be a number", parameter="item")
    if isinstance(item, int) and item % 3 == 0:
        time.sleep(0.02)
    print("noise")  # is no result
    return item if isinstance(item, bytes) else item * factor


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_in_order_and_items_as_they_are_needed(jobs):
    taken = []
    items = (taken.append(k) or k for k in range(20))
    found = pool.results(partial(start, 2), items, jobs)
    assert next(found) == 0 and len(taken) <= pool.AHEAD * jobs + 1
    assert list(found) == [2 * k for k in range(1, 20)]


def test_an_item_that_ends_its_process_costs_itself_alone():
    items = [1, "kill", 2, 3, 4, 5, "kill"]
    found = list(pool.results(partial(start, 2), items, 2))
    lost = pool.Lost("it ended the process that read it by SIGSEGV")
    assert found == [2, lost, 4, 6, 8, 10, lost]


def test_large_items_and_results_do_not_wait_for_each_other():
    large = [bytes([k]) * 3_000_000 for k in range(8)]  # more than a pipe holds, there and back
    assert list(pool.results(partial(start, 1), large, 2)) == large


@pytest.mark.parametrize("fail", ["start", pytest.param("b", marks=pytest.mark.slow)])
def test_mistakes_are_those_of_the_user(fail):
    with pytest.raises(UserError) as error:
        list(pool.results(partial(start, 1, fail), ["a", "b", "c"], 2))
    assert error.value.parameter == ("faces" if fail == "start" else "item")


def test_who_stops_early_leaves_no_process(monkeypatch):
    workers = []
    real = pool._Worker
    monkeypatch.setattr(pool, "_Worker", lambda start: workers.append(real(start)) or workers[-1])
    found = pool.results(partial(start, 2), range(100), 2)
    next(found)
    found.close()
    assert len(workers) == 2 and all(worker._process.poll() is not None for worker in workers)
