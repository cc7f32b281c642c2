"""What a command says: notices on standard error, results on standard output. Knows no scores."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from visq.core.errors import InputError, VisqError

_EVERY_S = 10.0


class UsageMistake(VisqError):
    """Words typed that cannot be meant: exit code 2, before anything is loaded."""


def warn(text: str) -> None:
    """One line on standard error; where that cannot be written nobody is there to be told."""
    with suppress(OSError):
        print(f"visq: {text}", file=sys.stderr, flush=True)


class Notices(logging.Handler):
    """What the library logs, as notices of the command."""

    def emit(self, record: logging.LogRecord) -> None:
        """One line on standard error."""
        warn(record.getMessage())


@contextmanager
def results() -> Iterator[None]:
    """What is printed inside goes to standard output, all of it, or says in one line why not.

    Raises:
        InputError: standard output cannot be written (a full disk).
        BrokenPipeError: its reader has gone, as after `| head`.
        OSError: of a file that was named inside, as it came.
    """
    try:
        yield
        if sys.stdout is not None:  # None where the shell closed it (`>&-`); printing then does nothing
            sys.stdout.flush()
    except OSError as error:
        if error.filename is not None:  # met at a path; what a stream cannot write names none
            raise
        # What is still buffered would fail again, with a traceback, when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise
        raise InputError(f"cannot write to standard output: {error.strerror}", kind="output") from error


@contextmanager
def stoppable() -> Iterator[Callable[[], bool]]:
    """Ctrl-C or SIGTERM ends the run after the batch under way; a second one at once.

    Leaving at once loses nothing either: what was committed to the journal stays.
    """
    asked = threading.Event()

    def stop(number: int, frame: object) -> None:
        if asked.is_set():
            os._exit(130)
        asked.set()
        warn("stopping after this batch; once more to stop at once")

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def progress(total: Callable[[], int], *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on a terminal, a plain line every ten seconds elsewhere; nothing where `quiet`.

    Args:
        total: counts the inputs; asked only where somebody will see it.
        quiet: say nothing.

    Yields:
        A function of (done, failed).
    """
    if quiet:
        yield lambda done, failed: None
    elif sys.stderr is not None and sys.stderr.isatty():
        yield from _bar(total())
    else:
        yield _plain_lines()


def _bar(total: int) -> Iterator[Callable[[int, int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("scoring"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[failed]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=total, failed="", rate="")
        start = time.monotonic()

        def update(done: int, failed: int) -> None:
            rate = f"{done / max(time.monotonic() - start, 1e-9):.0f}/s"
            text = f"[red]{failed} failed[/red]" if failed else ""
            bar.update(task, completed=done, failed=text, rate=rate)

        yield update


def _plain_lines() -> Callable[[int, int], None]:
    start = last = time.monotonic()

    def update(done: int, failed: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _EVERY_S:
            last = now
            warn(f"{done} done, {failed} failed, {done / (now - start):.0f} a second")

    return update
