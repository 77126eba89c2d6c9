"""What every chart that Matplotlib draws as SVG has in common."""

from __future__ import annotations

from typing import Any

SETTINGS: Any = {
    # So that the same figures give the same bytes, and text stays text.
    "svg.hashsalt": "fanout",
    "svg.fonttype": "none",
    # A name may have dollars in it.
    "text.parse_math": False,
}
"""For matplotlib.rc_context."""
