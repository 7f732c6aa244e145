"""The wire between a centre and its workers: a WebSocket that carries the workers' messages."""
