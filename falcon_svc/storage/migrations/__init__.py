"""Alembic migrations; each is named, and tested on SQLite and Postgres."""
