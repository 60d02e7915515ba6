"""Simulated partners: full servers written from the wire documents alone, never from a connector."""
