"""Signed statements: what the centre says under its own key, to be checked by anybody."""
