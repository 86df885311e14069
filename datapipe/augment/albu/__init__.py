"""Any transform of albumentations, by its own name and parameters, as one pixel step."""

from datapipe.augment.albu.step import Albumentations as Albumentations
