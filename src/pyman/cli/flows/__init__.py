"""Work that several verbs share, from looking to telling."""
