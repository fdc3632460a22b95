"""The report: notebooks executed on one study, and a site in one folder with the answer first."""

import sys

# Notebooks are checked by jsonschema, which takes seconds to load a grammar of addresses in all
# alphabets; none stands in a notebook. Without that package it leaves this one check out.
if "jsonschema" not in sys.modules and "rfc3987_syntax" not in sys.modules:
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    try:
        import jsonschema  # noqa: F401
    finally:
        del sys.modules["rfc3987_syntax"]
