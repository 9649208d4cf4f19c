"""Notes that several verbs add to their answer."""

from __future__ import annotations

from pyman.core.answer import Answer
from pyman.core.record import replace


def pyman_says(answer: Answer, word: str, ours: str) -> Answer:
    """The answer to one of pyenv's words, with pyman's own word for it."""
    return replace(answer, notes=(*answer.notes, f"`{word}` is pyenv's word: pyman calls it `pyman {ours}`"))
