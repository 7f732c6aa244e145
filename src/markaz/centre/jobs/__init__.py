"""Jobs: what ran, what waits, in which order and why."""
