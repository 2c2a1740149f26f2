"""Settings that don't fit each other are refused with the config, on either side of each bound."""

import copy

import pytest
import yaml

from pipeline.study.errors import ConfigError
from pipeline.study.load import parse_study

TEST, TRAIN, STEPS, WIDTH = 1000, 2000, 120, 16  # of the smoke study


@pytest.fixture(scope="module")
def smoke(request):
    return yaml.safe_load((request.config.rootpath / "configs" / "smoke.yaml").read_text())


def changed(smoke, **changes):
    """The study with values at paths such as `training.batch`; a callable changes what is there."""
    settings = copy.deepcopy(smoke)
    for path, value in changes.items():
        *folders, key = path.split("__")
        place = settings
        for folder in folders:
            place = place[folder]
        place[key] = value(place[key]) if callable(value) else value
    return settings


def only(smoke, *methods):
    """The study with these methods only, one sweep, and nothing that is analysed or drawn."""
    settings = copy.deepcopy(smoke)
    settings["methods"] = {name: {**settings["methods"][name], "sweeps": "all"} for name in methods}
    settings["sweeps"] = {"depth": settings["sweeps"]["depth"]}
    settings["analyses"], settings["figures"] = {}, {}
    return settings


def refused(settings):
    with pytest.raises(ConfigError) as caught:
        parse_study(yaml.safe_dump(settings), source="x")
    return str(caught.value)


def accepted(settings):
    return parse_study(yaml.safe_dump(settings), source="x")


ARTIFICIAL, IDENTITIES = "analyses.artificial_data.settings.", "analyses.identities.settings.estimators: "
BOUNDS = [  # path, the last value that fits, the first that doesn't, where the message begins
    ("training__batch", 2, 1, "training.batch: found 1, expected at least 2 with batch normalisation"),
    ("training__log_points", 2, 1, "training.log_points: found 1, expected at least 2 with batch normalisation"),
    ("training__log_every", STEPS, STEPS + 1, "training.log_every: found 121, expected at most training.steps, 120"),
    ("training__log_early", {"every": 9, "until": 9}, {"every": 9, "until": 8}, "training.log_early.every: found 9, expected at most training.log_early.until, 8"),
    ("training__checkpoints", 2, 1, "training.checkpoints: found 1, expected 2 (the start and the end) to 121"),
    ("training__checkpoints", STEPS + 1, STEPS + 2, "training.checkpoints: found 122, expected 2"),
    ("training__optimiser__drops", [119], [120], "training.optimiser.drops: found 120, expected less than training.steps"),
    ("training__optimiser__drops", [8, 9], [9, 8], "training.optimiser.drops: found [9, 8], expected steps in ascending order"),
    ("training__gates__optimiser__drops", [8], [8, 8], "training.gates.optimiser.drops: found [8, 8]"),
    ("training__optimiser__momentum", 0.0, 0.5, "training.optimiser.momentum: found 0.5 for adam, expected 0"),
    ("training__optimiser__drop_factor", 1.0, 1.5, "training.optimiser.drop_factor: found 1.5"),
    ("training__network__shift", 0.0, float("nan"), "training.network.shift: found NaN"),
    ("data__split_seed", 0, -1, "data.split_seed: found -1"),
    ("data__test", 10_000, 10_001, "data.test: found 10001, expected at most the 10000 test points of mnist"),
    ("data__train", 59_500, 59_501, "data.train: found 59501, expected at most 59500: of the 60000 training points"),
    ("samples__rdm", TEST - 200, TEST - 199, "samples: found 801 points for rdm and 200 for cca, expected at most 1000"),
    ("samples__rdm", 20, 19, "samples.rdm: found 19, expected at least two points for each of the 10 classes"),
    ("samples__probe", 20, 19, "samples.probe: found 19, expected at least two points for each of the 10 classes"),
    ("samples__probe", TRAIN, TRAIN + 1, "samples.probe: found 2001, expected at most the training points, 2000"),
    ("samples__cca", 10 * WIDTH, 10 * WIDTH - 1, "samples.cca: found 159, expected at least 160"),
    ("tuning__steps", STEPS, STEPS + 1, "tuning.steps: found 121, expected at most training.steps, 120"),
    ("methods__one_sg__label", "one SG", "_one", "methods.one_sg.label: found '_one', which begins with an underscore"),
    ("methods__one_sg__label", "one SG", "one $$ SG", "methods.one_sg.label: found 'one $$ SG', whose $ figures would read"),
    ("methods__one_sg__label", "Ω", "鱼", "methods.one_sg.label: found 鱼 (U+9C7C), expected characters of the figures' font"),
    ("methods__one_sg__label", "x" * 60, "x" * 61, "methods.one_sg.label: found 61 characters, expected at most 60"),
    ("methods__one_sg__label", "one", "backprop", "methods.one_sg.label: found 'backprop', which is the label of methods.back"),
    ("methods__one_sg__label", "one SG", "one\nSG", "methods.one_sg.label: found '\\n', expected printable characters"),
    ("title", "x", " ", "title: found ' ', expected a text without blanks at its ends"),
    ("sweeps__depth__seeds", [0], [], "sweeps.depth.seeds: expected at least one, each once; found []"),
    ("sweeps__depth__seeds", [0, 1], [0, 0], "sweeps.depth.seeds: expected at least one, each once; found [0, 0]"),
    ("sweeps__depth__seeds", [0], [-1], "sweeps.depth.seeds.0: found -1"),
    ("sweeps__depth__seeds", [2**63 - 1], [2**63], "sweeps.depth.seeds.0: found 9223372036854775808"),
    ("training__optimiser__rate", 3.4e38, 3.5e38, "training.optimiser.rate: found 3.5e+38"),
    ("training__network__shift", -3.4e38, -3.5e38, "training.network.shift: found -3.5e+38"),
    ("analyses__capacity__sweep", None, "depth", "analyses.capacity.sweep: found ['depth'], expected nothing: capacity reads"),
    ("analyses__capacity__where", {}, {"seed": 0}, "analyses.capacity.where: found {'seed': 0}, expected nothing"),
    ("analyses__norms__sweep", ["depth"], ["depth", "shift"], "analyses.norms.sweep: the runs depth-backprop-hidden4-s0 and shift"),
    ("analyses__artificial_data__settings__steps", [80, 40], [80], ARTIFICIAL + "steps: found [80], expected 2 values, one for"),
    ("analyses__artificial_data__settings__rates", [0.1, 0.2], [0.1], ARTIFICIAL + "rates: found [0.1], expected 2 values"),
    ("analyses__artificial_data__settings__inputs", [2], [1], ARTIFICIAL + "inputs: found 1 for the data set 'xor': "),
    ("analyses__artificial_data__settings__datasets", ["xor"], ["digits"], ARTIFICIAL + "datasets: found 'digits', expected a"),
    ("analyses__artificial_data__settings__datasets", ["xor"], ["xro"], ARTIFICIAL + "datasets: no 'xro' in pipeline/datasets/"),
    ("analyses__artificial_data__settings__estimators", ["kickback"], ["feedback_alignment"], ARTIFICIAL + "estimators: found 'fe"),
    ("analyses__capacity__settings__estimators", ["kickback"], ["feedback_alignment"], "analyses.capacity.settings.estimators: "),
    ("analyses__deep_linear_convergence__settings__width", 3, 2, "analyses.deep_linear_convergence.settings.width: found 2, expec"),
    ("analyses__deep_linear_convergence__settings__sg_rates", [0.1], [0.1, 0.1 + 1e-9], "analyses.deep_linear_convergence.setti"),
    ("analyses__linear_convergence__settings__sg_rates", [0.1], [0.1, 0.1 + 1e-9], "analyses.linear_convergence.settings.sg_ra"),
    ("analyses__learning__settings__reach", [0.1, 0.100001], [0.1, 0.1000001], "analyses.learning.settings.reach: found [0.1,"),
    ("analyses__counter_example__settings__cells", 2, 1, "analyses.counter_example.settings.cells: found 1"),
    ("analyses__counter_example__settings__starts", [[2.0, -2.0]], [[0.0, -2.1]], "analyses.counter_example.settings.starts: fo"),
    ("analyses__counter_example__settings__starts", [[1.0, 0.0]], [[1.0]], "analyses.counter_example.settings.starts.0: found [1.0]"),
    ("analyses__identities__settings__estimators", ["kickback"], ["linear_sg"], IDENTITIES + "found ['linear_sg'], expected at least"),
    ("analyses__identities__settings__estimators", ["kickback"], ["kickback", "backprop"], IDENTITIES + "found 'backprop', expected"),
    ("analyses__implied_loss__settings__datasets", ["grid"], ["xor"], "analyses.implied_loss.settings.datasets: found 'xor', expec"),
    ("analyses__implied_loss__settings__estimators", ["linear_sg"], ["sigmoid_sg"], "analyses.implied_loss.settings.estimators: "),
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "fits", "breaks", "said"), BOUNDS, ids=[f"{row[0]}={str(row[2])[:12]}" for row in BOUNDS]
)
def test_each_side_of_a_bound(smoke, path, fits, breaks, said):
    accepted(changed(smoke, **{path: fits}))
    assert f"x: {said}" in refused(changed(smoke, **{path: breaks}))


def test_a_batch_has_at_most_the_training_points(smoke):
    settings = only(smoke, "backprop")
    accepted(changed(settings, training__batch=TRAIN))
    assert "training.batch: found 2001, expected at most the training points, 2000" in refused(
        changed(settings, training__batch=TRAIN + 1)
    )


def test_a_batch_of_one_is_fine_without_batch_normalisation(smoke):
    settings = changed(only(smoke, "backprop"), training__batch=1, training__log_points=1)
    settings["training"]["network"]["batch_norm"] = False
    accepted(settings)


@pytest.mark.parametrize(("layers", "fits"), [(0, True), (1, False)])
def test_a_batch_of_one_is_too_small_for_a_deep_sg_with_batch_normalisation(smoke, layers, fits):
    settings = changed(only(smoke, "every_deep_sg"), training__batch=1, training__log_points=1)
    settings["training"]["network"]["batch_norm"] = False
    settings["methods"]["every_deep_sg"]["settings"]["layers"] = layers
    if fits:
        accepted(settings)
    else:
        assert "training.batch: found 1, expected at least 2 with the batch normalisation of mlp_sg" in refused(
            settings
        )


def test_the_validation_part_leaves_points_to_learn_from(smoke):
    settings = only(smoke, "backprop")
    accepted(changed(settings, data__validation=59_950, data__train=None))
    assert "data.validation: found 60000, expected less than the 60000 training points" in refused(
        changed(settings, data__validation=60_000, data__train=None)
    )


@pytest.mark.parametrize(
    ("placement", "hidden", "said"),
    [
        ([1, 2], [2], None),
        ([11], [20], None),
        ([11], [20, 10], "no layer 11 in a network with 10 hidden layers"),
        ([3], [2], "no layer 3 in a network with 2 hidden layers"),
        ([1], [0], "no layer 1 in a network with 0 hidden layers"),
        ([1, 1], [2], r"found [1, 1], expected at least one layer, each once"),
        ([], [2], "found [], expected at least one layer, each once"),
        ({"every": 2}, [2], None),
        ({"every": 3}, [2], "no layer 3 in a network with 2 hidden layers"),
    ],
)
def test_gates_stand_after_layers_that_are_there(smoke, placement, hidden, said):
    settings = only(smoke, "one_sg")
    settings["methods"]["one_sg"]["placement"] = placement
    settings["sweeps"]["depth"]["vary"] = {"network.hidden": hidden}
    if said is None:
        accepted(settings)
    else:
        assert f"methods.one_sg.placement: {said}" in refused(settings)


@pytest.mark.parametrize(
    ("method", "gates", "said"),
    [
        ("every_sg", {}, None),
        ("one_noprop", {}, None),
        ("one_sg_and_prop", {}, "found sequential with sg_and_prop, which waits for h, y, arrived"),
        ("backprop", {"target": "true"}, None),
        ("every_sg", {"target": "true"}, "found sequential with target: true"),
        ("every_sg", {"apply": False}, "found sequential with apply: false"),
        ("kickback", {}, "found sequential with kickback, which waits for"),
    ],
)
def test_blocks_move_one_by_one_only_where_their_gates_can_speak(smoke, method, gates, said):
    settings = only(smoke, method)
    settings["training"]["gates"] |= {"update": "sequential", **gates}
    if said is None:
        accepted(settings)
    else:
        assert f"training.gates.update: {said}" in refused(settings)


def test_a_tuned_sweep_varies_no_rate(smoke):
    settings = only(smoke, "backprop")
    settings["sweeps"]["depth"] |= {"tuned": True, "seeds": [0], "vary": {"optimiser.rate": [0.1, 0.2]}}
    assert "sweeps.depth.vary.optimiser.rate: found rates in a sweep that is tuned" in refused(settings)


def test_a_method_stands_once_in_a_sweep(smoke):
    settings = only(smoke, "backprop")
    settings["sweeps"]["depth"]["methods"] = ["backprop", "backprop"]
    assert "sweeps.depth.methods: expected each once" in refused(settings)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        (
            {"network.hidden": [2, 99]},
            "analyses.norms.where.network.hidden: found [99], which no run of its sweeps has",
        ),
        ({"method": ["backprop", "one_gs"]}, "analyses.norms.where.method: found ['one_gs']"),
        ({"seed": 77}, "analyses.norms.where: {'seed': 77} selects no run"),
    ],
)
def test_a_selection_names_what_is_there(smoke, where, said):
    settings = copy.deepcopy(smoke)
    settings["analyses"]["norms"]["where"] = where
    assert said in refused(settings)


def test_an_analysis_of_runs_names_its_sweep_once(smoke):
    settings = copy.deepcopy(smoke)
    settings["analyses"]["norms"]["sweep"] = None
    assert "analyses.norms.sweep: found none" in refused(settings)
    settings["analyses"]["norms"]["sweep"] = ["depth", "depth"]
    assert "analyses.norms.sweep: expected each sweep once" in refused(settings)


def test_an_analysis_has_each_training_once(smoke):
    settings = copy.deepcopy(smoke)
    settings["sweeps"]["again"] = settings["sweeps"]["depth_more"]
    for method in settings["methods"].values():
        method["sweeps"] = [*method["sweeps"], "again"] if "depth_more" in method["sweeps"] else method["sweeps"]
    accepted(settings)
    settings["analyses"]["norms"]["sweep"] = ["depth_more", "again"]
    assert "the runs again-backprop-hidden4-s2 and depth_more-backprop-hidden4-s2 are the same training" in refused(
        settings
    )


def test_networks_are_compared_at_the_same_points(smoke):
    settings = copy.deepcopy(smoke)
    settings["methods"]["one_sg"]["set"] = {"data.train": 1000}
    accepted(settings)
    settings["methods"]["one_sg"]["set"] = {"data.split_seed": 1}
    assert (
        "analyses.similarity.sweep: the runs depth-backprop-hidden4-s0 and depth-one_sg-hidden4-s0 differ in data.split_"
        in (refused(settings))
    )


def test_a_sweep_has_runs(smoke):
    settings = only(smoke, "backprop")
    settings["sweeps"]["depth"]["methods"] = []
    assert "sweeps.depth.methods: found none, expected at least one method" in refused(settings)
    settings["methods"]["backprop"]["sweeps"], settings["sweeps"]["depth"]["methods"] = [], "all"
    assert "sweeps.depth.methods: found all, which none joins, expected at least one method" in refused(settings)


def test_alternatives_of_a_type_are_no_part_of_a_path(smoke):
    settings = only(smoke, "one_sg")
    settings["methods"]["one_sg"]["placement"] = {"evry": 2}
    assert "x: methods.one_sg.placement.evry: unknown key (did you mean 'every'?)" in refused(settings)
    settings["methods"]["one_sg"]["placement"] = "evry"
    assert 'x: methods.one_sg.placement: found "evry"' in refused(settings)


def test_every_line_names_the_file(smoke):
    settings = changed(smoke, analyses__capacity__settings={"seeds": 0, "width": 0})
    assert [line.partition(":")[0] for line in refused(settings).splitlines()] == ["x", "x"]


def test_a_figure_draws_tables_of_the_analysis_that_it_asks_for(smoke):
    settings = copy.deepcopy(smoke)
    settings["figures"]["learning_curves"]["tables"] = {"learning": "norms"}
    assert "figures.learning_curves.tables.learning: found 'norms', an entry of the analysis 'norms'" in refused(
        settings
    )


def test_a_fault_of_many_runs_is_told_once(smoke):
    assert refused(changed(smoke, training__log_every=STEPS + 1)).count("training.log_every") == 1
