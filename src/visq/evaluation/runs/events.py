"""What happened to a run and when: lines appended to events.jsonl. Knows events, no score."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from visq.core.errors import InputError
from visq.evaluation.runs.folder import EVENTS

BEGUN, SCORED, STOPPED, DONE = "begun", "scored", "stopped", "done"


def append_event(folder: Path | None, event: str, **more: object) -> None:
    """Append one event; nothing where no run folder is kept.

    Raises:
        InputError: the file cannot be written.
    """
    if folder is None:
        return
    at = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    line = json.dumps({"at": at, "event": event, **more}) + "\n"
    path = folder / EVENTS
    try:
        # One write of a whole line; a line that a kill cut short before is ended first.
        with path.open("ab+") as file:
            if file.tell() > 0:
                file.seek(-1, os.SEEK_END)
                line = line if file.read(1) == b"\n" else f"\n{line}"
            file.write(line.encode())
    except OSError as error:
        raise InputError(f"cannot write {str(path)!r}: {error.strerror or error}", kind="output") from error


def events(folder: Path) -> Iterator[dict[str, Any]]:
    """The events of a run, in order; a line that a kill cut short is passed over."""
    path = folder / EVENTS
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict) and "event" in found:
            yield found


def cost(folder: Path, threads: int) -> dict[str, Any] | None:
    """What scoring took, over the runs since the folder was last begun anew; None where no time was kept.

    A run that was killed leaves its rows and not its time, so `n` counts the rows of timed runs only.

    Args:
        folder: the run folder.
        threads: of the model, as reported.
    """
    n, seconds = 0, 0.0
    for event in events(folder):
        if event["event"] == BEGUN and event.get("anew"):
            n, seconds = 0, 0.0
        if event["event"] == SCORED and event["n"]:  # to see that nothing is left takes time too, but no rows
            n, seconds = n + int(event["n"]), seconds + float(event["seconds"])
    return cost_of(n, seconds, threads)


def cost_of(n: int, seconds: float, threads: int) -> dict[str, Any] | None:
    """Rows, seconds and rows a second, as reports hold them; None for no row."""
    if n == 0:
        return None
    rate = n / seconds if seconds > 0 else None
    return {
        "n": n,
        "seconds": round(seconds, 3),
        "pictures_per_s": rate and round(rate, 3),
        "threads": threads,
    }
