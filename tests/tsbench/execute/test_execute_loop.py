import pytest

from tsbench.execute.executors.base import Executor
from tsbench.execute.interruption import Interruption
from tsbench.execute.loop import Driver


class Given(Executor):
    """Gives back what it was given; `ends` is raised at the end of the first wait."""

    def __init__(self, ends=None):
        self.ends, self.stopped = ends, 0

    def idle(self):
        return [0]

    def submit(self, slot, spec):
        self.spec = spec

    def wait(self, step, note=None):
        if self.ends is not None:
            raise self.ends
        return [self.spec]

    def stop(self):
        self.stopped += 1


class Counting(Driver):
    """Has three runs to give, the numbers from 0."""

    def __init__(self, executor):
        super().__init__(executor)
        self.given, self.taken = 0, []

    def hand_out(self):
        self.executor.submit(0, self.given)
        self.given += 1
        return self.given <= 3

    def take(self, done):
        self.taken.append(done)


def drive(driver):
    with Interruption(driver.executor) as interruption:
        driver.drive(interruption)
        return interruption.asked


def test_all_is_handed_out_and_taken_and_the_executor_stopped_once():
    driver = Counting(Given())
    assert not drive(driver)
    assert driver.taken == [0, 1, 2] and driver.executor.stopped == 1


def test_an_interruption_ends_the_loop_and_is_told():
    driver = Counting(Given(KeyboardInterrupt()))
    assert drive(driver)
    assert driver.taken == [] and driver.given == 1 and driver.executor.stopped == 1


def test_an_error_stops_the_executor_and_passes_through():
    driver = Counting(Given(ValueError("broken")))
    with pytest.raises(ValueError, match="broken"):
        drive(driver)
    assert driver.executor.stopped == 1


def test_what_was_asked_to_end_before_the_loop_gives_nothing_out():
    driver = Counting(Given())
    interruption = Interruption(driver.executor)
    interruption.asked = True
    driver.drive(interruption)
    assert driver.given == 0 and driver.executor.stopped == 1
