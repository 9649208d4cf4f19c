"""The runtimes of the store: how they come, how they are tried, how they go."""
