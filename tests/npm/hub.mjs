// The hub under test, whose address tests/test_npm_clients.py gives, and the documents that clients ask of it.
import assert from "node:assert/strict"
import { readFileSync } from "node:fs"

export const http = process.env.HUB_URL
export const socket = http.replace(/^http/, "ws")
export const headers = { Authorization: `Bearer ${process.env.HUB_KEY}` }
export const document = name => readFileSync(new URL(`documents/${name}.graphql`, import.meta.url), "utf8")
export const COUNT = 45

// how many requests went out, so that a test can tell what a cache answered by itself
export const sent = { count: 0 }
export const counted = (...given) => {
  sent.count += 1
  return fetch(...given)
}

// the next `count` values that `subscribe(sink)` brings, then it is unsubscribed; `begin` runs once it listens
export async function received(count, subscribe, begin = () => {}) {
  const found = []
  let stop
  const done = new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`only ${found.length} of ${count} changes came`)), 10_000)
    const end = settle => value => (clearTimeout(late), settle(value))
    stop = subscribe({
      next: value => found.push(value) === count && end(resolve)(),
      error: end(reject),
    })
  })
  await begin()
  await done
  stop()
  return found
}

// another person's act, past the client under test
export async function accept(id) {
  const body = JSON.stringify({ query: document("AcceptDispute"), variables: { input: { id } } })
  const answer = await fetch(http, { method: "POST", headers: { ...headers, "Content-Type": "application/json" }, body })
  const { data } = await answer.json()
  assert.deepEqual(data.acceptDispute.userErrors, [])
}

export const isOneAfterAnother = sequences =>
  sequences.forEach((one, place) => assert.equal(one, sequences[0] + place, `${sequences}`))
