"""The variables that make clients on a user's machine come to this centre."""

from __future__ import annotations


def client_variables(
    url: str, key: str, *, instance: str | None = None, project: str | None = None
) -> dict[str, str]:
    """Names and values for the ``markaz`` command and for runtime clients.

    ``url`` without a slash at its end; ``instance``: the CRN of the only project that a
    client shall see; ``project``: what the command line submits to.
    """
    lines = {"MARKAZ_URL": url, "MARKAZ_KEY": key}
    if project is not None:
        lines["MARKAZ_PROJECT"] = project
    lines |= {
        "IAM_URL": url,
        "GLOBAL_SEARCH_URL": url,
        "GLOBAL_CATALOG_URL": f"{url}/api/v1",
        "QISKIT_IBM_CHANNEL": "ibm_quantum_platform",
        "QISKIT_IBM_URL": f"{url}/experimental/api/v1",
        "QISKIT_IBM_TOKEN": key,
    }
    if instance is not None:
        lines["QISKIT_IBM_INSTANCE"] = instance
    return lines
