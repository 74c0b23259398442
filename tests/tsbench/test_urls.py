import itertools

import pytest

from tsbench.urls import shown, without_secrets

SECRETS = [f"hu{mark}sh" for mark in "/@:?#&; %=\\'\"" + "\n"] + ["@hush", "hush@", "a/b@c:d?e#f&g;h", "%2Fhush%40"]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_password_is_hidden_whatever_it_holds(secret):
    for url in (f"s3://user:{secret}@host/folder", f"s3://{secret}@host/folder", f"ftp://:{secret}@host/folder"):
        assert shown(url) == f"{url.partition('://')[0]}://***@host/folder"
        told = without_secrets(f"cannot open {url} ({secret} is wrong): {url}/x", url)
        assert secret not in told and "host/folder/x" in told


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("https://host/a?token=hush", "https://host/a?***"),
        ("https://host/a#hush", "https://host/a?***"),
        ("https://host/a?mail=a@b&token=hush", "https://***@b?***"),
        ("https://u:p@host/a?token=hush", "https://***@host/a?***"),
        ("simplecache::s3://u:hush@host/a", "simplecache::s3://***@host/a"),
        ("zip://inner::s3://u:hush@host/a", "zip://***@host/a"),
        ("ftp://127.0.0.1:1/a", "ftp://127.0.0.1:1/a"),
        ("s3://bucket/x", "s3://bucket/x"),
        ("folder/a?b@c", "folder/a?b@c"),
        ("auto", "auto"),
    ],
)
def test_what_is_shown_of_a_url(url, seen):
    assert shown(url) == seen and "hush" not in shown(url)


def test_no_split_of_user_and_place_gives_a_secret_away():
    for parts in itertools.product(["hush", "/", "@", ":", "?", "&"], repeat=4):
        assert "hush" not in shown(f"s3://u:{''.join(parts)}@host")


def test_a_text_loses_the_secrets_of_urls_it_quotes():
    text = "HTTPSConnectionPool(host='h', port=443): Max retries exceeded with url: /x?sig=hush&b=c (Caused by y)"
    assert without_secrets(text) == text.replace("sig=hush&b=c", "***")
    assert without_secrets("sent to https://me:hush@h/x?t=hush, which") == "sent to https://***@h/x?*** which"
    assert without_secrets("is it there? a=b, me@host", "s3://bucket/x") == "is it there? a=b, me@host"
