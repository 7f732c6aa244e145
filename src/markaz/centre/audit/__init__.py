"""The audit trail: a hash chain of everything that changed."""
