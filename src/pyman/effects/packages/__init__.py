"""What is installed in a venv, and the tools that install it."""
