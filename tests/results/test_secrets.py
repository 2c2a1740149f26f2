"""What looks like a key is hidden; names and ids of runs are not."""

import pytest

from pipeline.results import secrets

KEY = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"key {KEY}.", "key [hidden]."),
        ("http://user:word@host/x", "http://[hidden]@host/x"),
        ("local-0123456789abcdef", "local-[hidden]"),
        ("wandb_v1_ab-cd wandb_v1_abcdefgh_123", "[hidden]-cd [hidden]"),
        ("told sesame-opens-it", "told [hidden]"),
        ("offline-run-20261122_111221-ec8106666c703cad", "offline-run-20261122_111221-ec8106666c703cad"),
    ],
)
def test_messages_hide_what_looks_like_a_key(monkeypatch, text, left):
    monkeypatch.setenv("SOME_TOKEN", "sesame-opens-it")
    assert secrets.scrub(text) == left
