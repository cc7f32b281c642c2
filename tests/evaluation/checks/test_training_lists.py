from __future__ import annotations

import hashlib

from checked_tables import check_rows, check_tables, loud, of, one_of, write_csv

TRAINED = {"aspect": "quality", "title": "Lake photos, first half", "n": 900, "labels_sha256": "0" * 64}


def rows(n=20, column="quality"):
    return [{"image": f"pics/{i}.jpg", column: 1 + i / 7} for i in range(n)]


def test_the_very_label_file(tmp_path):
    path = write_csv(tmp_path / "a.csv", rows())
    own = {**TRAINED, "labels_sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    found = one_of(check_tables(path, trained_on=[own]), "training-list")
    assert found.severity == "error"
    assert len(found.rows) == 20
    assert "trained on this very label file (Lake photos, first half)" in found.message
    assert not loud(check_tables(path, trained_on=[TRAINED]))


def test_the_name_of_the_list_of_its_folder_and_of_its_pictures(tmp_path):
    for path in ("lakephotos.csv", "lake-photos/labels.csv"):
        found = one_of(
            check_tables(write_csv(tmp_path / path, rows()), trained_on=[TRAINED]), "training-list"
        )
        assert found.figures["same_file"] == 0
        assert "unless these rows were kept out" in found.message
    named = [{**row, "image": row["image"].replace("pics", "LakePhotos")} for row in rows()]
    assert of(check_rows(tmp_path, named, trained_on=[TRAINED]), "training-list")


def test_the_protocol_names_its_data(tmp_path):
    title = {**TRAINED, "title": "KonIQ-10k, training split"}
    found = one_of(
        check_rows(tmp_path, rows(column="mos"), protocol="koniq", trained_on=[title]), "training-list"
    )
    assert found.figures["title"] == title["title"]
    assert not of(
        check_rows(tmp_path, rows(column="mos"), protocol="spaq", trained_on=[title]), "training-list"
    )


def test_lists_of_another_aspect_do_not_count(tmp_path):
    path = write_csv(tmp_path / "lakephotos.csv", rows(column="aesthetics"))
    assert not of(check_tables(path, trained_on=[TRAINED]), "training-list")


def test_a_list_of_an_unknown_size_is_a_note(tmp_path):
    found = one_of(check_rows(tmp_path, rows(40, "mos"), protocol="koniq"), "list-size")
    assert found.severity == "note"
    assert "40 rows are none of the lists of KonIQ-10k" in found.message
    assert found.figures["n_missing"] is None


def test_a_list_that_lacks_a_few_rows_says_how_many_and_where_labels_end(tmp_path):
    labels = [{"image": f"{i}.jpg", "mos": round(2 + i % 9000 / 100, 2)} for i in range(11121)]
    found = one_of(check_rows(tmp_path, labels, protocol="spaq"), "list-size")
    assert found.figures["n_missing"] == 4
    assert "4 of 'all pictures' are missing, labels here end at 2 and 91.99" in found.message


def test_a_known_list_is_silent_also_as_a_part(tmp_path):
    labels = [
        {"image": f"{i}.jpg", "mos": 1 + i % 9 / 3, "split": "test" if i < 41 else "train"} for i in range(60)
    ]
    assert not of(check_rows(tmp_path, labels, protocol="aadb"), "list-size")


def test_twenty_percent_of_another_whole(tmp_path):
    whole = write_csv(tmp_path / "train_lake.csv", rows(700))
    part = write_csv(
        tmp_path / "train_lake_20percent.csv", [{**r, "image": f"o{r['image']}"} for r in rows(201)]
    )
    found = one_of(check_tables(whole, part), "list-size")
    assert found.severity == "note"
    assert "28.7 % of the 700" in found.message
    assert "not 20 %" in found.message
    good = write_csv(tmp_path / "train_lake_30percent.csv", rows(209))
    assert not of(check_tables(whole, good), "list-size")
