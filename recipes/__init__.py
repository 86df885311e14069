"""Trainers that take a stream and hand back a detector: copy one and make it yours.

python -m recipes.train_retinanet build/coco --out build/retinanet
"""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
