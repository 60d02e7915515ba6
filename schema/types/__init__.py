"""The public types, one file a noun: each made from one row of ``hub.reading``, its neighbours through loaders."""

# published before any class here names one
from schema import enums as enums
