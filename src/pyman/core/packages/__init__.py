"""What is installed in a venv, whether it fits, and how it is restored."""
