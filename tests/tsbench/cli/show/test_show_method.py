from tsbench.discovery.plugins import plugins


def test_every_method_can_be_shown(tsbench):
    for name in plugins()["methods"].names():
        if name.endswith(":"):
            continue  # any classifier of a library
        code, out, err = tsbench("show", "method", name)
        assert (code, err) == (0, ""), name
        assert "It can:\n  " in out and f"{name} (version " in out


def test_what_puts_series_and_texts_into_one_space_says_so(tsbench):
    assert "  embed        put series and texts into one space" in tsbench("show", "method", "signal-text")[1]
