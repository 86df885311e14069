"""Fit the detectors' anchors to a dataset, and judge them by the detector's own matcher."""

from datapipe.anchors.answer import AnchorReport as AnchorReport
from datapipe.anchors.fitting import fit as fit
from datapipe.anchors.fitting import shapes_seen as shapes_seen
from datapipe.anchors.seen import Columns as Columns
