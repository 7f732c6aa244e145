"""People: institutions, accounts, keys, passwords."""
