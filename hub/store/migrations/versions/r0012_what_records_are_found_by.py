"""what records are found by, and indexes of what waits for somebody"""

from __future__ import annotations

from itertools import groupby

import sqlalchemy as sa
from alembic import op

from hub.store.tables.search import Term
from hub.store.terms import name_terms, number_terms, title_terms

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

#: records looked at together
_BATCH = 1000


def upgrade() -> None:
    op.create_table(
        "search_terms",
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("term", Term, nullable=False),
        sa.Column("county", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("record_id", "term", name=op.f("pk_search_terms")),
        sqlite_with_rowid=False,
    )
    _fill(op.get_bind())
    # behind the filling: an index over rows that are there is built faster than one that grows with them
    op.create_index("ix_search_terms_term", "search_terms", ["term", "record_id"])
    op.create_index("ix_referrals_state", "referrals", ["state", "sent_at"])
    op.create_index("ix_outbound_messages_state", "outbound_messages", ["state"])
    op.create_index("ix_disputes_assignee_name", "disputes", ["assignee_name"])
    op.create_index("ix_disputes_assignee_code", "disputes", ["assignee_code"])


def _fill(connection: sa.Connection) -> None:
    """The terms of every record that is there already, in the migration's own transaction: all of them, or none."""
    names = ("id", "county", "title", "native_id", "native_no")
    records = sa.table("case_records", *(sa.column(name, sa.Text()) for name in names))
    parties = sa.table("parties", sa.column("record_id", sa.Text()), sa.column("name_plain", sa.Text()))
    terms = sa.table("search_terms", *(sa.column(name, sa.Text()) for name in ("record_id", "term", "county")))
    last = ""
    while True:
        query = sa.select(records).where(records.c.id > last).order_by(records.c.id).limit(_BATCH)
        found = connection.execute(query).all()
        if not found:
            return
        first, last = found[0].id, found[-1].id
        named = sa.select(parties).where(parties.c.record_id.between(first, last)).order_by(parties.c.record_id)
        of_record = {
            record_id: [row.name_plain for row in rows]
            for record_id, rows in groupby(connection.execute(named), key=lambda row: row.record_id)
        }
        rows = [
            {"record_id": row.id, "term": term, "county": row.county}
            for row in found
            for term in sorted(
                title_terms(row.title)
                | number_terms((row.native_id, row.native_no))
                | name_terms(of_record.get(row.id, ()))
            )
        ]
        if rows:
            connection.execute(sa.insert(terms), rows)


def downgrade() -> None:
    raise NotImplementedError("history is not taken back; restore a backup instead")
