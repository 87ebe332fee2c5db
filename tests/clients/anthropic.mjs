import Anthropic from "@anthropic-ai/sdk";
import { CITY, TEXT, WORDS, assert, key, model, parameters, run, url } from "./harness.mjs";

const client = new Anthropic({ baseURL: url, authToken: key, apiKey: null, maxRetries: 0 });
const messages = [{ role: "user", content: "Hello" }];
const tools = [{ name: "weather", description: "The weather.", input_schema: parameters }];
const base = { model, max_tokens: 1000, messages };

await run({
  async plain() {
    const message = await client.messages.create(base);
    assert.equal(message.content[0].text, TEXT);
    assert.equal(message.stop_reason, "end_turn");
    assert.equal(message.usage.output_tokens, WORDS);
    const { input_tokens, cache_read_input_tokens, cache_creation_input_tokens } = message.usage;
    assert.equal(input_tokens + cache_read_input_tokens + (cache_creation_input_tokens ?? 0), 25);
    assert.ok(message._request_id.startsWith("req_"));
  },
  async streamed() {
    const message = await client.messages.stream(base).finalMessage();
    assert.equal(message.content[0].text, TEXT);
    assert.equal(message.stop_reason, "end_turn");
    assert.equal(message.usage.output_tokens, WORDS);
  },
  async tools() {
    const first = await client.messages.create({ ...base, tools });
    const call = first.content.find((block) => block.type === "tool_use");
    assert.equal(first.stop_reason, "tool_use");
    assert.equal(call.name, "weather");
    assert.deepEqual(call.input, { city: CITY, days: 7 });
    const then = [
      ...messages,
      { role: "assistant", content: first.content },
      { role: "user", content: [{ type: "tool_result", tool_use_id: call.id, content: "sunny" }] },
    ];
    const second = await client.messages.create({ ...base, messages: then, tools });
    assert.equal(second.content[0].text, TEXT);
  },
  async "streamed tools"() {
    const message = await client.messages.stream({ ...base, tools }).finalMessage();
    const call = message.content.find((block) => block.type === "tool_use");
    assert.deepEqual(call.input, { city: CITY, days: 7 });
    assert.equal(message.stop_reason, "tool_use");
  },
  async errors() {
    await assert.rejects(client.messages.create({ ...base, model: "nope" }), Anthropic.NotFoundError);
    const stranger = new Anthropic({ baseURL: url, apiKey: "acloud_" + "0".repeat(40), maxRetries: 0 });
    await assert.rejects(stranger.messages.create(base), Anthropic.AuthenticationError);
  },
});
