"""Records behave as frozen dataclasses do, without importing them."""

import pickle

import pytest

from pyman.core.immutable import derived, record, replace


@record
class Point:
    x: int
    y: int = 0
    name: str = ""

    @property
    def sum(self) -> int:
        return self.x + self.y


@record
class Other:
    x: int
    y: int = 0
    name: str = ""


def test_fields_are_given_by_place_or_by_name_and_have_defaults():
    assert (Point(1).x, Point(1).y, Point(1, 2).y, Point(1, name="a").name) == (1, 0, 2, "a")
    assert Point(x=3, y=4).sum == 7
    assert repr(Point(1, 2, "a")) == "Point(x=1, y=2, name='a')"


@pytest.mark.parametrize(
    ("values", "named"),
    [((), {}), ((1, 2, "a", 4), {}), ((1,), {"x": 2}), ((1,), {"z": 2})],
    ids=["too few", "too many", "twice", "unknown"],
)
def test_what_does_not_fit_is_refused(values, named):
    with pytest.raises(TypeError, match="Point"):
        Point(*values, **named)


def test_records_are_values():
    assert Point(1, 2) == Point(1, 2)
    assert Point(1, 2) != Point(1, 3)
    assert Point(1, 2) != Other(1, 2)
    assert Point(1) != 1
    assert hash(Point(1, 2)) == hash(Point(1, 2))
    assert {Point(1), Point(1), Point(2)} == {Point(2), Point(1)}
    assert pickle.loads(pickle.dumps(Point(1, 2))) == Point(1, 2)


def test_a_record_does_not_change_but_has_changed_copies():
    point = Point(1, 2)
    with pytest.raises(AttributeError):
        point.x = 3
    with pytest.raises(AttributeError):
        del point.x
    assert replace(point, y=5) == Point(1, 5)
    assert point == Point(1, 2)
    with pytest.raises(TypeError):
        replace(point, z=1)


def test_a_record_can_be_matched():
    match Point(1, 2):
        case Point(1, y):
            assert y == 2
        case _:
            pytest.fail("did not match")


@record
class Circle:
    radius: int

    @derived
    def area(self) -> int:
        """Near enough."""
        asked.append(self.radius)
        return 3 * self.radius**2


asked: list[int] = []


def test_what_is_derived_is_computed_once_and_is_no_part_of_the_value():
    asked.clear()
    one, other = Circle(2), Circle(2)
    assert (one.area, one.area, asked) == (12, 12, [2])
    assert (one == other, hash(one) == hash(other), repr(one)) == (True, True, "Circle(radius=2)")
    assert one != Circle(3)
    assert replace(one, radius=3).area == 27
    assert Circle.area.__doc__ == "Near enough."
    with pytest.raises(AttributeError):
        one.area = 1
