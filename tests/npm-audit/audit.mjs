// node audit.mjs URL TOKEN: the audit of the npm package graphql-http, every request with the token, results as JSON.
import { auditServer } from "graphql-http"

const [url, token] = process.argv.slice(2)
const fetchFn = (address, options = {}) =>
  fetch(address, { ...options, headers: { ...options.headers, authorization: `Bearer ${token}` } })
const results = await auditServer({ url, fetchFn })
const told = results.map(({ id, name, status, reason }) => ({ id, name, status, reason }))
process.stdout.write(JSON.stringify(told))
