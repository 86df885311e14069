"""What FiftyOne loads from its plugins folder; the operators stand beside it in the package."""

from typing import Any

from datapipe.audit.operators import OPERATORS
from datapipe.audit.panel import AnchorCoverage


def register(plugin: Any) -> None:
    """Hand the operators and the panel to the app."""
    for one in (*OPERATORS, AnchorCoverage):
        plugin.register(one)
