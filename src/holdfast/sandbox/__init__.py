"""The place where foreign code runs: programs and functions go in, JSON and text come out."""
