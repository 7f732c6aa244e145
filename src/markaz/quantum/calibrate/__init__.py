"""Calibration: what is run on a device to measure it, and how the sheet follows from counts."""
