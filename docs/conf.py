"""Configuration of the documentation site; it is built and read without a network."""

from __future__ import annotations

import sys
from pathlib import Path

from markaz import __version__

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from tools.reference_interfaces import openapi_text  # noqa: E402 - found from here only

# The routes' document is long and follows from the code, so it is made with the site.
(HERE / "reference" / "openapi.json").write_text(openapi_text())

project = "Markaz"
author = "The Markaz authors"
project_copyright = "2026, The Markaz authors"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
nitpicky = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_default_options = {"members": True, "show-inheritance": True}

html_theme = "furo"
html_title = "Markaz"
html_copy_source = False
html_show_sphinx = False
