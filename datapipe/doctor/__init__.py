"""What is wrong with a dataset for a detector: findings with evidence, and what mends them."""

from datapipe.doctor.augmentation import Augmented as Augmented
from datapipe.doctor.diagnosis import Diagnosis as Diagnosis
from datapipe.doctor.diagnosis import Finding as Finding
from datapipe.doctor.diagnosis import Passed as Passed
from datapipe.doctor.examination import examine as examine
from datapipe.doctor.planned import planned as planned
