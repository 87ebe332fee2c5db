// The sentence encoder's own JavaScript, as a reference: node encoder.mjs PACKAGE reads {"texts", "embeddings"} from
// standard input, embeds the texts itself, and prints how the two compare.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import core from "@energetic-ai/core";
import encoder from "@energetic-ai/embeddings";

const NEAREST = 10;
const AT_ONCE = 25; // texts: what it holds for more is many times their size

const files = `${process.argv[2]}/dist`;
const { texts, embeddings } = JSON.parse(readFileSync(0));
assert.equal(texts.length, embeddings.length);

const reference = await encoder.initModel(async () => ({
  model: await core.loadGraphModel(`file://${files}/model.json`),
  vocabulary: JSON.parse(readFileSync(`${files}/vocab.json`)),
}));
await reference.embed(["once before the clock starts"]);
const start = performance.now();
const own = [];
for (let i = 0; i < texts.length; i += AT_ONCE) own.push(...(await reference.embed(texts.slice(i, i + AT_ONCE))));
const seconds = (performance.now() - start) / 1000;

let difference = 0;
for (const [i, numbers] of own.entries())
  for (const [j, number] of numbers.entries()) difference = Math.max(difference, Math.abs(number - embeddings[i][j]));

const dot = (a, b) => a.reduce((sum, number, i) => sum + number * b[i], 0);
const nearest = (all, i) =>
  all.map((other, j) => [dot(all[i], other), j]).sort((a, b) => b[0] - a[0]).slice(0, NEAREST);
// A neighbour that only one of the two names is a fault, unless both are as near as the difference allows.
let strangers = 0;
for (let i = 0; i < texts.length; i++) {
  const theirs = nearest(own, i);
  const last = theirs.at(-1)[0];
  for (const [, j] of nearest(embeddings, i)) {
    if (!theirs.some((each) => each[1] === j) && dot(own[i], own[j]) < last - 1e-5) strangers++;
  }
}
const pieces = texts.map((text) => Math.min(128, reference.tokenizer.encode(text).length));
console.log(JSON.stringify({ difference, strangers, seconds, pieces: pieces.reduce((sum, each) => sum + each, 0) }));
