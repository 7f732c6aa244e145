"""An agent: beside hardware in a lab, it runs a centre's jobs through a driver."""
