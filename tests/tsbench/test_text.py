import os
import shutil
import subprocess

import pytest

from tsbench.text import command_line, plain, plain_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("é 日 [red]x[/] :smile: %s {}", "é 日 [red]x[/] :smile: %s {}"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x1b[2J\x07\x00\x7f", "\\x1b[2J\\x07\\x00\\x7f"),
        ("\x9b31m\x85", "\\x9b31m\\x85"),
        ("\u202e\u2066\u2069\u200e", "\\u202e\\u2066\\u2069\\u200e"),
        ("\u200b\ufeff\u00ad\U000e0041", "\\u200b\\ufeff\\xad\\U000e0041"),
        ("\u2028\u2029\xa0", "\\u2028\\u2029\\xa0"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_would_steer_a_terminal_is_escaped(text, shown):
    assert plain(text) == shown
    assert plain_lines(f"{text}\n") == f"{plain_lines(text)}\n"


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_a_shell_reads_the_same_words():
    words = ["a b", "it's", "x\x1b[31m\n'\\y", "日\u200b", os.fsdecode(b"\xff\xc3"), "$x `y`", ""]
    line = command_line(["printf", "%s\\0", *words])
    assert line.isprintable()
    printed = subprocess.run(["bash", "-c", line], capture_output=True, check=True).stdout
    assert printed.split(b"\0")[:-1] == [os.fsencode(word) for word in words]
    assert command_line(["a b", "é"]) == "'a b' 'é'"
