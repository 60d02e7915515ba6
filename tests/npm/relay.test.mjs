// Relay with compiled artifacts: pages, one record a dispute, refetching through node(id:), changes that go on where they broke off.
import assert from "node:assert/strict"
import { createRequire } from "node:module"
import { after, test } from "node:test"
import { createClient } from "graphql-sse"
import relay from "relay-runtime"
import { getDataID } from "./caches.mjs"
import { COUNT, accept, counted, headers, http, isOneAfterAnother, received, sent } from "./hub.mjs"

const artifact = name => createRequire(import.meta.url)(`./relay/__generated__/screens${name}.graphql`)
const events = createClient({ url: http, headers })
after(() => events.dispose())
const complaints = []
console.error = (...words) => complaints.push(words.join(" "))
console.warn = console.error

const environment = new relay.Environment({
  getDataID,
  store: new relay.Store(new relay.RecordSource()),
  network: relay.Network.create(
    async ({ text }, variables) => {
      const body = JSON.stringify({ query: text, variables })
      const answer = await counted(http, { method: "POST", headers: { ...headers, "Content-Type": "application/json" }, body })
      return answer.json()
    },
    ({ text }, variables) => relay.Observable.create(sink => events.subscribe({ query: text, variables }, sink)),
  ),
})
const operation = (request, variables) => relay.createOperationDescriptor(relay.getRequest(request), variables)
const ask = async (request, variables) => {
  environment.retain(operation(request, variables))
  return relay.fetchQuery(environment, request, variables).toPromise()
}
const read = selector => environment.lookup(selector).data
const fragment = (name, owner) => relay.getSingularSelector(relay.getFragment(artifact(name)), owner)

// what usePaginationFragment does: the next page of a fragment's connection, by the query the compiler made for it
async function loadMore(name, connection, variables, identity = {}) {
  const node = relay.getFragment(artifact(name))
  const { paginationMetadata, paginationRequest } = relay.getPaginationMetadata(node, name)
  const { endCursor } = connection.pageInfo
  const next = relay.getPaginationVariables("forward", 20, endCursor, variables, identity, paginationMetadata)
  return relay.fetchQuery(environment, paginationRequest, next).toPromise()
}

const list = () => read(fragment("List_query", read(operation(artifact("ListQuery"), {}).fragment))).disputes
const rows = () => list().edges.map(({ node }) => node)

test("a list grows page by page and holds each dispute once", async () => {
  await ask(artifact("ListQuery"), {})
  assert.equal(list().edges.length, 20)
  while (list().pageInfo.hasNextPage) await loadMore("List_query", list(), {})
  assert.equal(list().totalCount, COUNT)
  assert.equal(new Set(rows().map(row => row.id)).size, COUNT)
  assert.equal(rows().length, COUNT)
})

test("what a mutation answers is shown by the list without asking again", async () => {
  const [before] = rows()
  const input = { id: before.id, expectedVersion: before.version }
  const done = await new Promise((onCompleted, onError) =>
    relay.commitMutation(environment, { mutation: artifact("AcceptMutation"), variables: { input }, onCompleted, onError }),
  )
  assert.deepEqual(done.acceptDispute.userErrors, [])
  const asked = sent.count
  assert.equal(rows()[0].version, done.acceptDispute.dispute.version)
  assert.notEqual(rows()[0].version, before.version)
  assert.equal(sent.count, asked)
})

test("a dispute is fetched again through node, and its history grows by the compiler's own query", async () => {
  const { id, code } = rows()[1]
  await ask(artifact("DisputeQuery"), { id })
  const history = () => read(fragment("History_dispute", read(operation(artifact("DisputeQuery"), { id }).fragment).node.dispute))
  assert.equal(history().code, code)
  assert.equal(history().history.pageInfo.hasNextPage, true)
  await loadMore("History_dispute", history().history, {}, { id })
  assert.deepEqual(history().history.edges.map(({ node }) => node.kind), ["REGISTERED", "ACCEPTED", "SESSION_HELD"])
})

test("figures of two periods stay two", async () => {
  const data = await ask(artifact("FiguresQuery"), {})
  assert.deepEqual([data.before[0].denominator, data.now[0].denominator], [0, COUNT])
})

test("a change comes, and whoever was cut off misses none and sees none twice", async () => {
  const listen = after => sink => {
    const subscription = artifact("ChangesSubscription")
    const given = { subscription, variables: { after }, onNext: sink.next, onError: sink.error }
    return relay.requestSubscription(environment, given).dispose
  }
  const [, , first, second, third] = rows()
  const told = await received(2, listen(0), () => accept(first.id))
  await accept(second.id)
  const more = await received(2, listen(told.at(-1).changes.sequence), () => accept(third.id))
  const all = [...told, ...more].map(({ changes }) => changes)
  isOneAfterAnother(all.map(change => change.sequence))
  assert.deepEqual(all.slice(1).map(change => change.disputes[0].id), [first.id, second.id, third.id])
})

test("Relay finds nothing wrong with the records", () => assert.deepEqual(complaints, []))
