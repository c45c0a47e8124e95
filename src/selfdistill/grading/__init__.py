"""Grade programs: run untrusted code in a sandbox and give verdicts that it cannot forge. See docs/grading.md.

from selfdistill.grading import Limits, Submission, grade
for verdict in grade([Submission("a", "print(input())", tests)]): ...
"""

from selfdistill.grading.isolation import isolation_report
from selfdistill.grading.limits import Isolation, Limits, Rules, Submission
from selfdistill.grading.pool import grade

__all__ = ["Isolation", "Limits", "Rules", "Submission", "grade", "isolation_report"]
