"""Queries to begin with: the query page offers them, and a test runs each of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Example:
    """A query and what it shows. Runs as it stands, without variables, on any county's hub."""

    title: str
    query: str


EXAMPLES: tuple[Example, ...] = (
    Example(
        "一件纠纷的全过程 — one dispute over all agencies, its history growing",
        """\
# The newest dispute, with every agency's record of it and one history over all of them.
# Another one is the newest soon. To see a history grow, ask for one by its code and run that again:
# dispute(code: "JF…") takes the place of disputes, edges and node.
query OneHistory {
  disputes(first: 1) {
    edges {
      node {
        code
        title
        state
        stateSince
        holder { name }
        records { system nativeNo nativeState link { method confidence } }
        history(last: 50) {
          totalCount
          edges {
            node { occurredAt kind text words source sequence actor { name } record { system nativeNo } }
          }
        }
      }
    }
  }
}
""",
    ),
    Example(
        "纠纷列表 — disputes by state and place, page by page",
        """\
query Disputes {
  disputes(filter: { states: [ASSIGNED, IN_PROGRESS, RESOLVED] }, orderBy: { field: STATE_SINCE }, first: 10) {
    totalCount
    pageInfo { hasNextPage endCursor }
    edges {
      node {
        id
        code
        title
        state
        category { label }
        region { name }
        parties { role name idMask phoneMask }
      }
    }
  }
}
""",
    ),
    Example(
        "指标 — the court figures, with the filings behind them",
        """\
query Figures {
  figures(from: "2024-01-01", to: "2024-08-01") {
    id
    label
    numerator
    denominator
    value
    unit
    countedUnit
    units(first: 5) {
      totalCount
      edges { node { key inNumerator record { nativeNo title } dispute { code } } }
    }
  }
}
""",
    ),
    Example(
        "来源记录 — one agency's records as it keeps them",
        """\
query Records {
  caseRecords(filter: { deletedAtSource: false }, first: 10) {
    totalCount
    edges {
      node {
        instance
        nativeId
        nativeNo
        nativeKind
        nativeState
        state
        receivedAt
        dispute { code }
        referrals { channel mode state outcome sentAt owesReturn }
      }
    }
  }
}
""",
    ),
    Example(
        "对接情况 — the partners: when they answered, what is missing",
        """\
query Connectors {
  connectors {
    instance
    product
    lastSuccessAt
    consecutiveFailures
    nextRunAt
    lagSeconds
    breaker { state since until reason }
    records
    quarantined
    mappingWorklist
    incidents { kind times lastAt }
    lastRun { kind state pulled new finishedAt }
    lastReconciliation { expected held quarantined repaired removed finishedAt }
  }
}
""",
    ),
    Example(
        "词表 — what the codes are called",
        """\
query Vocabularies {
  vocabularies(names: ["DisputeState", "HandlingEventKind", "Category"], locale: ZH) {
    name
    entries { code label parent }
  }
}
""",
    ),
)
