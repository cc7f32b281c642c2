"""Events of a run: appended, whole lines, and what scoring took."""

from __future__ import annotations

import pytest

from visq.core.errors import InputError
from visq.evaluation.runs.events import BEGUN, SCORED, append_event, cost, cost_of, events


def test_events_are_appended_in_order(tmp_path):
    for name in ("begun", "scored", "done"):
        append_event(tmp_path, name, n=3)
    assert [event["event"] for event in events(tmp_path)] == ["begun", "scored", "done"]
    assert all(event["at"] and event["n"] == 3 for event in events(tmp_path))
    append_event(None, "begun")


def test_a_line_cut_short_by_a_kill_spoils_no_other(tmp_path):
    append_event(tmp_path, "begun")
    with (tmp_path / "events.jsonl").open("a") as file:
        file.write('{"at": "2026')
    append_event(tmp_path, "done")
    assert [event["event"] for event in events(tmp_path)] == ["begun", "done"]


def test_cost_adds_up_what_was_timed_since_the_run_began_anew(tmp_path):
    assert cost(tmp_path, 2) is None
    append_event(tmp_path, BEGUN, anew=True)
    append_event(tmp_path, SCORED, n=100, seconds=1.0)
    append_event(tmp_path, BEGUN, anew=True)
    append_event(tmp_path, SCORED, n=30, seconds=2.0)
    append_event(tmp_path, BEGUN, anew=False)
    append_event(tmp_path, SCORED, n=10, seconds=2.0)
    assert cost(tmp_path, 2) == {"n": 40, "seconds": 4.0, "pictures_per_s": 10.0, "threads": 2}
    assert cost_of(0, 1.0, 2) is None
    assert cost_of(3, 0.0, 2) == {"n": 3, "seconds": 0.0, "pictures_per_s": None, "threads": 2}


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "events.jsonl").mkdir()
    with pytest.raises(InputError, match=r"cannot write .*events\.jsonl"):
        append_event(tmp_path, "begun")
