"""One module per command that decides: facts in, plan out."""
