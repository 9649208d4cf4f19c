"""What is wrong, and what would mend it: the findings of design.md 7."""
