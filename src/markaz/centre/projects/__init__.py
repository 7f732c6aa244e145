"""Projects: who may use what. Awards, classes, startup tenants and joint work alike."""
