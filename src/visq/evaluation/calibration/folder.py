"""Writes the copy of a model folder that holds a new calibration. Knows a model folder's files; fits nothing.

model.toml gets `[calibration.ASPECT]` anew, the golden scores are made anew where the map moves them, and the
card gets a section. Everything is written under a temporary name first, and the folder renamed at the end.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from visq.backbones import ModelFolder, find_model
from visq.backbones.folder import inner_file, read_table
from visq.core.errors import InputError, ModelError
from visq.core.toml_text import toml_text
from visq.media import decode, read_bytes
from visq.readouts.calibration import Calibration, ValueMap
from visq.scoring.check import check_model
from visq.scoring.scorer import load

_GOLDENS, _CARD = "goldens.toml", "README.md"


def check_new_folder(out: Path) -> None:
    """Refuse a name that cannot become a model folder.

    Raises:
        InputError: it exists, or the folder it would stand in does not.
    """
    if os.path.lexists(out):
        raise InputError(
            f"{str(out)!r} exists; name a new folder: a model is never changed in place", kind="output"
        )
    if not out.parent.is_dir():
        raise InputError(f"cannot write {str(out)!r}: no folder {str(out.parent)!r}", kind="output")


def write_calibrated(
    folder: ModelFolder, aspect: str, calibration: Calibration, report: Mapping[str, Any], out: Path
) -> None:
    """Copy a model folder and put a calibration into the copy.

    Args:
        folder: the model; it has to give its own golden scores, if it has any.
        aspect: which of its aspects.
        calibration: to be applied to that aspect's scores.
        report: of `calibrate`.
        out: the new folder.

    Raises:
        InputError: `out` exists or cannot be written.
        ModelError: the model does not give its golden scores, so that nobody knows what was calibrated.
    """
    check_new_folder(out)
    has_goldens = (folder.path / _GOLDENS).is_file()
    if has_goldens and not check_model(os.fspath(folder.path)).passed:
        raise ModelError(
            f"model {folder.name!r} does not give its golden scores here; "
            f"see visq models show {folder.name} --check"
        )
    partial = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        shutil.copytree(folder.path, partial)
        table = calibration_table(calibration, report)
        spec = dict(folder.spec)
        spec["calibration"] = {**spec.get("calibration", {}), aspect: table}
        (partial / "model.toml").write_text(toml_text(spec), encoding="utf-8")
        _add_to_card(partial / _CARD, card_section(aspect, table, report))
        if has_goldens:
            before = folder.calibration(aspect)
            _renew_goldens(partial, aspect, calibration.map, None if before is None else before.map)
        find_model(os.fspath(partial))  # what is written can be read
        os.replace(partial, out)
    except OSError as error:
        raise InputError(f"cannot write {str(out)!r}: {error.strerror or error}", kind="output") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def calibration_table(calibration: Calibration, report: Mapping[str, Any]) -> dict[str, Any]:
    """`[calibration.ASPECT]` of model.toml: no path of this machine, no time of day, nothing that is nan."""
    parts, mapped = report["parts"], calibration.map
    by_level = bool(calibration.half_widths)
    table: dict[str, Any] = _defined(
        {
            "method": "split-conformal, absolute residuals"
            + ("" if report["group_column"] is None else ", groups weighted alike")
            + (", by level of the score" if by_level else ""),
            "nominal": calibration.nominal,
            "half_width": calibration.half_width,
            "half_widths": list(calibration.half_widths) or None,
            "n": parts["interval"]["n"],
            "n_groups": parts["interval"]["n_groups"],
            "population": calibration.population,
            "note": calibration.note,
            "checked": calibration.checked,
            "manifest": report["manifest"],
            "manifest_sha256": report["manifest_sha256"],
            "label": report["label_column"],
            "label_scale": report["label_scale"],
            "group": report["group_column"],
            "split": report["split"],
            "seed": report["settings"]["seed"],
            "n_map": parts["map"]["n"],
            "n_map_groups": parts["map"]["n_groups"],
            "n_test": parts["test"]["n"],
            "n_test_groups": parts["test"]["n_groups"],
            "n_failed": report["n_failed"],
            "model_before": report["model_hash"],
            "visq": report["visq"],
            "map": None
            if mapped is None
            else {
                "kind": mapped.kind,
                "scores": list(mapped.scores),
                "labels": list(mapped.labels),
                "slope": mapped.slope,
            },
            "errors": _short({name: report["errors"][name] for name in ("before", "after")}),
            "coverage": _short({name: report["coverage"][name] for name in ("rows", "groups")}),
            "level": _short(report["levels"]),
            "level_coverage": _short(report["coverage"]["levels"]),
            "abstention": _short(
                [{"by": by, **point} for by, curve in report["abstention"].items() for point in curve]
            ),
        }
    )
    return table


def _short(value: Any) -> Any:  # any TOML value
    """Figures for people, to four decimals; what scores are computed with keeps every digit."""
    if isinstance(value, Mapping):
        return {key: _short(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_short(item) for item in value]
    return round(value, 4) if isinstance(value, float) else value


def _defined(value: Any) -> Any:  # any TOML value
    """The value without what is None, nan or an empty list."""
    if isinstance(value, Mapping):
        kept = {key: _defined(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not None and item != [] and item == item}
    if isinstance(value, list):
        return [_defined(item) for item in value]
    return value


def _renew_goldens(folder: Path, aspect: str, mapped: ValueMap | None, before: ValueMap | None) -> None:
    """Golden scores of the aspect through its new map; their tolerance grows as the map makes errors grow."""
    if mapped is None and before is None:
        return
    fields = read_table(folder, folder.name, _GOLDENS)
    goldens = dict(fields.values)
    now, then = (1.0 if one is None else max(1.0, one.steepest) for one in (mapped, before))
    pictures = []
    with load(os.fspath(folder), aspects=[aspect], threads=1) as scorer:
        scale = scorer.aspects[0].scale
        for one in fields.tables("picture"):
            data = read_bytes(inner_file(one, folder))
            pixels = scorer.prepare(decode(data, at_least=scorer.at_least).picture)
            score = scorer.score_pictures([pixels])[0][aspect]
            value = float(score.scale.convert(score.value, scale))
            tolerance = round(one.number("tolerance") * now / then, 6)
            pictures.append({**one.values, aspect: round(value, 4), "tolerance": tolerance})
    goldens["picture"] = pictures
    (folder / _GOLDENS).write_text(toml_text(goldens), encoding="utf-8")


def card_section(aspect: str, table: Mapping[str, Any], report: Mapping[str, Any]) -> str:
    """What the card says of the calibration, in Markdown."""
    before, after = report["errors"]["before"], report["errors"]["after"]
    mapped = (
        "no map" if report["map"] is None else f"a map of kind `{report['map']['kind']}` to opinion scores"
    )
    lines = [
        f"## Calibration of {aspect}",
        "",
        f"Made by `visq calibrate` on `{report['manifest']}` (SHA-256 {report['manifest_sha256'][:12]}). "
        f"What stands above of scores and intervals of {aspect} is about the model before.",
        "",
        f"- Holds for: {table['population']}.",
        f"- Scores: {mapped}, fitted on {report['parts']['map']['n']} pictures; error on the test part: MAE "
        f"{before['mae']:.3f} before, {after['mae']:.3f} after.",
        f"- Interval: {table['method']}; {table['note']}.",
        f"- {table['checked'][0].upper()}{table['checked'][1:]}.",
    ]
    return "\n".join(lines) + "\n"


def _add_to_card(path: Path, section: str) -> None:
    """Put a section at the end of the card, in the place of one with the same heading."""
    heading = section.partition("\n")[0]
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    text = re.sub(rf"(?ms)^{re.escape(heading)}$.*?(?=^## |\Z)", "", text).rstrip("\n")
    path.write_text(f"{text}\n\n{section}" if text else section, encoding="utf-8")
