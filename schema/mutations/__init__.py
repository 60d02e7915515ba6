"""What can be changed, a file per noun: inputs, payloads, and one call of a use case each."""

# published before any class here names one
from schema import enums as enums
