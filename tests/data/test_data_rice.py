"""Pictures of rice leaves: what each row tells, and how spoilt files, odd pixels and strange folders are met."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from lib.data import DataError, Pictures, load_rice_field, load_rice_paddy, load_rice_uci, pictures, store
from lib.data.rice import CLASSES, read_rice

FOLDERS = {"bacterialblight": "bacterial blight", "blast": "blast", "brownspot": "brown spot", "tungro": "tungro"}
RED, GREEN, WHITE = (200, 30, 30), (30, 160, 40), (255, 255, 255)


def picture(colour=GREEN, width=40, height=30):
    """One colour with a red quarter at the top left."""
    made = Image.new("RGB", (width, height), colour)
    made.paste(RED, (0, 0, width // 2, height // 2))
    return made


@pytest.fixture
def folder(tmp_path):
    """A folder in the form of rice_field: two pictures a class."""
    for i, name in enumerate(FOLDERS):
        place = tmp_path / "set" / name
        place.mkdir(parents=True)
        for k in range(2):
            picture((10 * i, 150, 60 + 90 * k)).save(place / f"{name.upper()}_{k}.jpg", quality=95)
    return tmp_path / "set"


def read(folder, key="rice_field", size=16, content="1"):
    return read_rice(key, folder, size, content)


def colour_at(image, across, down):
    size = len(image)
    return image[int(down * size), int(across * size)].astype(int)


def is_near(colour, wanted):
    return np.abs(np.asarray(colour, int) - wanted).max() <= 12  # JPEG and the filter change colours a little


def test_each_row_tells_of_its_own_picture_ordered_by_file(folder):
    found = read(folder)
    assert found.table["file"].tolist() == sorted(f"{n}/{n.upper()}_{k}.jpg" for n in FOLDERS for k in range(2))
    assert found.table["label"].tolist() == [label for label in FOLDERS.values() for _ in range(2)]
    assert found.table[["width", "height"]].drop_duplicates().to_numpy().tolist() == [[40, 30]]
    assert (found.images.shape, found.images.dtype) == ((8, 16, 16, 3), np.uint8)
    for i, (image, k) in enumerate(zip(found.images, [0, 1] * 4, strict=True)):
        assert is_near(colour_at(image, 0.8, 0.8), (10 * (i // 2), 150, 60 + 90 * k))
    assert (found.classes, len(found.skipped), found.synthetic) == (CLASSES["rice_field"], 0, False)


def test_the_whole_picture_is_squeezed_into_the_square(folder):
    picture(width=400, height=100).save(folder / "tungro" / "TUNGRO_0.jpg")
    image = read(folder, content="wide").images[6]
    assert is_near(colour_at(image, 0.2, 0.2), RED)
    for across, down in ((0.8, 0.2), (0.2, 0.8), (0.9, 0.9)):
        assert is_near(colour_at(image, across, down), GREEN)


def test_a_class_is_known_however_its_folder_is_written(folder, tmp_path):
    deep = tmp_path / "other" / "Rice Leaf Disease Images"
    for name, written in zip(FOLDERS, ["Bacterial_leaf_blight", "Blast", "Brown Spot", "TUNGRO"], strict=True):
        shutil.copytree(folder / name, deep / written)
    first, second = read(folder), read(tmp_path / "other", content="2")
    assert first.table["label"].tolist() == second.table["label"].tolist()
    assert np.array_equal(first.images, second.images)


def test_hidden_files_and_files_of_other_kinds_are_passed_over(folder):
    (folder / "blast" / "._BLAST_0.jpg").write_bytes(b"left by an archiver")
    (folder / "blast" / "Thumbs.db").write_bytes(b"left by a system")
    (folder / "readme.txt").write_text("about the set")
    (folder / "blast" / ".ipynb_checkpoints").mkdir()
    picture().save(folder / "blast" / ".ipynb_checkpoints" / "BLAST_0.jpg")
    found = read(folder)
    assert (len(found), len(found.skipped)) == (8, 0)


def test_endings_in_capitals_are_read_too(folder):
    for path in list(folder.rglob("*.jpg")):
        path.rename(path.with_suffix(".JPG"))
    assert len(read(folder)) == 8


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda p: p.write_bytes(b""), "is empty"),
        (lambda p: p.write_text("a sentence"), "is not a picture"),
        (lambda p: p.write_bytes(p.read_bytes()[:300]), "can't be read as a picture ("),
        (lambda p: p.write_bytes(p.read_bytes()[:-100]), "can't be read as a picture (image file is truncated"),
        (lambda p: picture(width=7).save(p, "PNG"), "has only 7 x 30 pixels"),
        (lambda p: Image.fromarray(np.full((9, 9), 900, np.uint16)).save(p, "PNG"), "has pixels of a kind"),
        # A head of EXIF cut short: Pillow lets a struct.error through.
        (lambda p: picture().save(p, "PNG", exif=b"Exif\0\0II*\0\x08"), "can't be read as a picture (unpack"),
    ],
)
def test_a_spoilt_picture_is_named_and_costs_no_other(folder, spoil, reason):
    spoil(folder / "blast" / "BLAST_1.jpg")
    found = read(folder)
    assert len(found) == len(found.images) == 7
    assert found.skipped["name"].tolist() == ["blast/BLAST_1.jpg"]
    assert found.skipped["reason"].item().startswith(reason)
    assert "Put a sound copy" not in found.skipped["reason"].item()
    assert found.table["label"].tolist().count("blast") == 1
    assert is_near(colour_at(found.images[3], 0.8, 0.8), (20, 150, 60))  # the row after it has its own picture


@pytest.mark.parametrize("limit", [1000, 500], ids=["a warning of Pillow", "an error of Pillow"])
def test_a_picture_of_a_size_that_could_fill_the_memory_is_skipped(folder, monkeypatch, limit):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1300)
    picture(width=1500 if limit == 1000 else 3000, height=1).save(folder / "blast" / "BLAST_1.jpg")
    found = read(folder)
    assert found.skipped.to_numpy().tolist() == [["blast/BLAST_1.jpg", "is larger than 89 million pixels"]]


def test_a_link_to_nothing_is_skipped(folder):
    path = folder / "blast" / "BLAST_1.jpg"
    path.unlink()
    path.symlink_to(folder / "nowhere.jpg")
    assert read(folder).skipped.to_numpy().tolist() == [["blast/BLAST_1.jpg", "is missing"]]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK"])
def test_every_common_kind_of_pixels_becomes_rgb(tmp_path, mode):
    made = picture().convert(mode)
    made.save(path := tmp_path / "a.jpg", "TIFF" if mode == "CMYK" else "PNG")
    image, shape = pictures.read_picture(path, 16)
    assert (image.shape, image.dtype, shape) == ((16, 16, 3), np.uint8, (40, 30))
    wanted = np.asarray(made.convert("RGB").resize((16, 16), Image.Resampling.BICUBIC))
    assert np.array_equal(image, wanted)


def test_a_jpeg_for_printing_has_its_colours(tmp_path):
    picture().convert("CMYK").save(path := tmp_path / "a.jpg", quality=95)
    assert is_near(colour_at(pictures.read_picture(path, 16)[0], 0.8, 0.8), GREEN)


@pytest.mark.parametrize("mode", ["RGBA", "P"])
def test_what_is_transparent_becomes_white(tmp_path, mode):
    made = Image.new("RGBA", (40, 30), (*GREEN, 0))
    made.paste((*RED, 255), (0, 0, 20, 15))
    made.convert(mode).save(path := tmp_path / "a.png")
    image, _ = pictures.read_picture(path, 16)
    assert is_near(colour_at(image, 0.2, 0.2), RED)
    assert is_near(colour_at(image, 0.8, 0.8), WHITE)


def test_a_picture_is_turned_as_its_camera_says(tmp_path):
    exif = Image.Exif()
    exif[274] = 6  # the camera was turned a quarter: the top of the scene is at the right
    picture().save(path := tmp_path / "a.jpg", exif=exif, quality=95)
    image, shape = pictures.read_picture(path, 16)
    assert shape == (40, 30)  # as stored
    assert is_near(colour_at(image, 0.8, 0.2), RED)
    assert is_near(colour_at(image, 0.2, 0.2), GREEN)


def test_of_an_animation_the_first_frame_is_read(tmp_path):
    picture().save(path := tmp_path / "a.jpg", "PNG", save_all=True, append_images=[Image.new("RGB", (40, 30), WHITE)])
    assert is_near(colour_at(pictures.read_picture(path, 16)[0], 0.8, 0.8), GREEN)


def test_a_folder_that_is_no_disease_of_the_set_is_refused_by_name_with_the_remedy(folder):
    (folder / "hispa").mkdir()
    picture().save(folder / "hispa" / "a.jpg")
    with pytest.raises(DataError, match=r"hispa/a.jpg lies in a folder that is none of .*tungro: move it.*mendeley"):
        read(folder)


def test_a_picture_outside_of_any_class_is_refused_by_name(folder):
    picture().save(folder / "a.jpg")
    with pytest.raises(DataError, match=r"a.jpg lies in a folder that is none of the classes"):
        read(folder)


def test_a_class_without_a_usable_picture_is_told_with_an_example_and_the_remedy(folder):
    for path in (folder / "blast").iterdir():
        path.write_bytes(b"")
    shutil.rmtree(folder / "tungro")
    with pytest.raises(
        DataError,
        match=r"no usable picture of blast, tungro \(2 files were skipped, such as blast/BLAST_0.jpg: is empty\)"
        r".*mendeley.*\$NOTES_DATA/rice_field",
    ):
        read(folder)


def test_a_second_call_decodes_nothing_and_a_changed_file_is_decoded_anew(folder, monkeypatch):
    monkeypatch.setenv("NOTES_DATA", str(folder.parent))
    monkeypatch.setattr("lib.data.registry.DataSet.missing", lambda self, place: [])
    folder.rename(folder.parent / "rice_field")
    decoded = []
    real = pictures.read_picture
    monkeypatch.setattr(pictures, "read_picture", lambda path, size: (decoded.append(path.name), real(path, size))[1])
    first, second = load_rice_field(size=16), load_rice_field(size=16)
    assert len(decoded) == 8
    assert first.table.equals(second.table)
    assert np.array_equal(first.images, second.images)
    assert load_rice_field(size=8).images.shape == (8, 8, 8, 3)
    changed = folder.parent / "rice_field" / "tungro" / "TUNGRO_0.jpg"
    picture(WHITE, 60, 60).save(changed)
    third = load_rice_field(size=16)
    assert is_near(colour_at(third.images[6], 0.8, 0.8), WHITE)
    assert third.table["width"].tolist() == [40] * 6 + [60, 40]


def test_another_choice_of_files_is_decoded_anew_though_the_folder_is_the_same(folder, monkeypatch):
    first = read(folder)
    without = [path for path in pictures.files_of(folder) if path.name != "BLAST_0.jpg"]
    monkeypatch.setattr("lib.data.rice.files_of", lambda folder: without)
    found = read(folder)
    assert found.table["file"].tolist() == [file for file in first.table["file"] if file != "blast/BLAST_0.jpg"]
    assert np.array_equal(found.images, np.delete(first.images, 2, axis=0))


def test_rows_are_chosen_by_mask_or_by_number(folder):
    found = read(folder)
    some = found.select(found.table["label"] == "tungro")
    assert some.table["file"].tolist() == ["tungro/TUNGRO_0.jpg", "tungro/TUNGRO_1.jpg"]
    assert np.array_equal(some.images, found.images[6:])
    turned = found.select([7, 0])
    assert turned.table["file"].tolist() == ["tungro/TUNGRO_1.jpg", "bacterialblight/BACTERIALBLIGHT_0.jpg"]
    assert np.array_equal(turned.images, found.images[[7, 0]])
    assert turned.classes == found.classes
    assert len(found.select([])) == 0
    for wrong in ([True], [8], [0.5]):
        with pytest.raises(IndexError):
            found.select(wrong)


def test_a_table_that_does_not_fit_the_images_is_refused(folder):
    found = read(folder)
    parts = {"images": found.images, "classes": found.classes, "skipped": found.skipped}
    with pytest.raises(DataError, match="tells of 7 pictures, there are 8"):
        Pictures(found.table[:7], **parts)
    with pytest.raises(DataError, match="lacks the column label"):
        Pictures(found.table.drop(columns="label"), **parts)
    with pytest.raises(DataError, match="reset_index"):
        Pictures(found.table[::-1], **parts)
    with pytest.raises(DataError, match="'hispa' is none of the classes"):
        Pictures(found.table.assign(label="hispa"), **parts)


@pytest.mark.parametrize("load", [load_rice_field, load_rice_uci, load_rice_paddy])
def test_an_unknown_source_or_size_is_refused(load):
    with pytest.raises(DataError, match="'real' and 'synthetic'"):
        load("rael")
    with pytest.raises(DataError, match="1 or more, not 0"):
        load("synthetic", size=0)


def test_the_gated_set_says_how_to_get_it_when_it_is_absent():
    with pytest.raises(DataError, match=r"rice_paddy .*not on this machine.*Kaggle.*\$NOTES_DATA/rice_paddy.*smoke"):
        load_rice_paddy()


# ------------------------------------------------------------------------------------------ the Kaggle set


@pytest.fixture
def paddy(tmp_path):
    """A folder in the form of the competition's archive: one picture a class, and one without a label."""
    folder = tmp_path / "paddy"
    lines = ["image_id,label,variety,age"]
    for i, label in enumerate(CLASSES["rice_paddy"]):
        written = label.replace(" ", "_").replace("bacterial_blight", "bacterial_leaf_blight")
        place = folder / "train_images" / written
        place.mkdir(parents=True)
        picture(height=53).save(place / f"{100 + i}.jpg")
        lines.append(f"{100 + i}.jpg,{written},ADT45,{45 + i}")
    (folder / "test_images").mkdir()
    picture().save(folder / "test_images" / "200001.jpg")
    (folder / "train.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_a_picture_of_the_kaggle_set_has_its_variety_and_age(paddy):
    found = read(paddy, "rice_paddy")
    assert found.table["file"][0] == "train_images/bacterial_leaf_blight/100.jpg"
    assert found.table["label"].tolist() == list(CLASSES["rice_paddy"])
    assert found.table["age"].tolist() == list(range(45, 55))
    assert set(found.table["variety"]) == {"ADT45"}


def test_a_picture_of_the_kaggle_set_without_a_readable_file_is_skipped(paddy):
    extra = paddy / "train_images" / "blast" / "300.jpg"
    extra.write_bytes(b"")
    found = read(paddy, "rice_paddy")
    assert found.skipped.to_numpy().tolist() == [["train_images/blast/300.jpg", "is empty"]]


def test_a_picture_that_the_kaggle_table_names_and_the_folder_lacks_is_skipped_by_name(paddy):
    with (paddy / "train.csv").open("a") as table:
        table.write("999.jpg,blast,ADT45,50\n")
    found = read(paddy, "rice_paddy")
    assert len(found) == 10
    assert found.skipped.to_numpy().tolist() == [["train_images/blast/999.jpg", "is named in train.csv but not there"]]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("103.jpg,blast,", "103.jpg,hispa,", r"blast/103.jpg: train.csv says hispa"),
        ("103.jpg,", "999.jpg,", r"blast/103.jpg: train.csv does not name it"),
        ("ADT45,48", "ADT45,old", r"the age of 103.jpg is 'old'"),
        ("103.jpg,blast,ADT45,48", "103.jpg,blast", r"the age of 103.jpg is ''"),
        ("variety,age", "variety,days", r"train.csv has no column 'age'"),
        ("103.jpg,blast", "104.jpg,hispa,ADT45,49\n103.jpg,blast", r"train.csv names 104.jpg more than once"),
    ],
)
def test_a_table_that_disagrees_with_the_folders_is_refused_by_name_with_the_remedy(paddy, old, new, message):
    table = paddy / "train.csv"
    table.write_text(table.read_text().replace(old, new))
    with pytest.raises(DataError, match=message + r".*Kaggle"):
        read(paddy, "rice_paddy")


def test_a_table_that_a_spreadsheet_has_saved_is_read(paddy):
    table = paddy / "train.csv"
    table.write_text(table.read_text(), encoding="utf-8-sig")
    assert len(read(paddy, "rice_paddy")) == 10


def test_a_kaggle_set_without_its_table_is_refused(paddy):
    (paddy / "train.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"train.csv is not plain text"):
        read(paddy, "rice_paddy")
    (paddy / "train.csv").write_text('image_id,label\n"' + 140_000 * "x")  # an open quote: a field without an end
    with pytest.raises(DataError, match=r"train.csv can't be read \(field larger.*Kaggle"):
        read(paddy, "rice_paddy")
    (paddy / "train.csv").unlink()
    with pytest.raises(DataError, match=r"has no train.csv"):
        read(paddy, "rice_paddy")


# ------------------------------------------------------------------------------------------ the stand-ins


@pytest.mark.parametrize(
    ("load", "key", "each"), [(load_rice_field, "rice_field", 60), (load_rice_uci, "rice_uci", 10),
                              (load_rice_paddy, "rice_paddy", 8)]
)  # fmt: skip
def test_a_stand_in_says_so_and_is_the_same_each_time(load, key, each, capsys, tmp_path, monkeypatch):
    log = tmp_path / "log"
    monkeypatch.setenv("NOTES_DATA_LOG", str(log))
    first, second = load("synthetic", size=32), load("synthetic", size=32)
    assert f"Synthetic stand-in for {key}" in capsys.readouterr().out
    assert json.loads(log.read_text().splitlines()[0])["name"] == f"{key}:synthetic"
    assert first.synthetic
    assert first.table["label"].value_counts().to_dict() == dict.fromkeys(CLASSES[key], each)
    assert first.images.shape == (each * len(CLASSES[key]), 32, 32, 3)
    assert first.table.equals(second.table)
    assert np.array_equal(first.images, second.images)


def test_a_stand_in_has_the_form_of_the_real_set(folder, paddy):
    for key, place, load in (("rice_field", folder, load_rice_field), ("rice_paddy", paddy, load_rice_paddy)):
        real, made_up = read(place, key), load("synthetic")
        assert real.table.dtypes.equals(made_up.table.dtypes)
        assert real.skipped.dtypes.equals(made_up.skipped.dtypes)
        assert real.classes == made_up.classes
        assert real.images.dtype == made_up.images.dtype


# ------------------------------------------------------------------------------------------ the real sets


@pytest.mark.slow
@pytest.mark.real_data
def test_the_real_sets_are_read_whole(real_data, monkeypatch):
    if not all((real_data / key).is_dir() for key in ("rice_field", "rice_uci")):
        pytest.skip("the rice pictures are not among the real data")
    monkeypatch.setenv("NOTES_DATA", str(real_data))
    field, uci = load_rice_field(size=32), load_rice_uci(size=32)
    assert field.table["label"].value_counts().to_dict() == {
        "brown spot": 1600, "bacterial blight": 1584, "blast": 1440, "tungro": 1308,
    }  # fmt: skip
    assert uci.table["label"].value_counts().to_dict() == dict.fromkeys(uci.classes, 40)
    assert len(field.skipped) == len(uci.skipped) == 0
    square = field.table["width"] == field.table["height"]
    assert (square == (field.table["label"] != "tungro")).all()  # why pictures are squeezed, not padded
    assert store.content_hash("rice_uci") != store.content_hash("rice_field")
