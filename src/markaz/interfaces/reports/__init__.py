"""Reports for people, from signed records: HTML and PDF."""
