"""A version manager for Python that looks after virtual environments."""

__version__ = "0.1.0"
