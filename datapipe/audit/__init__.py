"""Audits in the FiftyOne app: see the data, decide, and the decisions come back as reviewable lines.

The only place that knows FiftyOne, which is imported when a database of ours runs and not before.
"""

from datapipe.audit.applying import Applied as Applied
from datapipe.audit.applying import applied as applied
from datapipe.audit.opening import Audit as Audit
from datapipe.audit.opening import Wish as Wish
from datapipe.audit.opening import opened as opened
from datapipe.audit.pulling import Pulled as Pulled
from datapipe.audit.pulling import pull as pull
