"""Content-addressed storage of inputs, circuits and results."""
