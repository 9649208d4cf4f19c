"""Pythons as they are found on this machine, looked at or asked."""
