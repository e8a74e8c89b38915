"""Steps between versions of the database, for Alembic. Each is written by hand and never changed afterwards."""
