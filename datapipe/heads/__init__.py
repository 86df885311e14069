"""The TensorFlow end of the three detectors: dense targets before the loss, detections after the network."""

from datapipe.pipeline.quiet import import_tensorflow

import_tensorflow()  # without its chatter, before the modules below ask for it

from datapipe.heads import decode as decode  # noqa: E402
from datapipe.heads import dense as dense  # noqa: E402
from datapipe.heads.nms import Detected as Detected  # noqa: E402
from datapipe.heads.nms import Keep as Keep  # noqa: E402
