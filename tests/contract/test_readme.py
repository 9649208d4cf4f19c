"""The README shows what really happens."""

from stage.readme import play, written


def test_transcripts_are_what_happens(tmp_path):
    assert play(tmp_path) == written()
