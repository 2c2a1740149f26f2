"""The workflow's rules: parsed from Snakemake's text, written as Mermaid text, and drawn without overlaps."""

import itertools

import made_up_study as made_up
import networkx as nx
import pytest

from pipeline.pages import rule_graph

MANY = [("a", "b"), ("a", "c"), ("a", "d"), ("b", "e"), ("c", "e"), ("e", "f"), ("d", "f"), ("a", "f")]


def test_arrows_that_follow_from_others_are_left_out():
    graph = rule_graph.parse(made_up.GRAPH)
    assert set(graph) == {"prepare", "tune", "train", "analyse", "report", "all"}
    kept = rule_graph.reduced(graph, set(graph) - {"all"})
    assert list(kept.edges) == [("prepare", "tune"), ("tune", "train"), ("train", "analyse"), ("analyse", "report")]
    assert rule_graph.waits_for(kept, "train") == ["tune"]
    assert rule_graph.waits_for(kept, "all") == []


def test_text_without_rules_gives_an_empty_graph_and_drawing():
    graph = rule_graph.parse("nothing")
    assert not graph
    assert not rule_graph.reduced(graph, {"train"})
    assert rule_graph.draw(graph, {}) == rule_graph.Drawing([], [], 0, 0)


def test_rules_stand_below_what_they_wait_for_and_apart():
    drawn = rule_graph.draw(nx.DiGraph(MANY), {"a": "1 job"})
    boxes = {box.rule: box for box in drawn.boxes}
    assert all(boxes[a].y < boxes[b].y for a, b in MANY)
    for one, other in itertools.combinations(drawn.boxes, 2):
        assert abs(one.x - other.x) >= rule_graph.WIDTH or abs(one.y - other.y) >= rule_graph.HEIGHT
    assert min(box.x for box in drawn.boxes) >= 0
    assert max(box.x for box in drawn.boxes) + rule_graph.WIDTH <= drawn.width + 1e-9
    assert boxes["a"].count == "1 job"
    assert sum(tipped for _, tipped in drawn.paths) >= len(MANY) - 1


def test_mermaid_text_does_not_depend_on_snakemakes_numbering():
    one = "flowchart TB\n\tid0[b]\n\tid1[a]\n\tid2[alone]\n\tstyle id0 fill:#57BFD9\n\tid1 --> id0\n"
    other = "---\ntitle: DAG\n---\nflowchart TB\n\tid0[alone]\n\tid1[a]\n\tid2[b]\n\tid1 --> id2\n"
    texts = [rule_graph.mermaid(rule_graph.parse(text)) for text in (one, other)]
    assert texts[0] == texts[1] == "flowchart TB\n    a --> b\n    alone"


def test_snakemakes_failure_is_reported(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Snakefile").write_text("rule broken")
    with pytest.raises(RuntimeError, match=r"`snakemake reproduce all --rulegraph mermaid-js` failed:(.|\n)*Snakefile"):
        rule_graph.ask("small")


def test_a_snakemake_that_takes_too_long_is_reported(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(rule_graph, "SECONDS", 0.01)
    with pytest.raises(RuntimeError, match="timed out"):
        rule_graph.ask()
