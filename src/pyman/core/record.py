"""Immutable values, without the 14 ms that importing dataclasses costs every command.

For a type checker `@record` is a frozen dataclass. At run time it gives a class the same `__init__`, equality, hash
and repr from its annotations, and nothing else.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar, dataclass_transform

    Class = TypeVar("Class")
    Instance = TypeVar("Instance")

    @dataclass_transform(frozen_default=True)
    def record(cls: type[Class]) -> type[Class]: ...

else:

    def record(cls):
        """Make `cls` an immutable value whose fields are its annotations, in their order."""
        fields = tuple(cls.__annotations__)
        defaults = {name: cls.__dict__[name] for name in fields if name in cls.__dict__}

        def __init__(self, *values, **named):
            state = self.__dict__
            if len(values) > len(fields):
                raise TypeError(f"{cls.__name__} takes {len(fields)} values, not {len(values)}")
            state.update(zip(fields, values, strict=False))
            for name in named:
                if name not in fields or name in state:
                    raise TypeError(f"{cls.__name__} has no place for {name}")
            state.update(named)
            if len(state) < len(fields):
                for name in fields:
                    if name not in state:
                        if name not in defaults:
                            raise TypeError(f"{cls.__name__} needs {name}")
                        state[name] = defaults[name]

        def __eq__(self, other):
            if other.__class__ is not self.__class__:
                return NotImplemented
            return self.__dict__ == other.__dict__

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


def replace(value: Instance, **changes: Any) -> Instance:
    """Return a copy of a record with some of its fields changed."""
    return value.__class__(**{**value.__dict__, **changes})
