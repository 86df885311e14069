"""What the three detectors learn from: their anchors, and the one matcher that fitting and training share."""

from datapipe.targets.best import Best as Best
from datapipe.targets.best import Detector as Detector
from datapipe.targets.best import best as best
from datapipe.targets.best import best_iou as best_iou
from datapipe.targets.best import candidates as candidates
from datapipe.targets.best import unmatched as unmatched
from datapipe.targets.grids import Grid as Grid
from datapipe.targets.raw import Raw as Raw
from datapipe.targets.retinanet import RetinaNet as RetinaNet
from datapipe.targets.smoothing import on_off as on_off
from datapipe.targets.smoothing import smooth as smooth
from datapipe.targets.ssd import MobileNetSSD as MobileNetSSD
from datapipe.targets.wire import Arrays as Arrays
from datapipe.targets.wire import Encoder as Encoder
from datapipe.targets.wire import Field as Field
from datapipe.targets.wire import collate as collate
from datapipe.targets.yolov4 import YoloV4 as YoloV4
from datapipe.targets.yolov4 import shape_iou as shape_iou
