"""Pairing of control images by name: each rule, and what holds for any list of names."""

from __future__ import annotations

import unicodedata
from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from tagtrainer.datasets.pairs.pairing import File, Pairing, pair, pair_as


def file(path: str, root: str = "") -> File:
    folder, _, name = path.rpartition("/")
    return File(path, name, folder, root)


def files(*paths: str) -> list[File]:
    return [file(path) for path in paths]


def shown(done: Pairing) -> dict[str, list[str]]:
    """Target -> its controls; a target without any stands with an empty list."""
    found: dict[str, list[str]] = {target.label: [] for target in done.targets}
    for target, controls in done.controls.items():
        found[target.label] = [control.label for control in controls]
    return found


def reasons(done: Pairing) -> dict[str, str]:
    return {problem.file.label: problem.key.rpartition(".")[2] for problem in done.problems}


def test_the_usual_habits() -> None:
    assert shown(pair(files("x.png", "x_control.png"))) == {"x.png": ["x_control.png"]}
    assert shown(pair(files("x.png", "x_control_1.jpg", "x_control_0.jpg"))) == {
        "x.png": ["x_control_0.jpg", "x_control_1.jpg"]
    }
    assert shown(pair(files("x.png", "x_10.png", "x_0.png", "x_0003.png"))) == {
        "x.png": ["x_0.png", "x_0003.png", "x_10.png"]
    }
    assert shown(pair(files("a/x.png", "a/control/x.webp"))) == {"a/x.png": ["a/control/x.webp"]}
    for name in ("conditioning", "source", "Before", "controls", "control_images", "reference"):
        assert shown(pair(files("x.png", f"{name}/x.jpg"))) == {"x.png": [f"{name}/x.jpg"]}
    assert shown(pair(files("target/x.png", "source/x.png"))) == {"target/x.png": ["source/x.png"]}
    assert shown(pair(files("x_before.png", "x_after.png"))) == {"x_after.png": ["x_before.png"]}


def test_several_control_folders_and_numbers_in_them() -> None:
    done = pair(files("x.png", "control_2/x.png", "control_0/x.png", "control_1/deep/y.png", "deep/y.png"))
    assert shown(done) == {"x.png": ["control_0/x.png", "control_2/x.png"], "deep/y.png": ["control_1/deep/y.png"]}
    done = pair(files("x.png", "control/x.png", "control/x_0.png", "control/x_2.png", "control/x_control_5.png"))
    assert shown(done) == {"x.png": ["control/x.png", "control/x_0.png", "control/x_2.png", "control/x_control_5.png"]}


def test_numbers_alone_make_no_control() -> None:
    assert shown(pair(files("IMG_001.jpg", "IMG_002.jpg"))) == {"IMG_001.jpg": [], "IMG_002.jpg": []}
    done = pair(files("x.png", "x_1.png", "control/x.png", "control/x_1.png"))
    assert shown(done) == {"x.png": ["control/x.png"], "x_1.png": ["control/x_1.png"]}
    assert shown(pair(files("a/x.png", "b/x_1.png"))) == {"a/x.png": [], "b/x_1.png": []}
    assert shown(pair(files("open_source.png"))) == {"open_source.png": []}


def test_longer_target_names_choose_first() -> None:
    done = pair(files("a.png", "a_1.png", "a_1_control.png", "a_control.png"))
    assert shown(done) == {"a.png": ["a_control.png"], "a_1.png": ["a_1_control.png"]}
    assert shown(pair(files("a.png", "a_1.png", "a_1_0.png"))) == {"a.png": [], "a_1.png": ["a_1_0.png"]}
    assert shown(pair(files("a.png", "a_1.png", "control/a_1.png", "control/a.png"))) == {
        "a.png": ["control/a.png"],
        "a_1.png": ["control/a_1.png"],
    }


def test_case_and_accents_are_a_fallback() -> None:
    done = pair(files("X.png", "x.png", "x_control.png", "X_control.png"))
    assert shown(done) == {"X.png": ["X_control.png"], "x.png": ["x_control.png"]}
    assert shown(pair(files("Photo.PNG", "photo_Control.png"))) == {"Photo.PNG": ["photo_Control.png"]}
    composed, apart = unicodedata.normalize("NFC", "café"), unicodedata.normalize("NFD", "café")
    assert shown(pair(files(f"{composed}.png", f"control/{apart}.png"))) == {
        f"{composed}.png": [f"control/{apart}.png"]
    }


def test_what_nobody_can_tell_is_listed_with_the_reason() -> None:
    done = pair(files("x.png", "x.jpg", "x_control.png", "control/y.png"))
    assert shown(done) == {"x.png": [], "x.jpg": []}
    assert reasons(done) == {"x_control.png": "ambiguous", "control/y.png": "no_target"}
    done = pair(files("x.png", "control/x.png", "control/x.jpg", "control/x_1.png"))
    assert shown(done) == {"x.png": ["control/x_1.png"]}
    assert reasons(done) == {"control/x.png": "double", "control/x.jpg": "double"}
    assert {problem.target.label for problem in done.problems if problem.target} == {"x.png"}
    done = pair(files("a/x.png", "b/x.png", "a/control/x.png", "control/x.png"))
    assert shown(done) == {"a/x.png": ["a/control/x.png"], "b/x.png": []}
    assert reasons(done) == {"control/x.png": "ambiguous"}


def test_a_single_control_is_one() -> None:
    done = pair(files("x.png", "x_0.png", "x_1.png", "y.png", "y_control.png"), single=True)
    assert shown(done) == {"x.png": ["x_0.png"], "y.png": ["y_control.png"]}
    assert reasons(done) == {"x_1.png": "too_many"}


def test_earlier_targets_are_asked_last() -> None:
    known = [File("item-1", "x.png", ""), File("item-2", "y.png", "sub")]
    done = pair(files("control/x.png", "sub/control/y.png"), known)
    assert shown(done) == {"item-1": ["control/x.png"], "item-2": ["sub/control/y.png"]}
    assert shown(pair(files("x_2.png"), known)) == {"item-1": ["x_2.png"]}
    again = pair(files("x.png", "control/x.png"), known)
    assert shown(again) == {"x.png": ["control/x.png"]}
    assert shown(pair(files("x_1.png"), [*known, File("item-3", "x_1.png", "")])) == {"x_1.png": []}


def test_a_second_folder_given_as_control() -> None:
    known = [File("1", "x.png"), File("2", "Y.png", "deep"), File("3", "z.png", "a"), File("4", "z.png", "b")]
    done = pair_as(files("x.jpg", "y.png", "b/z.png", "z.png", "other.png", "x_1.png"), known, 2)
    assert shown(done) == {"1": ["x.jpg", "x_1.png"], "2": ["y.png"], "4": ["b/z.png"]}
    assert reasons(done) == {"z.png": "ambiguous", "other.png": "no_target"}


def test_two_folders_with_equal_names_stay_apart() -> None:
    done = pair(
        [file("x.png", "one"), file("x_control.png", "one"), file("x.png", "two"), file("x_control.png", "two")]
    )
    assert {(target.root, control.root) for target, found in done.controls.items() for control in found} == {
        ("one", "one"),
        ("two", "two"),
    }
    done = pair([file("x.png", "one"), file("control/x.png", "two")])
    assert shown(done) == {"x.png": ["control/x.png"]}


STEMS = st.lists(
    st.sampled_from(["a", "A", "b", "_", "_1", "_0", "_02", "_control", "_Control_3", "_before", "_after", "é", "."]),
    min_size=1,
    max_size=4,
).map("".join)
FOLDERS = st.sampled_from(
    ["", "control", "control_0", "control_1", "Source", "sub", "sub/control", "target", "control/sub"]
)
NAMES = st.builds(
    lambda folder, stem, ext, root: file(f"{folder}/{stem}{ext}".lstrip("/"), root),
    FOLDERS, STEMS, st.sampled_from([".png", ".jpg", ""]), st.sampled_from(["", "r"]),
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(NAMES, unique=True, max_size=14), st.lists(NAMES, unique=True, max_size=4), st.booleans(), st.randoms())
def test_every_file_stands_exactly_once_in_any_order(given_files, known, single, chance) -> None:  # type: ignore[no-untyped-def]
    known = [File(f"known {place}", file.name, file.folder) for place, file in enumerate(known)]
    for work in (lambda some: pair(some, known, single=single), lambda some: pair_as(some, known, 1, single=single)):
        done = work(given_files)
        controls = [control for found in done.controls.values() for control in found]
        problems = [problem.file for problem in done.problems]
        assert sorted([*done.targets, *controls, *problems], key=repr) == sorted(given_files, key=repr)
        assert set(done.controls) <= {*done.targets, *known}
        assert all(found for found in done.controls.values())
        assert not single or all(len(found) == 1 for found in done.controls.values())
        mixed = list(given_files)
        chance.shuffle(mixed)
        assert work(mixed) == done


def test_all_orders_of_a_chain() -> None:
    chain = files("a.png", "a_1.png", "a_1_1.png", "a_1_1_1.png")
    answers = {str(shown(pair(order))) for order in permutations(chain)}
    assert answers == {str({"a.png": ["a_1.png"], "a_1_1.png": ["a_1_1_1.png"]})}
