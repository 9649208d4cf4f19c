"""What is wrong, and what would mend it: the findings of DESIGN 7."""
