"""Which field is the class, and what the classes are called."""

from pathlib import Path

import numpy as np
import pytest

from autoai4eo.data.lcz42 import LCZ42_CLASSES
from autoai4eo.data.polygons.class_fields import classes_of
from autoai4eo.data.polygons.vector_files import Features
from autoai4eo.errors import UserError


def features(kml=False, **fields):
    columns = {name: np.array(values, object) for name, values in fields.items()}
    number = len(next(iter(columns.values()), ()))
    wkb = np.full(number, b"", object)
    return Features(Path("areas.kml"), wkb, columns, "EPSG:4326", kml)


def test_a_field_by_its_name_in_any_case():
    found = classes_of(
        features(Kind=["y", "x", "y"], other=["1", "2", "3"]), "kind", None
    )
    assert found.names == ("x", "y") and found.numbers.tolist() == [1, 0, 1]
    with pytest.raises(
        UserError, match="a field called use, found Kind, other; choose"
    ):
        classes_of(features(Kind=["a", "b"], other=["1", "2"]), "use", None)


@pytest.mark.parametrize("name", ["class", "CLASS", "Label", "lcz", "LCZ_class"])
def test_usual_names_are_found(name):
    found = classes_of(features(id=["1", "2"], **{name: ["x", "y"]}), None, None)
    assert found.names == ("x", "y") and not found.told


def test_the_only_field_is_taken_and_told():
    found = classes_of(features(cover=["x", "y"]), None, None)
    assert found.names == ("x", "y") and "the field cover" in found.told[0]
    with pytest.raises(UserError, match="found cover, use; name it with field"):
        classes_of(features(cover=["x", "y"], use=["1", "2"]), None, None)


@pytest.mark.parametrize(
    ("folder", "name", "taken"),
    [
        (["LCZ 1", "LCZ 2"], ["house", "tower"], "folder"),
        (["training", "training"], ["1", "A"], "Name"),
        (["training", "test"], ["1", "A"], "Name"),  # the names are zones
        (["water", "forest"], ["a", "lake"], "folder"),
        (["areas", "areas"], ["water", "forest"], "Name"),
        (["3", "G"], ["1", "2"], "folder"),
        # as WUDAPT's template has it
        (["areas", "areas", "areas", "city"], ["1", "2", "G", "region"], "Name"),
    ],
)
def test_folders_and_names_of_kml(folder, name, taken):
    """The one whose values are zones; else several folders; else the names."""
    found = classes_of(features(True, Name=name, folder=folder), None, None)
    assert f"the field {taken}" in found.told[0]
    if taken == "folder" and "water" in folder:
        assert found.names == ("forest", "water")


def test_a_class_field_of_kml_goes_before_its_folders():
    kml = features(True, Name=["a", "b"], folder=["1", "2"], lcz=["G", "101"])
    assert classes_of(kml, None, None).numbers.tolist() == [16, 10]


def test_zones_get_the_names_and_numbers_of_so2sat():
    values = ["1", "LCZ 10", "a", "107", "Dense trees", "compact Mid-Rise"]
    found = classes_of(features(zone=values), "zone", None)
    assert found.names == LCZ42_CLASSES
    assert found.numbers.tolist() == [0, 9, 10, 16, 10, 1]
    assert not found.told


def test_numbers_that_may_be_something_else():
    """They are zones, which is told; --no-lcz keeps them, sorted as numbers."""
    cover = features(cover=["10", "2", "1"])
    found = classes_of(cover, "cover", None)
    assert found.numbers.tolist() == [9, 1, 0]
    assert "lcz=False keeps them as they are" in found.told[0]
    assert not classes_of(features(lcz=["10", "2"]), "lcz", None).told
    found = classes_of(cover, "cover", False)
    assert found.names == ("1", "2", "10") and found.numbers.tolist() == [2, 1, 0]


def test_zones_with_a_value_that_is_none():
    mixed = features(zone=["1", "2", "A", "clouds"])
    found = classes_of(mixed, "zone", None)
    assert found.names == ("1", "2", "A", "clouds") and "clouds" in found.told[0]
    found = classes_of(mixed, "zone", True)
    assert found.names == LCZ42_CLASSES and found.numbers.tolist() == [0, 1, 10, -1]
    assert "clouds in the field zone are no local climate zones" in found.told[0]
    assert "1 of 4 features have no class in the field zone" in found.told[1]
    with pytest.raises(UserError, match="expected local climate zones"):
        classes_of(features(zone=["clouds", "snow"]), "zone", True)


def test_features_without_a_class_are_left_out_and_counted():
    found = classes_of(features(kind=["x", None, "y"]), "kind", None)
    assert found.numbers.tolist() == [0, -1, 1]
    assert "1 of 3 features have no class in the field kind" in found.told[0]


@pytest.mark.parametrize("values", [["x", "x"], [None, "x"], [None, None]])
def test_fewer_than_two_classes(values):
    with pytest.raises(UserError, match="expected two classes or more in the field"):
        classes_of(features(kind=values), "kind", None)


def test_of_a_reference_one_class_is_enough_and_the_options_are_those_of_map():
    found = classes_of(features(kind=["x", "x"]), "kind", None, reference=True)
    assert found.names == ("x",) and found.numbers.tolist() == [0, 0]
    with pytest.raises(UserError, match="choose one with reference_field"):
        classes_of(features(kind=["x", "y"]), "sort", None, reference=True)
    with pytest.raises(UserError, match=r"a class or more.* with reference_field"):
        classes_of(features(kind=[None, None]), "kind", None, reference=True)
    found = classes_of(features(kind=["1", "2"]), "kind", None, reference=True)
    assert "--reference-class says otherwise" in found.told[0]


def test_two_ways_of_writing_one_zone_are_one_class():
    with pytest.raises(UserError, match="two classes or more"):
        classes_of(features(kind=["101", "LCZ A"]), "kind", None)
