// TypeScript types of the documents, from the committed schema, by graphql-codegen and the configuration that the documentation gives.
import { readFileSync, readdirSync, writeFileSync } from "node:fs"
import { codegen } from "@graphql-codegen/core"
import * as typedDocumentNode from "@graphql-codegen/typed-document-node"
import * as typescript from "@graphql-codegen/typescript"
import * as typescriptOperations from "@graphql-codegen/typescript-operations"
import { parse } from "graphql"

const config = JSON.parse(readFileSync("codegen.json", "utf8"))
const folder = "documents"
const documents = readdirSync(folder).sort().map(name => ({
  location: name,
  document: parse(readFileSync(`${folder}/${name}`, "utf8")),
}))
const pluginMap = { typescript, "typescript-operations": typescriptOperations, "typed-document-node": typedDocumentNode }
const plugins = config.plugins.map(name => ({ [name]: {} }))
const schema = parse(readFileSync("schema.graphql", "utf8"))
writeFileSync("hub.ts", await codegen({ filename: "hub.ts", schema, documents, plugins, pluginMap, config: config.config }))
