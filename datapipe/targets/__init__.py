"""What the three detectors learn from: their anchors, and the one matcher that fitting and training share."""

from datapipe.targets.best import Best as Best
from datapipe.targets.best import Detector as Detector
from datapipe.targets.best import best as best
from datapipe.targets.best import best_iou as best_iou
from datapipe.targets.best import candidates as candidates
from datapipe.targets.best import unmatched as unmatched
from datapipe.targets.grids import Grid as Grid
from datapipe.targets.retinanet import RetinaNet as RetinaNet
from datapipe.targets.ssd import MobileNetSSD as MobileNetSSD
from datapipe.targets.yolov4 import YoloV4 as YoloV4
from datapipe.targets.yolov4 import shape_iou as shape_iou
