"""Venvs: found, read, made, recorded, backed up. Nothing of one is ever run to learn about it."""
