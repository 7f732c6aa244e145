"""Devices as the centre knows them: status, rates' subject, calendar."""
