"""The runtimes of the store: installing, testing and removing them."""
