"""Moving an alias, and everything that goes along with it (design.md 8)."""
