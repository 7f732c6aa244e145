"""Runs inside a client's environment and calls functions of this folder, one for each line.

A request is ``{"call": "module.function", "with": {…}}``, an answer ``{"value": …}`` or
``{"error": class, "message": …, "trace": …}``. Nothing else goes to standard output.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from typing import Any


def plain(value: Any) -> Any:
    """Arrays as lists, everything else that JSON does not know as text."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def answer(line: str) -> dict[str, Any]:
    """Do what a request asks for."""
    asked = json.loads(line)
    module, _, function = asked["call"].partition(".")
    try:
        return {"value": getattr(importlib.import_module(module), function)(**asked["with"])}
    except Exception as error:
        trace = traceback.format_exc()
        return {"error": type(error).__name__, "message": str(error), "trace": trace}


def main() -> None:
    """Answer until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no answer
    for line in sys.stdin:
        answers.write(json.dumps(answer(line), default=plain) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
