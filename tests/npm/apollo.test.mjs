// Apollo: pages, one object a dispute wherever it is read, changes over graphql-ws that go on where they broke off.
import assert from "node:assert/strict"
import { after, test } from "node:test"
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from "@apollo/client/core"
import { GraphQLWsLink } from "@apollo/client/link/subscriptions"
import { OperationTypeNode } from "graphql"
import { createClient } from "graphql-ws"
import WebSocket from "ws"
import { typePolicies } from "./caches.mjs"
import { COUNT, accept, counted, document, headers, http, isOneAfterAnother, received, sent, socket } from "./hub.mjs"

const sockets = createClient({ url: socket, webSocketImpl: WebSocket, connectionParams: headers })
after(() => sockets.dispose())
const client = new ApolloClient({
  cache: new InMemoryCache({ typePolicies }),
  link: ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    new GraphQLWsLink(sockets),
    new HttpLink({ uri: http, headers, fetch: counted }),
  ),
})
const [DISPUTES, DISPUTE, ACCEPT, CHANGES, FIGURES] =
  ["DisputeList", "OneDispute", "AcceptDispute", "Changes", "Figures"].map(name => gql(document(name)))
const rows = () => client.readQuery({ query: DISPUTES }).disputes.edges.map(({ node }) => node)

test("a list grows page by page and holds each dispute once", async () => {
  const list = client.watchQuery({ query: DISPUTES })
  const watching = list.subscribe({})
  let { data } = await client.query({ query: DISPUTES })
  assert.equal(data.disputes.totalCount, COUNT)
  while (data.disputes.pageInfo.hasNextPage) {
    ;({ data } = await list.fetchMore({ variables: { after: data.disputes.pageInfo.endCursor } }))
  }
  watching.unsubscribe()
  const ids = rows().map(row => row.id)
  assert.equal(ids.length, COUNT)
  assert.equal(new Set(ids).size, COUNT)
  const kept = Object.keys(client.cache.extract())
  assert.deepEqual(kept.filter(key => key.startsWith("Dispute:")).sort(), ids.map(id => `Dispute:${id}`).sort())
})

test("what a mutation answers is shown by the list without asking again", async () => {
  const [before] = rows()
  const { data } = await client.mutate({
    mutation: ACCEPT,
    variables: { input: { id: before.id, expectedVersion: before.version, clientMutationId: "apollo-1" } },
  })
  assert.deepEqual(data.acceptDispute.userErrors, [])
  assert.equal(data.acceptDispute.clientMutationId, "apollo-1")
  const asked = sent.count
  const [shown] = rows()
  assert.deepEqual([shown.state, shown.version], [data.acceptDispute.dispute.state, data.acceptDispute.dispute.version])
  assert.notEqual(shown.version, before.version)
  assert.equal(sent.count, asked)
})

test("a refused mutation leaves what is shown", async () => {
  const [before] = rows()
  const { data } = await client.mutate({ mutation: ACCEPT, variables: { input: { id: before.id, expectedVersion: 0 } } })
  assert.deepEqual(data.acceptDispute.userErrors.map(({ code, field }) => [code, field]), [["VERSION_CONFLICT", "expectedVersion"]])
  assert.deepEqual(rows()[0], before)
})

test("a dispute is fetched again by its id, into the same object, and its history grows", async () => {
  const { id, code } = rows()[1]
  const one = client.watchQuery({ query: DISPUTE, variables: { id } })
  const watching = one.subscribe({})
  const found = await client.query({ query: DISPUTE, variables: { id } })
  assert.deepEqual([found.data.node.__typename, found.data.node.code], ["Dispute", code])
  const { endCursor, hasNextPage } = found.data.node.history.pageInfo
  assert.equal(hasNextPage, true)
  await one.fetchMore({ variables: { after: endCursor } })
  watching.unsubscribe()
  const kept = client.readQuery({ query: DISPUTE, variables: { id } }).node.history.edges
  assert.deepEqual(kept.map(({ node }) => node.kind), ["REGISTERED", "ACCEPTED", "SESSION_HELD"])
})

test("figures of two periods stay two", async () => {
  const { data } = await client.query({ query: FIGURES })
  assert.deepEqual([data.before[0].denominator, data.now[0].denominator], [0, COUNT])
})

test("a change comes, and whoever was cut off misses none and sees none twice", async () => {
  const listen = after => sink => {
    const following = client.subscribe({ query: CHANGES, variables: { after } }).subscribe(sink)
    return () => following.unsubscribe()
  }
  const [, , first, second, third] = rows()
  const told = await received(2, listen(0), () => accept(first.id))
  await accept(second.id)
  const last = told.at(-1).data.changes.sequence
  const more = await received(2, listen(last), () => accept(third.id))
  const all = [...told, ...more].map(({ data }) => data.changes)
  isOneAfterAnother(all.map(change => change.sequence))
  assert.deepEqual(all.slice(1).map(change => change.disputes[0].id), [first.id, second.id, third.id])
})
