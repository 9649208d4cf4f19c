"""Decides: values in, values out. No disk, clock, environment or network in here."""
