"""Builds from source: python-build at work, what it needs of the system, and what its result is linked to."""
