"""The words, tables and progress bars that a person sees."""
