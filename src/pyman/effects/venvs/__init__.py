"""Venvs: found, read, made, recorded, set aside. Nothing of one is ever run to learn about it."""
