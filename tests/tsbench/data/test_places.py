from tsbench.data.places import cache_folder, fetched_folder, offline, search_path


def test_the_environment_says_where_data_lies(monkeypatch, tmp_path):
    assert search_path() == [] and not offline()
    monkeypatch.setenv("TSBENCH_DATA", f"{tmp_path}:~/more")
    monkeypatch.setenv("TSBENCH_OFFLINE", "1")
    assert search_path()[0] == tmp_path and "~" not in str(search_path()[1])
    assert offline()
    monkeypatch.setenv("TSBENCH_CACHE", str(tmp_path / "cache"))
    assert cache_folder() == tmp_path / "cache" and fetched_folder() == cache_folder() / "data"
