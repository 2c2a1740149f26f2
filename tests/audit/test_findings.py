"""Findings as text, and findings of one stage as one."""

from pipeline.audit.findings import Audit, Finding, by_stage


def finding(file, kind="code", found="other"):
    return Finding(file, kind, "present", found, "run it")


def test_the_table_names_file_kind_and_command():
    one = Finding("results/x/a.png", "changed", "f" * 64, "0" * 64, "rm it")
    text = Audit("x", (one,), ("a note",), {"files": 3}).text()
    assert text.startswith("x: 1 finding; compared: 3 files")
    for part in ("results/x/a.png", "changed", "f" * 12, "rm it", "note: a note"):
        assert part in text
    assert "f" * 13 not in text


def test_a_long_cell_goes_on_in_a_second_line_and_no_command_is_broken():
    one = Finding("a", "changed", "word " * 40, "0", "rm " + "x" * 200)
    assert max(map(len, Audit("x", (one,), (), {}).text().splitlines())) < 400
    assert "rm " + "x" * 200 in Audit("x", (one,), (), {}).text()


def test_equal_findings_of_a_stages_files_become_one_with_their_number():
    stages = {"a": "train", "b": "train", "c": "draw"}
    found = by_stage([finding("a"), finding("b"), finding("b"), finding("c")], stages, kinds={"code"})
    assert [(each.file, each.count) for each in found] == [("2 files of train", 2), ("c", 1)]


def test_findings_that_differ_or_are_of_other_kinds_or_files_stay_apart():
    stages = {"a": "train", "b": "train"}
    apart = [
        finding("a"),
        finding("b", found="another"),
        finding("a", kind="job"),
        finding("b", kind="job"),
        finding("z"),
    ]
    assert by_stage(apart, stages, kinds={"code"}) == apart
