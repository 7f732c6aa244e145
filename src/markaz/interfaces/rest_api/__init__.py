"""The REST interface: translates HTTP into verbs and queries, and their answers into JSON."""
