"""Reference values: each ruling with its limits, and files that keep every bit of a float."""

import math

import pytest
from scipy import stats as distributions

from pipeline.results import paths, store
from pipeline.verdicts import published
from pipeline.verdicts.claims import PATH, load_claims
from pipeline.verdicts.published import DIFFERS, IDENTICAL, NEW, WITHIN, compare, gather, ruled, tolerance

VALUES = (0.9, 0.92, 0.91)
MACHINE = {"cpu": "A CPU", "gpu": None, "system": "Linux", "cores": 2}
VERSIONS = {"torch": "2.13.0", "numpy": "2.4.6", "wandb": "0.31.0"}


def metrics(numbers, *, machine=MACHINE, versions=VERSIONS, settings="0123456789ab"):
    """The content of a metrics.json."""
    found = {}
    for name, values in numbers.items():
        kept = [value for value in values if value is not None]
        found[name] = {"values": list(values), "mean": sum(kept) / len(kept) if kept else None}
    origin = {"settings": settings, "hardware": machine, "versions": versions, "commit": "c" * 40, "dirty": False}
    return {"study": "small", "metrics": {"a": found}, store.PROVENANCE: origin}


def number(*values):
    return gather(metrics({"x": values}), []).numbers["a/x"]


def ruling(before, after, *, same_platform=True):
    return ruled("a/x", number(*before), number(*after), same_platform=same_platform).ruling


def moved(by):
    return [value + by for value in VALUES]


def test_the_tolerance_is_half_a_prediction_interval():
    """By hand: s = 0.01, n = 3, t(0.975, 2) = 4.30265."""
    assert tolerance(VALUES) == pytest.approx(4.302653 * 0.01 * math.sqrt(2 / 3), rel=1e-6)
    assert tolerance((0.9, None, 0.92)) == pytest.approx(12.706205 * math.sqrt(0.0002), rel=1e-6)
    assert tolerance((0.5, 0.5)) == 0
    assert tolerance((0.5,)) is tolerance((0.5, None)) is tolerance(()) is tolerance(None) is None


def test_the_interval_covers_what_it_says(generator):
    """The means of two samples from one normal distribution differ by no more in 95 of 100 cases."""
    a, b = generator.normal(size=(2, 2000, 3))
    near = [abs(x.mean() - y.mean()) <= tolerance(x.tolist()) for x, y in zip(a, b, strict=True)]
    low, high = distributions.binom.interval(0.9999, len(near), 0.95)
    assert low <= sum(near) <= high


def test_equal_bits_are_identical_and_nothing_else_is():
    assert ruling(VALUES, VALUES) == IDENTICAL
    assert ruling((0.1 + 0.2,), (0.3,)) == DIFFERS
    assert ruling((0.0,), (-0.0,)) == DIFFERS
    assert ruling((None, None), (None, None)) == IDENTICAL
    assert ruling((), ()) == IDENTICAL
    assert ruling((math.nan, 1.0), (None, 1.0)) == ruling((math.inf, 1.0), (None, 1.0)) == IDENTICAL


def test_within_the_spread_of_seeds_and_beyond():
    allowed = tolerance(VALUES)
    assert ruling(VALUES, moved(0.999 * allowed)) == ruling(VALUES, moved(-0.999 * allowed)) == WITHIN
    assert ruling(VALUES, moved(1.001 * allowed)) == ruling(VALUES, moved(-1.001 * allowed)) == DIFFERS
    assert ruling(VALUES, [VALUES[1], VALUES[0], VALUES[2]]) == WITHIN
    assert ruling(VALUES, moved(0.5 * allowed), same_platform=False) == WITHIN


@pytest.mark.parametrize("before", [(0.5,), (0.5, 0.5, 0.5)])
def test_without_spread_only_the_same_bits_count_but_for_another_platforms_rounding(before):
    near, far = [[value * (1 + by) for value in before] for by in (9e-7, 2e-6)]
    assert ruling(before, near) == DIFFERS
    assert ruling(before, near, same_platform=False) == WITHIN
    assert ruling(before, far, same_platform=False) == DIFFERS


def test_every_value_is_held_against_the_rounding_not_the_mean():
    assert ruling((1.0, 1.0), (1.1, 0.9), same_platform=False) == DIFFERS
    assert ruling((0.0,), (1e-9,), same_platform=False) == DIFFERS


def test_the_same_seeds_must_have_a_value():
    found = ruled("a/x", number(0.9, 0.92, None), number(0.9, None, 0.92), same_platform=True)
    assert (found.ruling, found.why) == (DIFFERS, "not the same seeds have a value")
    assert ruling((0.9, 0.92), (0.9, None), same_platform=False) == DIFFERS
    assert ruling((0.9, 0.92), (0.9, 0.92, 0.91)) == DIFFERS


def test_missing_and_additional_numbers():
    before = gather(metrics({"kept": VALUES, "gone": VALUES}), [])
    found = compare(before, metrics({"kept": VALUES, "more": (1.0,)}), [], {})
    assert {each.name: each.ruling for each in found.numbers} == {"a/kept": IDENTICAL, "a/gone": DIFFERS, "a/more": NEW}
    assert found.counts == {IDENTICAL: 1, WITHIN: 0, NEW: 1, DIFFERS: 1}
    assert [each.name for each in found.off] == ["a/gone"]
    assert found.off[0].found is None


@pytest.mark.parametrize(
    ("machine", "versions", "said"),
    [
        ({**MACHINE, "cores": 8}, {**VERSIONS, "wandb": "1"}, []),
        ({**MACHINE, "cpu": "B"}, VERSIONS, ["cpu: A CPU, here B"]),
        ({**MACHINE, "gpu": "G"}, {**VERSIONS, "torch": "3"}, ["gpu: none, here G", "torch: 2.13.0, here 3"]),
    ],
)
def test_what_differs_of_the_platforms_is_said(machine, versions, said):
    before = gather(metrics({"x": (1.0,)}), [])
    found = compare(before, metrics({"x": (1.0 + 1e-9,)}, machine=machine, versions=versions), [], {})
    assert found.platform == said
    assert found.numbers[0].ruling == (WITHIN if said else DIFFERS)


def test_a_claim_has_its_verdict_and_the_worst_of_its_numbers():
    def rows(**verdicts):
        return [{"id": id, "verdict": verdict} for id, verdict in verdicts.items()]

    before = gather(metrics({"x": VALUES, "y": VALUES, "z": (1.0,)}), rows(C1="partly", C2="replicated", C3="partly"))
    after = metrics({"x": VALUES, "y": moved(0.001), "z": (2.0,)})
    rests = {"C1": ["a/x", "a/y"], "C2": ["a/y", "a/z", "a/unknown"], "C3": ["a/unknown"]}
    found = compare(before, after, rows(C1="partly", C2="partly", C4="partly"), rests)
    assert {claim.id: (claim.ruling, claim.numbers) for claim in found.claims} == {
        "C1": (IDENTICAL, WITHIN), "C2": (DIFFERS, DIFFERS), "C3": (DIFFERS, None), "C4": (NEW, None),
    }  # fmt: skip
    assert [(claim.id, claim.published, claim.found) for claim in found.changed] == [
        ("C2", "replicated", "partly"),
        ("C3", "partly", None),
    ]


def test_the_ledger_says_what_claims_rest_on(root):
    claims = load_claims(root / PATH)
    found = published.rests_on(claims)
    assert found["C4.a"] == [
        "capacity/accuracy.one_linear_sg.mse.hidden5",
        "capacity/accuracy.backprop.mse.hidden5",
        "capacity/accuracy.one_frozen.mse.hidden5",  # of a control
    ]
    assert set(found["C4.a"]) < set(found["C4"])
    assert found.keys() == {each.id for claim in claims.claims for each in (claim, *claim.parts)}


def test_a_study_is_compared_with_what_was_published_of_it(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    PATH.parent.mkdir()
    PATH.write_bytes((root / PATH).read_bytes())
    rows, now = [{"id": "C1", "verdict": "partly"}], metrics({"x": VALUES})
    published.write(gather(now, rows))
    assert published.compare_study("small") is None  # there are no results
    store.write_json(paths.metrics("small"), now)
    store.write_json(paths.verdicts("small"), rows)
    found = published.compare_study("small")
    assert (found.counts[IDENTICAL], found.off, found.changed) == (1, [], [])
    store.write_json(paths.metrics("small"), metrics({"x": VALUES}, settings="f" * 12))
    with pytest.raises(published.OtherSettingsError, match="other settings") as error:
        published.compare_study("small")
    assert error.value.settings == "0123456789ab"
    paths.published("small").unlink()
    assert published.compare_study("small") is None


def test_a_file_holds_every_bit_with_a_number_a_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values = gather(
        metrics({"x": (0.1 + 0.2, None, 5e-324, -0.0), "none": ()}), [{"id": "C1", "verdict": "partly"}]
    )  # fmt: skip
    where = published.write(values)
    assert where == paths.published("small")
    again = published.read(where)
    assert again == values
    assert math.copysign(1, again.numbers["a/x"].values[3]) == -1
    assert sum('"a/x"' in line and '"spread"' in line for line in where.read_text().splitlines()) == 1


@pytest.mark.parametrize("content", ["{", "[]", '{"study": "small"}'])
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "small.json"
    path.write_text(content)
    with pytest.raises(store.DamagedFileError, match=r"small\.json"):
        published.read(path)


def test_a_number_has_its_mean_and_spread():
    found = number(*VALUES)
    assert found.values == VALUES
    assert (found.mean, found.spread) == pytest.approx((0.91, 0.01))
    assert number(0.1, 0.1, 0.1).spread == 0
    assert number(0.1).spread is None
