"""The wire of the runtime client that users already have, and of QRMI: translated to verbs."""
