"""Protocols: how data sets that many have used are evaluated, from the TOML beside it. Reads no row."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from typing import Any

from visq.core import toml
from visq.core.errors import UnknownName
from visq.core.registry import unknown_name
from visq.core.scales import LevelIntervals, Scale, level_intervals
from visq.evaluation.figures.label_scale import parse_label_scale

_LABELS_A_FAULT = 100


@dataclass(frozen=True)
class Form:
    """What the labels of a data set are measured on.

    Attributes:
        scale: its ends, and which way it points.
        intervals: the five equal intervals its level words are cut by; None where nobody named them.
        about: in words.
    """

    scale: Scale
    intervals: LevelIntervals | None
    about: str


@dataclass(frozen=True)
class RowList:
    """A list of rows of a data set that figures have been published on.

    Attributes:
        n: its rows.
        name: what it is called.
        note: what to know before comparing with it; empty where nothing is.
    """

    n: int
    name: str
    note: str = ""


@dataclass(frozen=True)
class Protocol:
    """How one data set is evaluated; what the sources leave open is empty.

    Attributes:
        name: as people type it.
        version: rises when anything of it changes.
        title: of the data set.
        aspects: what its labels are about; the first is meant unless asked otherwise.
        population: the pictures, in words.
        label_columns: aspect -> columns that may hold its label, in order of preference.
        forms: what labels may be measured on.
        group_columns: columns that name what belongs together, in order of preference.
        derive: column -> pattern on a whole file name without ending, whose first bracket is the value.
        exclude: file names without ending that are no part of the set.
        test_rows: whether rows that a split column does not mark as test are left out.
        within: columns that figures are also given within.
        bands: edges of score bands that figures are also given within; in the unit of the labels.
        floor: column whose mean label on other folds is a predictor without pixels; None where there is none.
        label_std: of the labels of the published test list, in their unit; None where not known.
        lists: lists of rows that figures have been published on.
        split: what is known of training and test parts.
        plcc: whether published PLCC is raw or fitted.
        notes: warnings that hold for every run.
        sources: where all this is from.
    """

    name: str
    version: int
    title: str
    aspects: tuple[str, ...]
    population: str
    label_columns: Mapping[str, tuple[str, ...]]
    forms: tuple[Form, ...] = ()
    group_columns: tuple[str, ...] = ()
    derive: Mapping[str, re.Pattern[str]] = field(default_factory=dict)
    exclude: tuple[str, ...] = ()
    test_rows: bool = False
    within: tuple[str, ...] = ()
    bands: tuple[float, ...] = ()
    floor: str | None = None
    label_std: float | None = None
    lists: tuple[RowList, ...] = ()
    split: str = ""
    plcc: str = ""
    notes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    def form_of(self, labels: Sequence[float]) -> Form | None:
        """The shortest form that holds nearly all labels; the longest where none does; None without any form.

        Labels outside it are faults of the table, at most one in a hundred.

        Args:
            labels: float [n], as the manifest gives them.

        Example:
            >>> str(protocol("koniq").form_of([1.2, 4.3]).scale)
            '1..5'
        """
        by_length = sorted(self.forms, key=lambda form: form.scale.high - form.scale.low)
        for form in by_length:
            outside = sum(not form.scale.low <= label <= form.scale.high for label in labels)
            if outside <= len(labels) // _LABELS_A_FAULT:
                return form
        return by_length[-1] if by_length else None

    def list_of(self, n: int) -> RowList | None:
        """The list that has this many rows, or None."""
        return next((one for one in self.lists if one.n == n), None)


def names() -> list[str]:
    """Names of all protocols, in the order of the table."""
    return list(_table())


def protocol(name: str) -> Protocol:
    """The protocol of this name.

    Raises:
        UnknownName: there is none; the message offers the nearest.

    Example:
        >>> protocol("livec").exclude[-1]
        't7'
    """
    try:
        return _table()[name]
    except KeyError:
        raise unknown_name("protocol", name, _table()) from None


def protocols_for(text: str | Sequence[str] | None, n_sets: int) -> list[Protocol | None]:
    """The protocol of each of several sets.

    Args:
        text: one name for all sets, or one for each, separated by commas or as a list; None for none.
        n_sets: how many sets there are.

    Raises:
        UnknownName: a name is none of a protocol, or there are neither one nor n_sets of them.

    Example:
        >>> [one.title for one in protocols_for("koniq,spaq", 2)]
        ['KonIQ-10k', 'SPAQ']
    """
    if text is None:
        return [None] * n_sets
    wanted = [name.strip() for name in (text.split(",") if isinstance(text, str) else text)]
    found = [protocol(name) for name in wanted]
    if len(found) == 1:
        return [found[0]] * n_sets
    if len(found) != n_sets:
        raise UnknownName(f"{len(found)} protocols for {n_sets} manifests; give one for all, or one for each")
    return list(found)


@lru_cache(maxsize=1)
def _table() -> dict[str, Protocol]:
    text = resources.files("visq.evaluation.figures").joinpath("protocols.toml").read_text(encoding="utf-8")
    return {name: _protocol(name, entry) for name, entry in toml.loads(text).items()}


def _protocol(name: str, entry: Mapping[str, Any]) -> Protocol:
    forms = [
        Form(
            parse_label_scale(form["scale"]),
            level_intervals(form["levels"]) if "levels" in form else None,
            form["about"],
        )
        for form in entry.get("form", ())
    ]
    derive = {column: re.compile(pattern) for column, pattern in entry.get("derive", {}).items()}
    lists = tuple(RowList(**one) for one in entry.get("list", ()))
    return Protocol(
        name=name,
        version=entry["version"],
        title=entry["title"],
        aspects=tuple(entry["aspects"]),
        population=entry["population"],
        label_columns={aspect: tuple(columns) for aspect, columns in entry["label"].items()},
        forms=tuple(forms),
        group_columns=tuple(entry.get("group", ())),
        derive=derive,
        exclude=tuple(entry.get("exclude", ())),
        within=tuple(entry.get("within", ())),
        bands=tuple(map(float, entry.get("bands", ()))),
        test_rows=entry.get("test_rows", False),
        floor=entry.get("floor"),
        label_std=entry.get("label_std"),
        lists=lists,
        split=entry["split"],
        plcc=entry["plcc"],
        notes=tuple(entry.get("note", ())),
        sources=tuple(entry["sources"]),
    )
