"""One decider a verb: facts in, plan out."""
