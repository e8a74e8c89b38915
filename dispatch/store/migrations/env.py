"""Runs the steps on the connection that `dispatch.store.migrating` hands over; Alembic loads this by its name."""

from alembic import context

from dispatch.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
