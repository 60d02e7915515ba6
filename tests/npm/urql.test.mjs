// urql with its normalised cache: pages, one object a dispute, changes as server-sent events that go on where they broke off.
import assert from "node:assert/strict"
import { after, test } from "node:test"
import { Client, fetchExchange, gql, subscriptionExchange } from "@urql/core"
import { cacheExchange } from "@urql/exchange-graphcache"
import { createClient } from "graphql-sse"
import { keys, resolvers } from "./caches.mjs"
import { COUNT, accept, counted, document, headers, http, isOneAfterAnother, received, sent } from "./hub.mjs"

const events = createClient({ url: http, headers, singleConnection: false })
after(() => events.dispose())
const [DISPUTES, DISPUTE, ACCEPT, CHANGES, FIGURES] =
  ["DisputeList", "OneDispute", "AcceptDispute", "Changes", "Figures"].map(name => gql(document(name)))
const complaints = []
const client = new Client({
  url: http,
  preferGetMethod: false,
  fetch: counted,
  fetchOptions: { headers },
  exchanges: [
    cacheExchange({ keys, resolvers, logger: (level, text) => level !== "debug" && complaints.push(text) }),
    fetchExchange,
    subscriptionExchange({
      forwardSubscription: ({ query, variables }) => ({
        subscribe: sink => ({ unsubscribe: events.subscribe({ query, variables }, sink) }),
      }),
    }),
  ],
})
const ask = async (query, variables = {}, context = {}) => {
  const { data, error } = await client.query(query, variables, context).toPromise()
  assert.equal(error, undefined)
  return data
}
const kept = async () => (await ask(DISPUTES, {}, { requestPolicy: "cache-only" })).disputes.edges.map(({ node }) => node)

test("a list grows page by page and holds each dispute once", async () => {
  let { disputes } = await ask(DISPUTES)
  while (disputes.pageInfo.hasNextPage) ({ disputes } = await ask(DISPUTES, { after: disputes.pageInfo.endCursor }))
  const ids = (await kept()).map(row => row.id)
  assert.equal(ids.length, COUNT)
  assert.equal(new Set(ids).size, COUNT)
})

test("what a mutation answers is shown by the list without asking again", async () => {
  const [before] = await kept()
  const { data } = await client.mutation(ACCEPT, { input: { id: before.id, expectedVersion: before.version } }).toPromise()
  assert.deepEqual(data.acceptDispute.userErrors, [])
  const asked = sent.count
  const [shown] = await kept()
  assert.equal(shown.version, data.acceptDispute.dispute.version)
  assert.notEqual(shown.version, before.version)
  assert.equal(sent.count, asked)
})

test("a dispute is fetched again by its id, into the same object, and its history grows", async () => {
  const { id, code } = (await kept())[1]
  let { node } = await ask(DISPUTE, { id })
  assert.deepEqual([node.__typename, node.code], ["Dispute", code])
  ;({ node } = await ask(DISPUTE, { id, after: node.history.pageInfo.endCursor }))
  assert.deepEqual(node.history.edges.map(edge => edge.node.kind), ["REGISTERED", "ACCEPTED", "SESSION_HELD"])
})

test("figures of two periods stay two", async () => {
  const data = await ask(FIGURES)
  assert.deepEqual([data.before[0].denominator, data.now[0].denominator], [0, COUNT])
})

test("a change comes, and whoever was cut off misses none and sees none twice", async () => {
  const listen = after => sink =>
    client
      .subscription(CHANGES, { after })
      .subscribe(result => (result.error ? sink.error(result.error) : sink.next(result))).unsubscribe
  const [, , first, second, third] = await kept()
  const told = await received(2, listen(0), () => accept(first.id))
  await accept(second.id)
  const more = await received(2, listen(told.at(-1).data.changes.sequence), () => accept(third.id))
  const all = [...told, ...more].map(({ data }) => data.changes)
  isOneAfterAnother(all.map(change => change.sequence))
  assert.deepEqual(all.slice(1).map(change => change.disputes[0].id), [first.id, second.id, third.id])
})

test("the cache finds nothing wrong with the answers", () => assert.deepEqual(complaints, []))
