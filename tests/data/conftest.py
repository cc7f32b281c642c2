"""What Python opens and lists, seen from outside by audit events."""

import contextlib
import sys
from collections import defaultdict

import pytest

_watched = []


def _hook(event, arguments):
    if _watched and event in ("open", "os.scandir", "os.listdir"):
        _watched[-1][event].append(arguments[0])


sys.addaudithook(_hook)  # there is no way to remove one; it watches only inside `audited`


@pytest.fixture
def audited():
    @contextlib.contextmanager
    def watch():
        events = defaultdict(list)
        _watched.append(events)
        try:
            yield events
        finally:
            _watched.remove(events)

    return watch
