import pytest

from tests.tsbench.store.test_store import make_result, make_spec
from tsbench.execute.display import Display


def test_what_a_run_does_once_stands_in_place_of_its_loss():
    display, spec = Display(), make_spec(0)
    display.note(spec, "compiling")  # of a run that is not shown
    display.started(spec, 0, 1)
    display.step(spec, 2, 9, 0.5)
    for doing, shown in (("compiling", "compiling"), ("", "")):
        display.note(spec, doing)
        (run,) = (task for task in display.progress.tasks if task.id != display.overall)
        assert (run.completed, run.fields["note"]) == (2, shown)


@pytest.mark.parametrize(("seconds", "end"), [(27.06, " in 30.0 s, 27.1 s of them compiling"), (0.2, " in 30.0 s")])
def test_the_line_about_a_run_says_what_was_compiled(capsys, seconds, end):
    with Display() as display:
        display.finished(make_result(make_spec(0), started=1.0, finished=31.0, durations={"compile": seconds}))
    assert capsys.readouterr().err.rstrip("\n").endswith(end)


def test_the_folds_of_a_data_set_with_several_of_its_own_are_told_apart(capsys):
    with Display() as display:
        for fold in range(2):
            display.finished(make_result(make_spec(0, fold=fold)))
    first, second = capsys.readouterr().err.splitlines()
    assert " seed 0" in first and "fold" not in first and " fold 1 seed 0" in second
