import OpenAI from "openai";
import { CITY, TEXT, WORDS, assert, key, model, parameters, run, url } from "./harness.mjs";

const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
const messages = [{ role: "user", content: "Hello" }];
const tools = [{ type: "function", function: { name: "weather", description: "The weather.", parameters } }];

await run({
  async plain() {
    const { data, response, request_id } = await client.chat.completions.create({ model, messages }).withResponse();
    assert.equal(data.choices[0].message.content, TEXT);
    assert.equal(data.choices[0].finish_reason, "stop");
    assert.equal(data.usage.completion_tokens, WORDS);
    assert.equal(data.usage.prompt_tokens, 25);
    assert.ok(request_id.startsWith("req_") && response.status === 200);
  },
  async streamed() {
    let text = "";
    let usage = null;
    const stream = await client.chat.completions.create({ model, messages, stream: true });
    for await (const chunk of stream) {
      text += chunk.choices[0].delta.content ?? "";
      usage ??= chunk.usage;
    }
    assert.equal(text, TEXT);
    assert.ok(!usage, "usage was not asked for");
    const asked = client.chat.completions.stream({ model, messages, stream_options: { include_usage: true } });
    const whole = await asked.finalChatCompletion();
    assert.equal(whole.choices[0].message.content, TEXT);
    assert.equal(whole.usage.total_tokens, 25 + WORDS);
    assert.equal(whole.usage.prompt_tokens_details.cached_tokens, 8);
  },
  async tools() {
    const first = await client.chat.completions.create({ model, messages, tools });
    const [call] = first.choices[0].message.tool_calls;
    assert.equal(first.choices[0].finish_reason, "tool_calls");
    assert.equal(call.function.name, "weather");
    assert.deepEqual(JSON.parse(call.function.arguments), { city: CITY, days: 7 });
    const then = [...messages, first.choices[0].message, { role: "tool", tool_call_id: call.id, content: "sunny" }];
    const second = await client.chat.completions.create({ model, messages: then, tools });
    assert.equal(second.choices[0].message.content, TEXT);
  },
  async "streamed tools"() {
    const stream = client.chat.completions.stream({ model, messages, tools });
    const whole = await stream.finalChatCompletion();
    const [call] = whole.choices[0].message.tool_calls;
    assert.equal(whole.choices[0].finish_reason, "tool_calls");
    assert.deepEqual(JSON.parse(call.function.arguments), { city: CITY, days: 7 });
    assert.ok(call.id.length > 0);
  },
  async models() {
    const names = [];
    for await (const each of client.models.list()) names.push(each.id);
    assert.ok(names.includes(model));
    assert.equal((await client.models.retrieve(model)).id, model);
  },
  async errors() {
    await assert.rejects(client.chat.completions.create({ model: "nope", messages }), OpenAI.NotFoundError);
    await assert.rejects(client.chat.completions.create({ model, messages: 7, stop: 9n.toString() }), OpenAI.BadRequestError);
    const stranger = new OpenAI({ baseURL: `${url}/v1`, apiKey: "acloud_" + "0".repeat(40), maxRetries: 0 });
    await assert.rejects(stranger.models.list(), OpenAI.AuthenticationError);
  },
});
