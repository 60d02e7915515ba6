"""The partners' wires and mappings: each connector knows one product's format and nothing of the store."""
