"""What a new venv is born with, shared with the copies in the cache."""
