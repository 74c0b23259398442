import json

import pytest


@pytest.fixture
def ran(tsbench):
    assert tsbench("run", "--method", "majority,1nn-ed", "--dataset", "UnitTest,GunPoint")[0] == 0


def test_stats_prints_and_writes_the_tests(tsbench, tmp_path, ran):
    code, out, _ = tsbench("stats", "UnitTest,GunPoint", "--out", "pairs.csv")
    assert code == 0 and "2 methods on 2 datasets" in out and "written to pairs.csv" in out
    assert "Critical difference of average ranks (Nemenyi, 5%): 1.39." in out
    assert (tmp_path / "pairs.csv").read_text().splitlines()[1].startswith("1nn-ed,majority,2,2,0,0,")
    code, out, _ = tsbench("stats", "UnitTest,GunPoint", "--format", "json", "--shared")
    assert code == 0 and json.loads(out)["pairs"][0]["wins"] == 2
    assert tsbench("stats", "UnitTest,GunPoint", "--format", "md")[1].startswith("UnitTest, GunPoint: accuracy in %")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--out", "pairs.xlsx"), "choose a file that ends in .csv, .md or .json"),
        (("--method", "majority"), "nothing to compare, 1 complete methods"),
        (("--rope", "-1"), "-1"),
    ],
)
def test_what_cannot_be_tested_is_one_line(tsbench, ran, options, message):
    code, out, err = tsbench("stats", "UnitTest,GunPoint", *options)
    assert code == 2 and message in err and not out
