"""Does: each file owns one part of the outside world, and decides nothing."""
