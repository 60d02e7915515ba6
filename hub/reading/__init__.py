"""Questions answered: SQL that only reads, one module per noun, returning frozen rows and never a query object."""
