"""Acceptance: a contract's criteria, the programs that test them, and verdicts from counts."""
