"""The reference of findings as the code explains them: `PYTHONPATH=src:tests python -m stage.findings_page` writes it."""

from __future__ import annotations

from pathlib import Path

from pyman.core.diagnosis.explanation import reference

PAGE = Path(__file__).resolve().parents[2] / "docs/findings.md"


def text() -> str:
    return "".join(f"{line}\n" for line in reference())


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
    # So does the page of states.
    from stage import reference

    reference.write()
