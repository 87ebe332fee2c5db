// The OpenAI and Anthropic clients with a model that the server runs itself.
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { assert, key, model, run, url } from "./harness.mjs";

const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
const anthropic = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0 });
const messages = [{ role: "user", content: "Hello there" }];
const short = { model, messages, max_tokens: 16, temperature: 0 };
const schema = { type: "object", properties: { ok: { type: "boolean" } }, required: ["ok"], additionalProperties: false };

await run({
  async "openai plain"() {
    const reply = await openai.chat.completions.create(short);
    assert.ok(reply.choices[0].message.content.length > 0);
    assert.equal(reply.choices[0].finish_reason, "length");
    assert.equal(reply.usage.completion_tokens, 16);
  },
  async "openai streamed"() {
    const whole = await openai.chat.completions.create(short);
    const stream = openai.chat.completions.stream({ ...short, stream_options: { include_usage: true } });
    const reply = await stream.finalChatCompletion();
    assert.equal(reply.choices[0].message.content, whole.choices[0].message.content);
    assert.equal(reply.usage.completion_tokens, 16);
    assert.ok(reply.usage.prompt_tokens_details.cached_tokens > 0);
  },
  async "openai schema"() {
    const response_format = { type: "json_schema", json_schema: { name: "answer", schema, strict: true } };
    const reply = await openai.chat.completions.create({ ...short, max_tokens: 800, temperature: 1, response_format });
    assert.equal(typeof JSON.parse(reply.choices[0].message.content).ok, "boolean");
  },
  async "openai embeddings"() {
    const reply = await openai.embeddings.create({ model, input: ["one", "two"] });
    assert.equal(reply.data.length, 2);
    assert.ok(reply.data[0].embedding.length > 100);
    assert.equal(reply.data[0].embedding.length, reply.data[1].embedding.length);
  },
  async "anthropic plain"() {
    const reply = await anthropic.messages.create(short);
    assert.ok(reply.content[0].text.length > 0);
    assert.equal(reply.stop_reason, "max_tokens");
    assert.equal(reply.usage.output_tokens, 16);
  },
  async "anthropic streamed"() {
    const whole = await anthropic.messages.create(short);
    const reply = await anthropic.messages.stream(short).finalMessage();
    assert.equal(reply.content[0].text, whole.content[0].text);
    const counted = await anthropic.messages.countTokens({ model, messages });
    assert.ok(counted.input_tokens > 0);
  },
});
