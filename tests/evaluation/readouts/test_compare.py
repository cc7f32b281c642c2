"""Read-outs compared from end to end: real pictures, a tiny causal model, values that anybody can check."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import visq
from photos import make_photos
from visq.core.errors import DataError, InputError, UnknownName
from visq.evaluation.figures.measured import Settings
from visq.evaluation.readouts.compare import ReadoutOptions, compare_readouts
from visq.evaluation.runs.labelled import LabelChoice
from visq.evaluation.runs.score_source import Stopped
from visq.scoring.model import Machine

NAMES = ("levels", "integers", "decimals", "contrast", "text")
SHOWN = (*NAMES[:3], "decimals-greedy", "decimals-one-path", *NAMES[3:], "onealign", "q-bench")
FAST = Settings(resamples=50)


@pytest.fixture(scope="module")
def causal(tmp_path_factory: pytest.TempPathFactory) -> str:
    pytest.importorskip("torch")
    from tiny_causal import tiny_folder

    folder = tmp_path_factory.mktemp("model") / "causal"
    tiny_folder(folder)
    return str(folder)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("world")


@pytest.fixture(scope="module")
def rated(world: Path) -> str:
    """Twelve labelled pictures in groups of two; the fifth is broken."""
    paths = sorted(make_photos(world / "photos", 12).rglob("*.png"), key=lambda path: int(path.stem))
    paths[4].write_bytes(b"no picture")
    rows = "".join(f"{path},{1 + k / 3},s{k // 2}\n" for k, path in enumerate(paths))
    (world / "rated.csv").write_text(f"path,quality,scene\n{rows}", encoding="utf-8")
    return str(world / "rated.csv")


def asked(*manifests, **more):
    plain = {"aspect": "quality", "settings": FAST, "labels": LabelChoice(group="scene", label_scale="1..5")}
    return ReadoutOptions(tuple(manifests), **(plain | more))


@pytest.fixture(scope="module")
def found(causal, rated, world):
    return compare_readouts(asked(rated, model=causal, out=world / "values.csv"))


def test_every_read_out_scores_as_visq_score_does(found, causal, rated):
    (by_name,) = found.sets
    for name in NAMES:
        # `visq score` leaves numbers unread that hardly anybody would say; here all are read.
        near = 2e-3 if name == "decimals" else 1e-6
        with visq.score(rated, model=causal, aspect="quality", readout=name) as table:
            rows = list(table.rows)
        for i, row in enumerate(rows):
            if row.status == "ok":
                score = row.scores["quality"]
                assert by_name[name].scores[i] == pytest.approx(score.value, abs=near)
                if score.outside is not None:
                    assert by_name[name].outside[i] == pytest.approx(score.outside, abs=near)
            else:
                assert np.isnan(by_name[name].scores[i])
                assert by_name[name].errors[i]
                assert row.error.endswith(by_name[name].errors[i])


def test_a_broken_picture_is_named_and_no_read_out_counts_it(found):
    (one,) = found.report["sets"]
    assert (one["n_expected"], one["n_read"], one["n_groups"]) == (12, 11, 6)
    (failed,) = one["failed"]
    assert failed["id"].endswith("4.png")
    assert failed["kind"] == "not-a-picture"
    assert found.is_partial
    assert [row["readout"] for row in one["readouts"]] == list(SHOWN)
    assert {row["n_scored"] for row in one["readouts"] if row["readout"] != "text"} == {11}
    text = one["readouts"][SHOWN.index("text")]
    assert text["n_scored"] + text["n_unread"] == 11


def test_a_random_model_is_distrusted_wherever_outside_is_large(found):
    for row in found.report["sets"][0]["readouts"]:
        if row["elsewhere_median"] is not None:
            assert ("not to be trusted" in (row["distrust"] or "")) == (row["elsewhere_median"] > 0.5)
    decimals = found.report["sets"][0]["readouts"][2]
    assert decimals["outside"] > 0.9
    assert "not trained for it" in decimals["distrust"]


def test_anybody_can_make_the_figures_from_the_values(found, world):
    with (world / "values.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    assert rows[4]["levels"] == ""
    assert rows[4]["levels_error"]
    for row in found.report["sets"][0]["readouts"]:
        name = row["readout"]
        kept = [one for one in rows if one[name]]
        x, y = ([float(one[column]) for one in kept] for column in (name, "label"))
        if row["srcc"]["value"] is not None:
            assert row["srcc"]["value"] == pytest.approx(stats.spearmanr(x, y).statistic)
            assert row["plcc"]["value"] == pytest.approx(stats.pearsonr(x, y).statistic)
            assert row["bias"]["value"] == pytest.approx(np.mean(np.array(x) - y))


def test_values_as_json_hold_the_report(causal, rated, tmp_path):
    out = tmp_path / "values.json"
    found = compare_readouts(asked(rated, model=causal, readouts=("contrast",), out=out), command="visq")
    held = json.loads(out.read_text(encoding="utf-8"))
    pictures = held.pop("pictures")
    assert held == json.loads(json.dumps(found.report))
    assert len(pictures) == 12
    assert pictures[0]["contrast"] == found.sets[0]["contrast"].scores[0]
    assert pictures[4]["contrast"] is None


def test_two_runs_differ_in_nothing_but_their_cost(found, causal, rated):
    again = compare_readouts(asked(rated, model=causal, batch=1, workers=1))
    ours, theirs = ({**one.report, "cost": None} for one in (found, again))
    assert ours == theirs


def test_every_read_out_has_its_cost(found):
    cost = found.report["cost"]
    assert set(cost) == set(SHOWN)
    assert cost["levels"]["ratio"] == 1
    assert all(one["ms"] > 0 and one["n_pictures"] == 10 for one in cost.values())


def test_of_two_sets_each_has_its_rows(causal, rated, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text("\n".join(Path(rated).read_text(encoding="utf-8").splitlines()[:9]) + "\n")
    found = compare_readouts(asked(rated, str(other), model=causal, readouts=("levels",), limit=7))
    assert [one["n_expected"] for one in found.report["sets"]] == [7, 7]
    first, second = (by_name["levels"].scores for by_name in found.sets)
    np.testing.assert_array_equal(first[:7], second[:7])


def test_a_head_is_read_in_its_own_words_and_says_what_was_left_out(tiny, rated):
    found = compare_readouts(asked(rated, model=str(tiny)))
    (one,) = found.report["sets"]
    assert [row["readout"] for row in one["readouts"]] == ["levels", "onealign"]
    assert one["readouts"][0]["outside"] is None
    assert one["readouts"][0]["distrust"] is None
    notes = [line for line in found.report["notes"] if "left out" in line]
    assert len(notes) == 7
    with pytest.raises(InputError, match="cannot be read as 'decimals'") as refused:
        compare_readouts(asked(rated, model=str(tiny), readouts=("decimals",)))
    assert refused.value.kind == "usage"


def test_a_stopped_run_writes_nothing(causal, rated, tmp_path):
    with pytest.raises(Stopped, match="nothing was written"):
        compare_readouts(asked(rated, model=causal, out=tmp_path / "v.csv"), stop=lambda: True)
    assert not (tmp_path / "v.csv").exists()


def test_what_cannot_be_is_refused_before_a_picture_is_read(causal, rated, tmp_path):
    with pytest.raises(UnknownName, match="did you mean 'contrast'"):
        asked(rated, readouts=("contrasts",))
    with pytest.raises(DataError, match="no column 'nil'"):
        compare_readouts(asked(rated, model=causal, labels=LabelChoice("nil")))
    with pytest.raises(InputError, match=r"use an ending of \.csv, .* or \.json"):
        compare_readouts(asked(rated, model=causal, out=tmp_path / "v.txt"))
    with pytest.raises(InputError, match="is one of the manifests"):
        compare_readouts(asked(rated, model=causal, out=Path(rated), overwrite=True))
    (tmp_path / "v.csv").write_text("mine")
    with pytest.raises(InputError, match="exists; choose another --out"):
        compare_readouts(asked(rated, model=causal, out=tmp_path / "v.csv"))


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("transformers").utils.logging.disable_progress_bar()
    from tiny_chat import qwen2_vl

    return qwen2_vl(tmp_path_factory.mktemp("chat") / "qwen")


def first_token_logits(folder, path, asked, answers):
    """float64 [k]: logits after the stem, of the first token of each word, by transformers alone."""
    import torch
    import transformers
    from PIL import Image

    from tiny_chat import QWEN_PROMPT
    from visq.backbones.chat_processor_torch import load_processor

    model = transformers.AutoModelForImageTextToText.from_pretrained(folder, dtype="float32").eval()
    processor = load_processor(folder, model.config, remote_code=False)
    text = QWEN_PROMPT.format(question=asked["question"], stem=asked["stem"])
    with Image.open(path) as image:
        inputs = processor(images=[image], text=[text], return_tensors="pt")
    with torch.inference_mode():
        logits = model(**inputs).logits[0, -1].double().numpy()
    tokens = [processor.tokenizer(" " + word, add_special_tokens=False)["input_ids"] for word in answers]
    return logits[[one[0] for one in tokens]], [len(one) for one in tokens]


ASKED = {"question": "How would you rate the quality of this image?", "stem": "The quality of the image is"}
WORDS = ("bad", "poor", "fair", "good", "excellent")


def test_a_published_row_is_the_published_number_of_first_tokens(qwen, rated):
    found = compare_readouts(asked(rated, model=str(qwen), readouts=("onealign", "q-bench"), limit=3))
    (by_name,) = found.sets
    assert not [note for note in found.report["notes"] if "several tokens" in note]
    for i, path in enumerate(by_name["onealign"].paths[:3]):
        logits, n_tokens = first_token_logits(qwen, path, ASKED, WORDS)
        assert n_tokens == [1] * 5
        probs = np.exp(logits - logits.max())
        expected = float(probs @ np.arange(1, 6) / probs.sum())
        assert by_name["onealign"].scores[i] == pytest.approx(expected, abs=1e-4)
        good, poor = np.exp(logits[[3, 1]] / 100)
        assert by_name["q-bench"].scores[i] == pytest.approx(1 + 4 * good / (good + poor), abs=1e-5)
        # Whole answers, with what ends them, are another number: the plant.
        assert by_name["levels"].scores[i] != pytest.approx(expected, abs=1e-2)


def test_a_word_of_several_tokens_is_said_to_be_no_published_number(qwen, rated, tmp_path):
    own = tmp_path / "own.toml"
    own.write_text(
        '[glow]\nabout = "light"\nlevels = ["gleam", "bad", "poor", "fair", "good", "excellent"]\n'
        'questions = ["How would you rate the quality of this image?"]\nstem = "The xylophone"\njoint = ""\n',
        encoding="utf-8",
    )
    more = {"aspect": f"{own}#glow", "labels": LabelChoice("quality")}
    found = compare_readouts(asked(rated, model=str(qwen), readouts=("onealign",), limit=2, **more))
    assert found.report["aspect"] == "glow"
    (note,) = (note for note in found.report["notes"] if "several tokens" in note)
    assert note.startswith("onealign: several tokens to this model, of which the published code reads the ")


def test_monitors_are_read_where_they_are_named_and_no_other_weighs_them(causal, rated):
    found = compare_readouts(asked(rated, model=causal, readouts=("decimals", "decimals-one-path")))
    rows = {row["readout"]: row for row in found.report["sets"][0]["readouts"]}
    assert [(name, row["is_monitor"]) for name, row in rows.items()] == [
        *(("levels", False), ("decimals", False), ("decimals-one-path", True)),
    ]
    difference = rows["decimals-one-path"]["difference"]
    assert difference["value"] is not None
    assert (difference["p_value"], difference["p_adjusted"]) == (None, None)
    only = rows["decimals"]["difference"]
    assert only["p_adjusted"] == only["p_value"]
    alone = compare_readouts(asked(rated, model=causal, readouts=("decimals-one-path",)))
    np.testing.assert_array_equal(
        alone.sets[0]["decimals-one-path"].scores, found.sets[0]["decimals-one-path"].scores
    )


def test_temperature_and_dialect_are_those_of_scoring(qwen, rated):
    words = {"dialect": "deqa", "temperature": 2.0}
    found = compare_readouts(
        asked(
            rated,
            model=str(qwen),
            readouts=("contrast", "onealign"),
            machine=Machine(pixels="1..64"),
            **words,
        )
    )
    plain = compare_readouts(
        asked(rated, model=str(qwen), readouts=("onealign",), machine=Machine(pixels="1..64"), dialect="deqa")
    )
    for name in ("levels", "contrast"):
        with visq.score(
            rated, model=str(qwen), aspect="quality", readout=name, pixels="1..64", **words
        ) as table:
            scored = [row.scores["quality"].value for row in table if row.status == "ok"]
        kept = found.sets[0][name].is_scored
        assert found.sets[0][name].scores[kept].tolist() == pytest.approx(scored, abs=1e-5)
    hot, cold = (one.sets[0]["onealign"].scores for one in (found, plain))
    np.testing.assert_array_equal(hot, cold)  # a published formula has its own temperature
    assert not np.allclose(*(one.sets[0]["levels"].scores[kept] for one in (found, plain)), atol=1e-2)
    assert {row["dialect"] for row in found.report["sets"][0]["readouts"]} == {"deqa"}


def test_a_file_of_several_aspects_is_asked_which(rated, tmp_path):
    one = 'about = "b"\nlevels = ["c", "d"]\nquestions = ["e?"]\nstem = "f"\n'
    (tmp_path / "two.toml").write_text(f"[glow]\n{one}[noise]\n{one}", encoding="utf-8")
    with pytest.raises(InputError, match=r"holds 2 aspects; name one, as in .*two\.toml#glow") as refused:
        asked(rated, aspect=str(tmp_path / "two.toml"))
    assert refused.value.kind == "usage"
