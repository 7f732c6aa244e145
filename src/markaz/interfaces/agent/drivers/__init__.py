"""Drivers: what speaks to hardware, each over HTTP in a few hundred lines of its own."""
