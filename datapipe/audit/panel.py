"""The panel that says how well the anchors cover the objects in view."""

from __future__ import annotations

from typing import Any

import fiftyone.operators as foo
from fiftyone.operators import types

from datapipe.audit.coverage import bars, counted, summary
from datapipe.audit.schema import COVERAGE, OBJECT_FIELDS, TRUTH

_PATH = f"{TRUTH}.detections"


class AnchorCoverage(foo.Panel):  # type: ignore[misc]
    """Best IoU of the objects in the current view, by level; with the share an IoU threshold would take."""

    @property
    def config(self) -> Any:
        """What the app lists."""
        return foo.PanelConfig(name=COVERAGE, label="Anchor coverage", icon="crop", allow_multiple=False)

    def on_load(self, ctx: Any) -> None:
        """Draw when the panel opens."""
        self._draw(ctx)

    def on_change_view(self, ctx: Any) -> None:
        """Draw again for another view."""
        self._draw(ctx)

    def on_change_dataset(self, ctx: Any) -> None:
        """Draw again for another dataset."""
        self._draw(ctx)

    def on_threshold(self, ctx: Any) -> None:
        """Say the share for the slider's new place."""
        self._draw(ctx)

    def _draw(self, ctx: Any) -> None:
        if not ctx.dataset.has_field(f"{_PATH}.{next(iter(OBJECT_FIELDS))}"):
            ctx.panel.set_state("summary", "not an audit of datapipe's")
            return
        columns = [
            ctx.view.values(f"{_PATH}.{name}", unwind=True) for name in ("anchor_iou", "level", "ignore")
        ]
        threshold = float(ctx.panel.get_state("threshold") or 0.5)
        iou, level = counted(*columns)
        ctx.panel.set_state("summary", summary(iou, threshold))
        ctx.panel.set_data("plot", bars(iou, level))

    def render(self, ctx: Any) -> Any:
        """The panel's parts, from top to bottom."""
        panel = types.Object()
        panel.md(ctx.panel.get_state("summary") or "...", name="words")
        panel.float(
            "threshold",
            label="IoU",
            default=0.5,
            min=0.0,
            max=1.0,
            view=types.SliderView(),
            on_change=self.on_threshold,
        )
        axes = {
            "barmode": "stack",
            "showlegend": True,
            "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "traceorder": "normal"},
            "height": 420,
            "bargap": 0.08,
            "margin": {"l": 64, "r": 16, "t": 40, "b": 56},
            "xaxis": {"title": {"text": "best IoU with an anchor"}, "range": [0, 1], "dtick": 0.1},
            "yaxis": {"title": {"text": "objects"}, "automargin": True},
        }
        panel.plot("plot", layout=axes, config={"displayModeBar": False})
        return types.Property(panel, view=types.GridView(orientation="vertical", align_x="center"))
