"""The faults of the tests' own W&B server, and the table of what a job loses by them."""

import http.client
import json
import time
import urllib.error
import urllib.request
from dataclasses import replace

import pytest

pytest.importorskip("graphql", reason="the extra `servers` of pyproject.toml isn't installed")

from fault_table import (
    FIRST,
    HALF_WAY,
    IN_ANSWER,
    OTHERS,
    REFUSALS,
    Case,
    Scenario,
    all_cases,
    chosen_cases,
    markdown,
    problems,
    table,
)
from wandb_server.faults import Closed, Cut, ErrorInAnswer, Hanging, Status

UPSERT = """
mutation UpsertBucket($name: String) {
  upsertBucket(input: {modelName: "p", name: $name}) { bucket { name } inserted }
}
"""
PATIENCE = 100


def post(server, path, content, *, key=None, timeout=PATIENCE, method="POST"):
    """The answer to a request: its status, content and headers."""
    request = urllib.request.Request(
        server.url + path,
        data=json.dumps(content).encode(),
        headers={"Authorization": f"Bearer {key or server.key}"},
        method=method,
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers


def upsert(server, name="a", **more):
    return post(server, "/graphql", {"query": UPSERT, "variables": {"name": name}}, **more)


def stream(server, offset, lines, id="a", **more):
    files = {"wandb-history.jsonl": {"offset": offset, "content": lines}}
    return post(server, f"/files/lab/p/{id}/file_stream", {"files": files}, **more)


@pytest.mark.parametrize("code", [401, 403, 404, 409, 429, 500])
def test_a_status_comes_with_w_and_b_s_content(wandb_server, code):
    wandb_server.faults.add(".", Status(code, retry_after=7))
    status, content, headers = upsert(wandb_server)
    assert status == code
    (error,) = json.loads(content)["errors"]
    assert (error["path"], bool(error["message"])) == (["upsertBucket"], True)
    assert json.loads(content)["data"] == {"upsertBucket": None}
    assert headers["Retry-After"] == ("7" if code == 429 else None)
    status, content, _ = stream(wandb_server, 0, ["{}"])
    assert (status, list(json.loads(content))) == (code, ["error"])
    status, content, _ = post(wandb_server, "/storage/runs/lab/p/a/file.txt", "x", method="PUT")
    assert (status, b"<Error><Code>" in content) == (code, True)
    assert len(wandb_server.runs) == 0


def test_a_fault_strikes_the_calls_that_it_names_from_one_on_and_so_often(wandb_server):
    ordered = wandb_server.faults.add("Upsert", Status(500), after=2, times=3)
    assert [upsert(wandb_server, f"r{n}")[0] for n in range(7)] == [200, 200, 500, 500, 500, 200, 200]
    assert (ordered.matched, ordered.struck) == (7, 3)
    assert stream(wandb_server, 0, ["{}"], id="r0")[0] == 200
    assert [run.id for run in wandb_server.runs.values()] == ["r0", "r1", "r5", "r6"]
    assert [request.status for request in wandb_server.calls("Upsert")] == [200, 200, 500, 500, 500, 200, 200]
    wandb_server.faults.add("file_stream", Status(404))
    wandb_server.faults.clear()
    assert stream(wandb_server, 1, ["{}"], id="r0")[0] == 200


@pytest.mark.parametrize("done", [False, True])
def test_a_closed_connection_may_have_done_its_work(wandb_server, done):
    wandb_server.faults.add("Upsert", Closed(done=done))
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        upsert(wandb_server)
    assert len(wandb_server.runs) == done
    assert [request.status for request in wandb_server.requests] == [None]


def test_a_cut_answer_has_half_its_bytes_and_its_work_is_done(wandb_server):
    wandb_server.faults.add("Upsert", Cut())
    with pytest.raises(http.client.IncompleteRead) as cut:
        upsert(wandb_server)
    assert len(cut.value.partial) > 0
    assert cut.value.expected - len(cut.value.partial) in (0, 1)
    assert list(wandb_server.runs) == ["p/a"]


def test_a_hanging_call_has_no_answer_until_its_time_is_over(wandb_server):
    wandb_server.faults.add("Upsert", Hanging())
    with pytest.raises(TimeoutError):
        upsert(wandb_server, timeout=0.2)
    wandb_server.faults.clear()
    wandb_server.faults.add("Upsert", Hanging(0.3, done=True))
    began = time.monotonic()
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        upsert(wandb_server)
    assert time.monotonic() - began >= 0.3
    assert len(wandb_server.runs) == 1


def test_an_error_in_an_answer_has_the_status_of_success(wandb_server):
    wandb_server.faults.add("Upsert", ErrorInAnswer("no space left"))
    status, content, _ = upsert(wandb_server)
    assert (status, json.loads(content)["errors"][0]["message"]) == (200, "no space left")


def test_without_a_key_nothing_is_taken(wandb_server):
    assert upsert(wandb_server, key="0" * 40)[0] == 401
    assert stream(wandb_server, 0, ["{}"], key="0" * 40)[0] == 401
    assert len(wandb_server.runs) == 0


def test_lines_go_to_their_numbers(wandb_server):
    assert stream(wandb_server, 0, ["{}"])[0] == 404, "there is no such run yet"
    upsert(wandb_server)
    stream(wandb_server, 0, ['{"x": 1}', '{"x": 2}'])
    stream(wandb_server, 1, ['{"x": 3}', '{"x": 4}'])
    run = wandb_server.runs["a"]
    assert ([row["x"] for row in run.rows], run.sent_twice) == ([1, 3, 4], 1)


# --- the table

ROWS = 8


def sent(server, place):
    """Send rows one by one; returns the number of the first that wasn't taken."""
    try:
        if upsert(server, timeout=1)[0] != 200:
            return 0
        for number in range(ROWS):
            if stream(server, number, [json.dumps({"x": number})], timeout=1)[0] != 200:
                return number
    except (OSError, http.client.HTTPException):
        return 0
    return ROWS


def lacking(server, place):
    rows = [row for run in server.runs.values() for row in run.rows]
    return [] if len(rows) == ROWS else [f"{ROWS - len(rows)} rows"]


def act(server, place):
    return "" if sent(server, place) == ROWS else "not all was sent"


def finish(server, place, said):
    return sent(server, place)


CAREFUL = Scenario("careful", {"file stream": 4, "UpsertBucket": 0}, act, lacking, lambda *_: [], finish)


def test_a_job_that_keeps_and_says_all_has_no_problem(tmp_path):
    rows = table(CAREFUL, [case for case in all_cases(CAREFUL) if case.call == "file stream"], tmp_path)
    assert problems(rows, longest=PATIENCE) == []
    assert all(row.struck for row in rows)
    assert {row.lacking for row in rows if row.case.fault == "403"} == {("8 rows",), ("4 rows",)}
    lines = markdown(rows).splitlines()
    assert len(lines) == len(rows) + 2
    assert lines[4].startswith("| file stream | 403 | from the first call | nothing | all | ")
    assert lines[4].endswith(" | not all was sent |")


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"act": lambda *given: act(*given)[:0]}, "said nothing, but the server lacks 4 rows"),
        ({"lost": lambda *_: ["the summary"]}, "lost: the summary"),
        ({"finish": lambda *_: None}, "not there after sending the rest: 4 rows"),
        ({"act": lambda *_: "", "lacking": lambda *_: []}, "the fault struck no call"),
        ({"act": lambda *given: [act(*given), time.sleep(0.6)][0]}, "expected 0.5 s at most"),
    ],
)
def test_a_careless_job_is_found(tmp_path, changed, problem):
    (row,) = table(replace(CAREFUL, **changed), [Case("file stream", "500", HALF_WAY)], tmp_path)
    found = row.problems(longest=0.5 if "at most" in problem else PATIENCE)
    assert [problem in each for each in found] == [True]
    assert found[0].startswith("file stream, 500, half-way: ")


def test_chosen_cases_meet_every_fault_of_every_call():
    scenario = replace(CAREFUL, calls=dict.fromkeys(("file stream", "files", "report", "UpsertBucket", "who am I"), 1))
    chosen = chosen_cases(scenario, complete=["file stream"])
    everything = all_cases(scenario)
    assert set(chosen) < set(everything)
    assert len(set(chosen)) == len(chosen)
    assert {case.fault for case in chosen if case.call != "file stream"} == {*REFUSALS, *OTHERS}
    for call in scenario.calls:
        mine = [case for case in chosen if case.call == call]
        graphql = call in ("report", "UpsertBucket", "who am I")
        assert {case.fault for case in mine} >= {fault for fault in OTHERS if fault != IN_ANSWER or graphql}
        assert (IN_ANSWER in {case.fault for case in mine}) == graphql
        assert {case.place for case in mine} == {FIRST, HALF_WAY}
        assert call != "file stream" or len(mine) == 2 * 9
