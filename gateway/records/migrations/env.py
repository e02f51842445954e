"""Alembic's entry: runs the revisions on the connection that `migrate` hands over."""

from alembic import context

from gateway.records.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    # SQLite cannot alter a column in place.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
