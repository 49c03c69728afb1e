// One function for each client in JavaScript; what `python_clients.py` is for those in Python, by the same protocol.

import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { createCohere } from "@ai-sdk/cohere";
import { rerank } from "ai";
import { CohereClient, CohereClientV2 } from "cohere-ai";
import { VoyageAIClient } from "voyageai";

const KEY = "unused";

const clients = {
  async cohere_v2({ url, model, query, documents, top_n }) {
    const client = new CohereClientV2({ token: KEY, environment: url });
    const answer = await client.rerank({ model, query, documents, topN: top_n });
    return answer.results.map((result) => [result.index, result.relevanceScore]);
  },

  async cohere_v1({ url, model, query, documents, top_n }) {
    const client = new CohereClient({ token: KEY, environment: url });
    const answer = await client.rerank({ model, query, documents, topN: top_n, returnDocuments: true });
    same(answer.results.map((result) => documents[result.index]), answer.results.map((result) => result.document.text));
    return answer.results.map((result) => [result.index, result.relevanceScore]);
  },

  async voyage({ url, model, query, documents, top_n }) {
    const client = new VoyageAIClient({ apiKey: KEY, environment: `${url}/voyage/v1` });
    const answer = await client.rerank({ model, query, documents, topK: top_n, returnDocuments: true });
    same(answer.data.map((result) => documents[result.index]), answer.data.map((result) => result.document));
    return answer.data.map((result) => [result.index, result.relevanceScore]);
  },

  async ai_sdk({ url, model, query, documents, top_n }) {
    const cohere = createCohere({ apiKey: KEY, baseURL: `${url}/v2` });
    const answer = await rerank({ model: cohere.reranking(model), query, documents, topN: top_n });
    return answer.ranking.map((result) => [result.originalIndex, result.score]);
  },
};

function same(expected, found) {
  if (JSON.stringify(expected) !== JSON.stringify(found)) {
    throw new Error(`other documents came back: ${JSON.stringify(found)}`);
  }
}

let snippets = 0;

// What the code prints: a module of its own, beside the packages, to which the query and the texts are given.
async function run({ snippet, query, texts }) {
  const file = new URL(`snippet-${snippets++}.mjs`, import.meta.url);
  const printed = [];
  const log = console.log;
  console.log = (...words) => printed.push(words.join(" "));
  Object.assign(globalThis, { query, texts });
  writeFileSync(file, snippet);
  try {
    await import(file);
  } finally {
    rmSync(file);
    console.log = log;
  }
  return printed.join("\n");
}

async function answer(line) {
  const question = JSON.parse(line);
  try {
    if ("snippet" in question) return { output: await run(question) };
    return { ranking: await clients[question.client](question) };
  } catch (error) {
    // Some of them leave `name` as it is for every error.
    const name = error.name && error.name !== "Error" ? error.name : error.constructor.name;
    return { error: { name, status: error.statusCode ?? null, text: String(error.message).slice(0, 600) } };
  }
}

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
// Libraries may print: stdout is for answers.
console.log = console.info = console.warn = console.error;

const { dependencies } = JSON.parse(readFileSync(new URL("package.json", import.meta.url)));
say({ versions: dependencies });
for await (const line of createInterface({ input: process.stdin })) say(await answer(line));
