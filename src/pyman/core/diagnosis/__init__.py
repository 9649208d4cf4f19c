"""What is wrong, and what would repair it: the findings of design.md 7."""
