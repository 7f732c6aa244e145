"""The ledger: credits, rates, allocations; append-only."""
