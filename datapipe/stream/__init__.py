"""The stream: position -> window -> samples, each a pure function of (dataset, recipe, seed, position)."""

from datapipe.stream.batch import Batch as Batch
from datapipe.stream.outcomes import Outcome as Outcome
from datapipe.stream.stream import Stream as Stream
from datapipe.stream.terms import OnDamaged as OnDamaged
