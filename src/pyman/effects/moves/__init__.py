"""Moving an alias, and everything that goes along with it (DESIGN 8)."""
