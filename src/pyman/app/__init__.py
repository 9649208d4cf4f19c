"""One file for each use case: look, decide, do. The fast path and the command line call the same functions."""
