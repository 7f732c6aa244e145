"""Measuring devices as jobs: calibrations, looks between jobs, acceptances."""
