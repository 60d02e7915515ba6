"""Alembic's steps. Each one is safe while the previous release still runs."""
