"""Commit and hardware of a provenance in words."""

import pytest

from pipeline.results.provenance import describe_commit, describe_hardware


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        ({}, None),
        ({"commit": None, "dirty": None}, None),
        ({"commit": "0123456789abcdef", "dirty": False}, "0123456789ab"),
        ({"commit": "0123456789abcdef", "dirty": True}, "0123456789ab with uncommitted changes"),
    ],
)
def test_a_commit_is_shortened_and_uncommitted_changes_are_named(origin, words):
    assert describe_commit(origin) == words


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        ({}, None),
        ({"hardware": None}, None),
        ({"hardware": {"cpu": "A CPU", "cores": 2, "gpu": None}}, "A CPU, 2 cores, no GPU"),
        ({"hardware": {"cpu": "A CPU", "cores": 2, "gpu": "A GPU"}}, "A CPU, 2 cores, A GPU"),
    ],
)
def test_hardware_is_named_with_its_cores_and_graphics_card(origin, words):
    assert describe_hardware(origin) == words
