// What the generated types promise, used as a strict front end uses them; what they forbid is marked as an error that must come.
import type { ResultOf, VariablesOf } from "@graphql-typed-document-node/core"
import {
  AcceptDisputeDocument,
  ChangesDocument,
  DisputeListDocument,
  OneDisputeDocument,
  type DisputeRowFragment,
} from "./hub"

type Disputes = ResultOf<typeof DisputeListDocument>["disputes"]

export const rows = (disputes: Disputes): DisputeRowFragment[] => disputes.edges.map(edge => edge.node)
export const next = (disputes: Disputes): VariablesOf<typeof DisputeListDocument> => ({
  first: 20,
  after: disputes.pageInfo.endCursor,
  filter: { states: ["ASSIGNED", "IN_PROGRESS"], registered: { from: "2024-03-01" } },
})
export const registered = (row: DisputeRowFragment): Date => new Date(row.registeredAt)
export const amount = (row: DisputeRowFragment): string => row.amountCny ?? "-"
export const sequence = (told: ResultOf<typeof ChangesDocument>): number => told.changes.sequence
export const refused = (done: ResultOf<typeof AcceptDisputeDocument>): string[] =>
  done.acceptDispute?.userErrors.map(error => error.code) ?? []

export function history({ node }: ResultOf<typeof OneDisputeDocument>): string[] {
  return node?.__typename === "Dispute" ? node.history.edges.map(edge => edge.node.text) : []
}

// @ts-expect-error money is text, never a float
export const total = (row: DisputeRowFragment): number => row.amountCny ?? 0
// @ts-expect-error a member that there is not
export const unknown: VariablesOf<typeof DisputeListDocument> = { first: 20, filter: { states: ["SOLVED"] } }
// @ts-expect-error an input without its id
export const nothing: VariablesOf<typeof AcceptDisputeDocument> = { input: {} }
// @ts-expect-error a node may be anything
export const code = ({ node }: ResultOf<typeof OneDisputeDocument>): string => node.code
