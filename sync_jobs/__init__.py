"""The clock: what runs when, what was claimed; carries records between partners and the hub."""
