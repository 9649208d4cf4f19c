"""pip and setuptools of a new venv, shared with the copies in the cache."""
