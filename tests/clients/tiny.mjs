// The OpenAI and Anthropic clients with acloud-tiny, on a server without a configuration: chat, streams, tool calls,
// JSON Schema output.
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { assert, key, model, run, url } from "./harness.mjs";

const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
const anthropic = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0 });
const messages = [{ role: "user", content: "7407 + 48 is what i need" }];
const parameters = { type: "object", properties: { command: { type: "string" } }, required: ["command"] };
const asked = {
  model, messages, temperature: 0, tool_choice: "required",
  tools: [{ type: "function", function: { name: "sandbox_exec", parameters } }],
};
const short = { model, messages, max_tokens: 24, temperature: 0 };
const schema = { type: "object", properties: { ok: { type: "boolean" } }, required: ["ok"], additionalProperties: false };

await run({
  async "openai chat"() {
    const reply = await openai.chat.completions.create(short);
    assert.ok(reply.usage.completion_tokens > 0);
    assert.equal(typeof reply.choices[0].message.content, "string");
  },
  async "openai stream"() {
    const whole = await openai.chat.completions.create(short);
    const reply = await openai.chat.completions.stream(short).finalChatCompletion();
    assert.equal(reply.choices[0].message.content, whole.choices[0].message.content);
  },
  async "openai tool call"() {
    const reply = await openai.chat.completions.create(asked);
    const call = reply.choices[0].message.tool_calls[0].function;
    assert.equal(call.name, "sandbox_exec");
    assert.match(JSON.parse(call.arguments).command, /7407/);
  },
  async "openai tool call, streamed"() {
    const reply = await openai.chat.completions.stream(asked).finalChatCompletion();
    assert.match(JSON.parse(reply.choices[0].message.tool_calls[0].function.arguments).command, /7407/);
    assert.equal(reply.choices[0].finish_reason, "tool_calls");
  },
  async "openai schema"() {
    const response_format = { type: "json_schema", json_schema: { name: "answer", schema, strict: true } };
    const reply = await openai.chat.completions.create({ ...short, max_tokens: 400, temperature: 1, response_format });
    assert.equal(typeof JSON.parse(reply.choices[0].message.content).ok, "boolean");
  },
  async "anthropic chat"() {
    const reply = await anthropic.messages.create(short);
    assert.ok(reply.usage.output_tokens > 0);
    const counted = await anthropic.messages.countTokens({ model, messages });
    assert.equal(counted.input_tokens, reply.usage.input_tokens + reply.usage.cache_read_input_tokens);
  },
  async "anthropic stream"() {
    const whole = await anthropic.messages.create(short);
    const reply = await anthropic.messages.stream(short).finalMessage();
    assert.deepEqual(reply.content, whole.content);
  },
  async "anthropic tool use"() {
    const tools = [{ name: "sandbox_exec", input_schema: parameters }];
    const reply = await anthropic.messages.create({ model, messages, tools, tool_choice: { type: "any" }, max_tokens: 200, temperature: 0 });
    const use = reply.content.find((block) => block.type === "tool_use");
    assert.equal(use.name, "sandbox_exec");
    assert.match(use.input.command, /7407/);
    assert.equal(reply.stop_reason, "tool_use");
  },
});
