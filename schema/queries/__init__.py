"""Root fields of Query, a file per noun where they are several."""

# published before any class here names one
from schema import enums as enums
