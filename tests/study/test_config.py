"""A config is read as if it were wrong: every fault is named with its path and what to do, before anything runs."""

import itertools
import re
import subprocess
import sys

import pytest
import yaml

from pipeline.learning.placement import positions
from pipeline.study.errors import ConfigError
from pipeline.study.labels import kind
from pipeline.study.load import chosen, load_study, parse_study
from pipeline.study.plan import Plan


@pytest.fixture
def smoke(root):
    return yaml.safe_load((root / "configs" / "smoke.yaml").read_text())


def put(content, path, value):
    *folders, key = path.split("/")
    place = content
    for folder in folders:
        place = place[folder]
    if value is KeyError:
        del place[key]
    else:
        place[key] = value
    return yaml.safe_dump(content)


FAULTS = [
    ("data/datset", "mnist", r"data\.datset: unknown key \(did you mean 'dataset'\?\)"),
    ("training/network/widht", 16, r"training\.network\.widht: unknown key \(did you mean 'width'\?\)"),
    ("methods/one_sg/plaement", "middle", r"methods\.one_sg\.plaement: unknown key \(did you mean 'placement'\?\)"),
    ("data/dataset", "mnits", r"data\.dataset: found \"mnits\": no 'mnits' in pipeline/datasets/ \(did you mean 'mnist'\?\)"),
    ("methods/one_sg/estimator", "linear_gs", r"methods\.one_sg\.estimator: .*did you mean 'linear_sg'"),
    ("methods/one_sg/placement", {"every": 3}, r"methods\.one_sg\.placement: no layer 3 in a network with 2 hidden layers \(run depth-one_sg-hidden2-s0\)"),
    ("methods/one_sg/placement", [1, 9], r"methods\.one_sg\.placement: no layer 9 in a network with 2 hidden layers"),
    ("methods/one_sg/placement", {"every": 0}, r"methods\.one_sg\.placement\.every: found 0: .*greater than or equal to 1"),
    ("training/network/width", "16", r"training\.network\.width: found \"16\": .*integer"),
    ("training/network/width", 0, r"training\.network\.width: found 0: .*greater than or equal to 1"),
    ("training/network/hidden", 51, r"training\.network\.hidden: found 51"),
    ("training/network/activation", "rleu", r"training\.network\.activation: found \"rleu\".*did you mean 'relu'"),
    ("training/optimiser/rate", -1.0, r"training\.optimiser\.rate: found -1\.0"),
    ("training/batch", KeyError, r"training\.batch: missing"),
    ("sweeps/depth/methods", ["backprob"], r"sweeps\.depth\.methods: no method 'backprob' \(did you mean 'backprop'\?\)"),
    ("sweeps/depth/seeds", [1, 1], r"sweeps\.depth\.seeds: expected at least one, each once; found \[1, 1\]"),
    ("sweeps/depth/vary", {"network.hiden": [2]}, r"no setting 'network\.hiden' \(did you mean 'network\.hidden'\?\)"),
    ("sweeps/depth/vary", {"network.hidden": ["two"]}, r"training\.network\.hidden: found \"two\""),
    ("sweeps/depth/vary", {"network.hidden": [2, 2]}, r"a value stands twice"),
    ("analyses/norms/sweep", "dept", r"analyses\.norms\.sweep: no sweep 'dept' \(did you mean 'depth'\?\)"),
    ("analyses/norms/sweep", ["depth", "dept"], r"analyses\.norms\.sweep: no sweep 'dept' \(did you mean 'depth'\?\)"),
    ("data/settings", {"inputs": 3}, r"data\.settings\.inputs: "),
    ("data/labels", "rnadom", r"data\.labels: found \"rnadom\".*did you mean 'random'"),
    ("analyses/norms/where", {"seed": 77}, r"analyses\.norms\.where: .*selects no run"),
    ("samples/cca", 159, r"samples\.cca: found 159, expected at least 160, 10 points for each unit"),
    ("analyses/normes", {"sweep": "depth"}, r"analyses\.normes: no 'normes' in pipeline/analyses/ \(did you mean 'norms'\?\)"),
    ("analyses/similarity/settings", {"measures": ["cca"], "permutation": 2}, r"analyses\.similarity\.settings\.permutation: "),
    ("figures/normes", {}, r"figures\.normes: no 'normes' in pipeline/figures/ \(did you mean 'norms'\?\)"),
    ("analyses/norms", KeyError, r"figures\.norms: reads the analysis 'norms', which is not under `analyses`"),
    ("methods/one_sg/sweeps", ["dept"], r"methods\.one_sg\.sweeps: no sweep 'dept' \(did you mean 'depth'\?\)"),
    ("figures/norms/tables", {"norm": "learning"}, r"figures\.norms\.tables: 'norm' is none of what it reads \(did you mean 'norms'"),
    ("figures/norms/tables", {"norms": {"a": "norms", "b": "learning"}}, r"figures\.norms\.tables\.norms: found 'learning', an entry of the analysis 'learning'"),
    ("figures/norms/tables", {"norms": {"a": "norms", "b": "nroms"}}, r"figures\.norms: reads the analysis 'nroms', which is not under"),
    ("figures/norms/tables", {"norms": {}}, r"figures\.norms\.tables\.norms: found no entry"),
    ("figures/norms/tables", {"norms": {"a = b": "norms"}}, r"figures\.norms\.tables\.norms: found 'a = b', expected a title of panels without '='"),
    ("figures/norms/tables", {"norms": {"a" * 31: "norms"}}, r"figures\.norms\.tables\.norms: found 31 characters, expected at most 30"),
    ("figures/capacity/tables", {"capacity": {"a": "capacity", "b": "capacity"}}, r"figures\.capacity\.tables\.capacity: found entries with titles, expected one entry"),
    ("figures/norms/tables", {"norms": "learnin"}, r"figures\.norms: reads the analysis 'learnin', which is not under"),
    ("methods/A; rm -rf ~", {}, r"a name has lower-case letters, digits and underscores only"),
    ("methods/$(touch x)", {}, r"a name has lower-case letters"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "message"), FAULTS, ids=[f"{p}={v}" for p, v, _ in FAULTS])
def test_each_fault_is_named(smoke, path, value, message):
    with pytest.raises(ConfigError) as caught:
        parse_study(put(smoke, path, value), source="x.yaml")
    assert re.search(message, str(caught.value)), str(caught.value)


def test_all_faults_are_named_at_once(smoke):
    smoke["data"]["validation"] = "many"
    with pytest.raises(ConfigError) as caught:
        parse_study(put(smoke, "training/batch", 0), source="x.yaml")
    assert len(str(caught.value).splitlines()) == 2


def test_a_repeated_key_is_refused(root):
    text = (root / "configs" / "smoke.yaml").read_text() + "\ntitle: another\n"
    with pytest.raises(ConfigError, match="'title' stands twice"):
        parse_study(text, source="x.yaml")


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "a: [", "title: !!python/object/apply:os.system ['true']"])
def test_what_is_no_study_is_refused(text):
    with pytest.raises(ConfigError, match=r"x\.yaml"):
        parse_study(text, source="x.yaml")


def test_an_unknown_study_names_the_nearest(root):
    with pytest.raises(ConfigError, match="did you mean 'smoke'"):
        load_study("smok", root)


def keys(model):
    return set(model.model_fields_set)


def test_the_studies_have_the_same_keys(root):
    studies = {
        name: yaml.safe_load((root / "configs" / f"{name}.yaml").read_text()) for name in ("study", "smoke", "paper")
    }

    def paths(value, depth=0):
        return set(value) | {
            f"{k}.{p}"
            for k, v in value.items()
            if isinstance(v, dict)
            and depth < 2
            and k in {"data", "samples", "training", "network", "optimiser", "gates"}
            for p in paths(v, depth + 1)
        }

    assert paths(studies["study"]) == paths(studies["smoke"]) == paths(studies["paper"])
    for name in studies:
        load_study(name, root)


def test_studies_are_frozen(root):
    study = load_study("smoke", root)
    with pytest.raises(Exception, match="frozen"):
        study.data.validation = 3


def test_runs_are_named_by_what_tells_them_apart(root):
    study = load_study("smoke", root)
    study = Plan(study, "smoke")
    sizes = {sweep: sum(run.sweep == sweep for run in study.runs.values()) for sweep in study.study.sweeps}
    assert {name: sizes[name] for name in ("depth", "depth_more", "tuned", "estimators", "ablation")} == {
        **{"depth": 3 * 2 * 2, "depth_more": 3, "tuned": 3, "estimators": 11, "ablation": 2}
    }
    run = study.runs["depth-one_sg-hidden4-s1"]
    assert (run.method, run.seed, run.training.network.hidden, run.placement) == ("one_sg", 1, 4, "middle")


def test_a_method_can_set_its_own_rate_and_a_varied_value_wins(smoke):
    smoke["methods"]["one_sg"]["set"] = {"optimiser.rate": 0.5, "network.hidden": 3}
    study = parse_study(yaml.safe_dump(smoke), source="x")
    study = Plan(study, "smoke")
    run = study.runs["depth-one_sg-hidden4-s0"]
    assert run.training.optimiser.rate == 0.5
    assert run.training.network.hidden == 4
    assert study.runs["depth-backprop-hidden4-s0"].training.optimiser.rate == 0.003


def test_gates_can_stand_after_every_kth_layer(smoke):
    text = put(smoke, "methods/one_sg/placement", {"every": 2})
    run = Plan(parse_study(text, source="x"), "small").runs["depth-one_sg-hidden4-s0"]
    assert run.model_dump()["placement"] == {"every": 2}
    assert positions(run.model_dump()["placement"], hidden=run.training.network.hidden) == [2, 4]


def test_a_method_joins_all_sweeps_unless_it_says_which(smoke):
    smoke["methods"]["new"] = {k: v for k, v in smoke["methods"]["one_sg"].items() if k != "sweeps"} | {"label": "new"}
    runs = Plan(parse_study(yaml.safe_dump(smoke), source="x"), "small").runs.values()
    every = {name for name, sweep in smoke["sweeps"].items() if sweep["methods"] == "all"}
    assert {run.sweep for run in runs if run.method == "new"} == every
    assert {run.sweep for run in runs if run.method == "kickback"} == {"estimators"}


def test_a_figure_can_draw_other_tables(root):
    plan = Plan.load("smoke", root)
    assert plan.reads("norms") == {"norms": {"": "norms"}}
    assert plan.reads("estimators_learning") == {"learning": {"": "estimators_learning"}}
    assert plan.reads("learning_curves") == {"learning": {"best rates": "tuned_learning", "one rate": "learning"}}
    assert plan.analyses_of("learning_curves") == ["tuned_learning", "learning"]
    assert plan.title("estimators_learning") == "Learning curves (estimators learning)"


def test_an_analysis_can_take_the_runs_of_several_sweeps(root):
    plan = Plan.load("smoke", root)
    assert {run.sweep for run in plan.select("learning")} == {"depth", "depth_more"}
    assert {run.sweep for run in plan.select("ablation_learning")} == {"depth", "depth_more", "ablation"}


def test_a_figure_can_have_its_own_title_and_a_note_in_its_caption(root):
    plan = Plan.load("smoke", root)
    assert plan.title("ablation_curves") == "Learning curves of the ablations"
    caption = plan.caption("ablation_curves", root)
    member = (root / "workflow" / "report" / "learning_curves.rst").read_text().strip()
    assert caption.startswith(member)
    assert caption.endswith(plan.study.figures["ablation_curves"].note)


def test_the_data_can_be_varied_too(smoke):
    for sweep in smoke["sweeps"].values():
        sweep["set"] = {"data.dataset": "fashion_mnist"}
    study = parse_study(yaml.safe_dump(smoke), source="x")
    assert Plan(study, "small").datasets() == ["fashion_mnist"]


def test_selections(smoke):
    study = parse_study(
        put(smoke, "analyses/norms/where", {"network.hidden": 4, "method": ["backprop", "one_sg"]}), source="x"
    )
    assert {run.method for run in Plan(study, "small").select("norms")} == {"backprop", "one_sg"}
    assert {run.training.network.hidden for run in Plan(study, "small").select("norms")} == {4}


def test_pairs_are_of_other_seeds_other_methods_or_both(root):
    groups = Plan.load("smoke", root).groups("similarity")
    (runs,) = groups.values()
    assert list(groups) == ["hidden4"]
    pairs = list(itertools.combinations(runs, 2))
    kinds = [kind(a, b) for a, b in pairs]
    assert {name: kinds.count(name) for name in set(kinds)} == {"seeds": 3 * 1, "methods": 3 * 2, "both": 3 * 2}
    for (a, b), name in zip(pairs, kinds, strict=True):
        assert (a.method == b.method) == (name == "seeds")
        assert (a.seed == b.seed) == (name == "methods")
        assert a.varied == b.varied


def test_settings_of_a_run_do_not_change_with_a_label_or_another_method(smoke):
    before = Plan(parse_study(yaml.safe_dump(smoke), source="x"), "small")
    smoke["methods"]["one_sg"]["label"] = "another label"
    smoke["methods"]["extra"] = {**smoke["methods"]["one_sg"], "label": "extra"}
    after = Plan(parse_study(yaml.safe_dump(smoke), source="x"), "small")
    for block in before.blocks:
        assert before.job("train", block=block).settings == after.job("train", block=block).settings


def test_the_workflow_stops_before_any_job(root, smoke, tmp_path):
    """The real command, in a copy of the tree, with a wrong config."""
    import shutil

    for name in ("Snakefile", "pipeline", "workflow", "profiles"):
        source = root / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "smoke.yaml").write_text(put(smoke, "training/stesp", 3))
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "reproduce", "all", "--config", "study=smoke"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode != 0
    assert "training.stesp: unknown key (did you mean 'steps'?)" in done.stdout + done.stderr
    assert not (tmp_path / "results").exists()
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"stduy": "smoke"}, r"the key 'stduy', expected study \(did you mean 'study'\?\)"),
        ({"title": "x", "data": {}}, r"found 'title' .* --config study=NAME"),
        ({"study": "smoke", "more": 1}, r"the key 'more', expected study"),
        ({"study": 1}, r"--config study: found 1"),
    ],
)
def test_a_key_that_chooses_no_study_is_refused(given, said):
    with pytest.raises(ConfigError, match=said):
        chosen(given)


def test_a_study_is_chosen_by_its_name():
    assert chosen({}) == "study"
    assert chosen({"study": "smoke"}) == "smoke"
