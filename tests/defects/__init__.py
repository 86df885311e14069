"""Every kind of bad input that the policy names, as a table of defects to plant in a clean `mini.Source`."""

from __future__ import annotations

from defects.files import every_file_defect
from defects.images import every_image_defect
from defects.kind import Defect
from defects.objects import every_object_defect
from defects.pictures import every_picture_defect

DEFECTS: tuple[Defect, ...] = (
    *every_object_defect(),
    *every_picture_defect(),
    *every_image_defect(),
    *every_file_defect(),
)
"""All of them; each can be planted alone or beside any others."""
