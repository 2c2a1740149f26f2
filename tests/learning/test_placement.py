"""Which layers a placement names."""

import subprocess
import sys

import pytest

from pipeline.learning.placement import positions


@pytest.mark.parametrize(
    ("placement", "hidden", "expected"),
    [
        ("none", 5, []),
        ("middle", 20, [10]),
        ("middle", 3, [2]),
        ("middle", 1, [1]),
        ("every", 3, [1, 2, 3]),
        ([3, 1], 4, [1, 3]),
        ([11], 20, [11]),
        ({"every": 1}, 3, [1, 2, 3]),
        ({"every": 3}, 10, [3, 6, 9]),
        ({"every": 4}, 4, [4]),
        ((3, 1), 4, [1, 3]),
        ("every", 0, []),
        ({"every": 2}, 0, []),
        ("middle", 0, []),
    ],
)
def test_positions(placement, hidden, expected):
    assert positions(placement, hidden=hidden) == expected


def test_a_gate_after_a_layer_that_is_not_there():
    with pytest.raises(ValueError, match=r"layers \[9\].*1 to 4"):
        positions([9], hidden=4)
    with pytest.raises(ValueError, match=r"that 5 divides.*has 4 hidden layers"):
        positions({"every": 5}, hidden=4)
    with pytest.raises(ValueError, match="that 0 divides"):
        positions({"every": 0}, hidden=4)


def test_placing_gates_imports_no_torch():
    code = "import sys; import pipeline.learning.placement; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
