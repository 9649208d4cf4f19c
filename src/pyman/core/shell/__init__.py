"""Text for shells: completions, start-up lines, activation, shims."""
