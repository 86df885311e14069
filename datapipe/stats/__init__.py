"""What is in a dataset, in numbers, read from the object table: without pictures and TensorFlow."""

from datapipe.stats.columns import Columns as Columns
from datapipe.stats.remarks import Remark as Remark
from datapipe.stats.remarks import remarks as remarks
from datapipe.stats.sizes import Resize as Resize
from datapipe.stats.summary import Part as Part
from datapipe.stats.summary import Statistics as Statistics
from datapipe.stats.summary import summarize as summarize
from datapipe.stats.summary import summarize_columns as summarize_columns
