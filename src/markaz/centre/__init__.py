"""The centre: what is durable. People, projects, credits, devices, jobs; no HTTP here."""
