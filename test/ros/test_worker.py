"""The compute thread: order, bounds, idle work, failures, and its end."""

from __future__ import annotations

import threading
import time

import pytest

from ixgs_ros.ros.worker import Worker, WorkerFull, WorkerStopped


@pytest.fixture
def gate():
    """An event that work can wait for, set at the end so that no thread stays."""
    event = threading.Event()
    yield event
    event.set()


def test_work_is_done_in_order_by_one_thread():
    worker = Worker('compute', 100)
    done = [worker.submit(lambda n=n: (n, threading.current_thread().name)) for n in range(50)]
    assert [future.result(5) for future in done] == [(n, 'compute') for n in range(50)]
    assert worker.stop()


def test_a_full_queue_refuses_and_a_stop_cancels_what_waits(gate):
    worker = Worker('compute', 2)
    running = worker.submit(gate.wait, 5)
    while worker.waiting:
        time.sleep(0.001)
    waiting = [worker.submit(print) for _ in range(2)]
    with pytest.raises(WorkerFull, match='2 pieces of work wait already'):
        worker.submit(print)
    threading.Timer(0.1, gate.set).start()
    assert worker.stop()
    assert running.result() and all(future.cancelled() for future in waiting)
    with pytest.raises(WorkerStopped):
        worker.submit(print)


def test_a_failure_belongs_to_whoever_asked_and_the_thread_goes_on():
    worker = Worker('compute', 4)
    with pytest.raises(ZeroDivisionError):
        worker.submit(lambda: 1 / 0).result(5)
    assert worker.submit(lambda: 7).result(5) == 7
    assert worker.stop()


def test_idle_work_runs_until_there_is_no_more_and_again_after_new_work():
    left = [3]

    def idle():
        left[0] -= 1
        return left[0] > 0
    worker = Worker('compute', 4, idle)
    time.sleep(0.1)
    assert left[0] == 0
    worker.submit(left.__setitem__, 0, 2).result(5)
    time.sleep(0.1)
    assert left[0] == 0
    assert worker.stop()


def test_idle_work_that_fails_is_told_and_waits_for_new_work():
    told = []

    def idle():
        raise RuntimeError('no')
    worker = Worker('compute', 4, idle, told.append)
    time.sleep(0.1)
    assert [str(error) for error in told] == ['no']
    assert worker.submit(lambda: 7).result(5) == 7
    assert worker.stop()
