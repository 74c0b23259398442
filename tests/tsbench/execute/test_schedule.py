from dataclasses import replace

from tests.tsbench.store.test_store import make_spec
from tsbench.execute.schedule import Schedule


def specs(seed, count):
    """Return runs that share a seed, and so a pre-training."""
    one = make_spec(seed)
    return [replace(one, protocol=one.protocol.model_copy(update={"name": str(n)})) for n in range(count)]


def names(schedule, previous, count):
    taken = []
    for _ in range(count):
        previous = schedule.next(previous)
        taken.append(None if previous is None else (previous.seed, previous.protocol.name))
    return taken


def test_one_worker_follows_the_plan():
    plan = [*specs(0, 2), *specs(1, 2)]
    assert names(Schedule(plan), None, 5) == [(0, "0"), (0, "1"), (1, "0"), (1, "1"), None]


def test_workers_keep_to_their_unit_and_help_only_once_it_is_trained():
    a, b = specs(0, 4), specs(1, 2)
    schedule = Schedule([*a, *b])
    assert [schedule.next(None), schedule.next(None)] == [a[0], b[0]]
    assert schedule.next(b[0]) == b[1]
    assert schedule.next(b[1]) is None
    schedule.over(a[0])
    assert schedule.next(b[1]) == a[3]
    assert schedule.next(a[0]) == a[1]
    assert schedule.next(a[1]) == a[2]
    assert not schedule


def test_a_run_put_back_is_next_in_its_unit():
    a = specs(0, 2)
    schedule = Schedule(a)
    first = schedule.next(None)
    assert schedule.next(None) is None
    schedule.put_back(first)
    assert schedule.next(None) == a[0]


def test_a_pretraining_shared_by_datasets_is_one_unit():
    from tsbench.plan.spec import Source

    source = (Source("S", "f", "none", "S"),)
    a, b = (replace(make_spec(0), sources=source, dataset=name) for name in "ab")
    schedule = Schedule([a, b])
    assert schedule.next(None) == a
    assert schedule.next(None) is None
    schedule.over(a)
    assert schedule.next(None) == b
