from __future__ import annotations

from checked_tables import check_json, check_rows, check_tables, conversation, loud, of, one_of

TWO = "How would you rate the quality of this image?\n<|image|>\nHow do you assess the quality of this image?"


def talk(n=30, folder="a/", **more):
    words = ("bad", "poor", "fair", "good", "excellent")
    return [
        conversation(f"{folder}{i}.jpg", round(1 + 0.9 * (i % 5) + i / 90, 3), words[i % 5], **more)
        for i in range(n)
    ]


def test_clean_conversations_are_silent(tmp_path):
    assert not loud(check_json(tmp_path, talk()))


def test_two_questions_with_two_tokens_in_one_turn(tmp_path):
    rows = talk()
    for i in (4, 11):
        rows[i] = conversation(f"a/{i}.jpg", 2.0, "poor", question=TWO)
    report = check_json(tmp_path, rows)
    tokens, asked = one_of(report, "image-tokens"), one_of(report, "questions")
    assert tokens.severity == "error"
    assert tokens.rows == asked.rows == ("a/4.jpg", "a/11.jpg")
    assert "row 5: 2 tokens where 1 belong" in tokens.message
    assert "2 turns ask two questions at once" in asked.message


def test_questions_without_a_question_mark_are_known_from_other_rows(tmp_path):
    rows = talk(question="Rate the quality of this video.")
    rows[3] = conversation(
        "a/3.jpg", 3.7, "good", question="Rate the quality of this video.\nRate the quality of this video."
    )
    assert one_of(check_json(tmp_path, rows), "questions").rows == ("a/3.jpg",)


def test_a_question_in_several_lines_is_one(tmp_path):
    rows = talk(question="Look at the picture.\nIt was made from: a red house.\nHow good is it?")
    assert not of(check_json(tmp_path, rows), "questions")


def test_videos_may_have_any_number_of_tokens_but_one_number(tmp_path):
    rows = talk()
    for i, row in enumerate(rows):
        row |= conversation(f"v/{i}.mp4", 3.0 + i / 100, "fair", question="Rate it.\n" + "<|image|>" * 7)
    assert not of(check_json(tmp_path, rows), "image-tokens")
    rows[6] = conversation("v/6.mp4", 3.0, "fair", question="Rate it.\n" + "<|image|>" * 15)
    found = one_of(check_json(tmp_path, rows), "image-tokens")
    assert found.rows == ("v/6.mp4",)
    assert "16 tokens where 8 belong" in found.message


def test_ids_that_name_another_folder_picture_or_score(tmp_path):
    rows = talk()
    rows[1]["id"] = rows[1]["id"].replace("a/1.jpg", "b/1.jpg")
    rows[2]["id"] = rows[2]["id"].replace("a/2.jpg", "a/20.jpg")
    rows[3] |= {"gt_score": 4.444}
    for row in rows:
        row.setdefault("gt_score", float(row["id"].partition("->")[2]))
    found = {f.figures["what"]: f for f in of(check_json(tmp_path, rows), "id-folder")}
    assert {what: (f.severity, f.rows) for what, f in found.items()} == {
        "folder": ("warning", ("a/1.jpg",)),
        "picture": ("error", ("a/2.jpg",)),
        "score": ("error", ("a/3.jpg",)),
    }


def test_ids_without_a_folder_are_fine(tmp_path):
    rows = [{**row, "id": row["id"].removeprefix("a/")} for row in talk()]
    assert not of(check_json(tmp_path, rows), "id-folder")


def test_rows_that_cannot_be_read_are_named(tmp_path):
    rows = talk()
    rows[5]["conversations"] = "nothing"
    found = one_of(check_json(tmp_path, rows), "row-defects")
    assert (found.severity, found.rows) == ("error", ("a/5.jpg",))
    assert "row 6: 'conversations' is no list" in found.message
    path = tmp_path / "short.csv"
    path.write_text("image,mos\na.jpg,1\nb.jpg\nc.jpg,2,3\n", encoding="utf-8")
    assert one_of(check_tables(path), "row-defects").rows == ("b.jpg", "c.jpg")


def test_rows_without_a_picture_are_named(tmp_path):
    rows = [{"id": f"k{i}", "image": f"{i}.jpg" if i != 4 else " ", "mos": i / 7} for i in range(20)]
    found = one_of(check_rows(tmp_path, rows), "row-defects")
    assert (found.severity, found.rows) == ("error", ("k4",))
    assert "row 6" in found.message
    nameless = [{"image": row["image"].strip(), "mos": row["mos"]} for row in rows]
    assert one_of(check_rows(tmp_path, nameless), "row-defects").rows == ("row 6",)


def test_next_to_nothing_is_silent(tmp_path):
    assert not loud(check_rows(tmp_path, [{"image": "a.jpg", "mos": 1}]))
