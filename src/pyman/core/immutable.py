"""Immutable values, without the 14 ms that importing dataclasses costs every command.

For a type checker `@record` is a frozen dataclass. At run time it gives a class the same `__init__`, equality, hash
and repr from its annotations, and nothing else. `@derived` is a property of such a class that is computed once.

Import-light.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar, dataclass_transform

    Class = TypeVar("Class")
    Instance = TypeVar("Instance")

    @dataclass_transform(frozen_default=True)
    def record(cls: type[Class]) -> type[Class]: ...

    derived = property

else:

    def record(cls):
        """Make `cls` an immutable value whose fields are its annotations, in their order."""
        fields = tuple(cls.__annotations__)
        known = frozenset(fields)
        defaults = {name: cls.__dict__[name] for name in fields if name in cls.__dict__}

        def __init__(self, *values, **named):
            state = self.__dict__
            given = len(values) + len(named)
            if given != len(fields):
                state.update(defaults)
            state.update(zip(fields, values, strict=False))
            state.update(named)
            if given > len(fields) or len(state) != len(fields) or (values and named):
                _check(values, named)

        def _check(values, named):
            if len(values) > len(fields):
                raise TypeError(f"{cls.__name__} takes {len(fields)} values, not {len(values)}")
            by_place = fields[: len(values)]
            for name in named:
                if name not in known or name in by_place:
                    raise TypeError(f"{cls.__name__} has no place for {name}")
            for name in fields[len(values) :]:
                if name not in named and name not in defaults:
                    raise TypeError(f"{cls.__name__} needs {name}")

        def __eq__(self, other):
            if other.__class__ is not self.__class__:
                return NotImplemented
            own, others = self.__dict__, other.__dict__
            return own == others or all(own[name] == others[name] for name in fields)

        def __hash__(self):
            return hash(tuple(self.__dict__[name] for name in fields))

        def __repr__(self):
            inside = ", ".join(f"{name}={self.__dict__[name]!r}" for name in fields)
            return f"{cls.__name__}({inside})"

        def __setattr__(self, name, value=None):
            raise AttributeError(f"{cls.__name__} does not change: {name}")

        cls.__init__ = __init__
        cls.__eq__ = __eq__
        cls.__hash__ = __hash__
        cls.__repr__ = __repr__
        cls.__setattr__ = __setattr__
        cls.__delattr__ = __setattr__
        cls.__match_args__ = fields
        return cls

    class derived:  # noqa: N801  # used as a decorator, like `property`
        """What follows from the fields alone: computed when it is first asked for, and no part of the value."""

        def __init__(self, compute):
            self._compute = compute
            self.__doc__ = compute.__doc__

        def __set_name__(self, owner, name):
            self._name = name

        def __get__(self, instance, owner=None):
            if instance is None:
                return self
            # From now on the attribute is found there first.
            value = instance.__dict__[self._name] = self._compute(instance)
            return value


def replace(value: Instance, **changes: Any) -> Instance:
    """Return a copy of a record with some of its fields changed."""
    state = value.__dict__
    return value.__class__(**{name: state[name] for name in value.__class__.__match_args__} | changes)  # type: ignore[attr-defined]
