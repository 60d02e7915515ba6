// What a cache must know of this schema beyond its types: which lists grow by paging, and which objects are no things of their own.
import { relayStylePagination } from "@apollo/client/utilities"
import { relayPagination } from "@urql/exchange-graphcache/extras"

// Figure.id names the indicator and not its period; ChangedDispute.id is the id of the dispute itself
const SHARED_IDS = ["Figure", "ChangedDispute"]

// objects without an id: each is a part of what it was read with
const PARTS = [
  "Assignee", "AvailableAction", "Backfill", "Breaker", "Category", "Change", "ChangePage", "Difference", "Facet", "FacetCount",
  "FigureUnit", "FoundParty", "Incident", "Location", "NativeCode", "OutboundAttempt", "OutboxBacklog", "OutlineEntry", "RecordLink",
  "Role", "SearchHit", "SearchResult", "SyncRun", "Viewer", "Vocabulary", "VocabularyEntry",
]
const each = (types, value) => Object.fromEntries(types.map(type => [type, value]))

// Apollo: new InMemoryCache({ typePolicies })
export const typePolicies = {
  Query: { fields: { disputes: relayStylePagination(["filter", "orderBy"]) } },
  Dispute: { fields: { history: relayStylePagination(["kinds"]) } },
  ...each(SHARED_IDS, { keyFields: false }),
}

// urql: cacheExchange({ keys, resolvers })
export const keys = {
  ...each([...SHARED_IDS, ...PARTS], () => null),
  Agency: agency => agency.code ?? null,
  Region: region => region.code ?? null,
  Connector: connector => connector.instance ?? null,
}
export const resolvers = {
  Query: { disputes: relayPagination() },
  Dispute: { history: relayPagination() },
}

// Relay: new Environment({ getDataID, … })
export const getDataID = (value, type) => (SHARED_IDS.includes(type) ? null : value.id)
