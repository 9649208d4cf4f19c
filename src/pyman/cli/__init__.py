"""Asks and answers: the only place that knows typer, rich and JSON."""
