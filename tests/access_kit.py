"""A county in which every text carries a canary that tells whose it is, and who may ever receive it, in plain rules.

What the county is: ``access_plan`` and ``access_rows``. Who may see what of it: ``access_eyes``. How it is asked:
``access_questions``, ``access_door``.
"""

from __future__ import annotations

from .access_door import Through as Through
from .access_eyes import CANARY as CANARY
from .access_eyes import Eyes as Eyes
from .access_eyes import everybody as everybody
from .access_plan import AGENCIES as AGENCIES
from .access_plan import Plan as Plan
from .access_plan import plan as plan
from .access_questions import Questions as Questions
from .access_rows import write as write
