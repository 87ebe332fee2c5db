import { Agent, OpenAIProvider, Runner, setTracingDisabled, tool } from "@openai/agents";
import OpenAI from "openai";
import { z } from "zod";
import { CITY, TEXT, assert, key, model, run, url } from "./harness.mjs";

setTracingDisabled(true);
const openAIClient = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
const runner = new Runner({ modelProvider: new OpenAIProvider({ openAIClient }) });
const seen = [];
const weather = tool({
  name: "weather",
  description: "The weather.",
  parameters: z.object({ city: z.string(), days: z.number().int() }),
  execute: async (input) => {
    seen.push(input);
    return "sunny";
  },
});
const make = (tools, name = model) => new Agent({ name: "Tester", instructions: "Be brief.", model: name, tools });

await run({
  async plain() {
    const result = await runner.run(make([]), "Hello");
    assert.equal(result.finalOutput, TEXT);
    assert.ok(result.state.usage.outputTokens > 0);
  },
  async streamed() {
    const result = await runner.run(make([]), "Hello", { stream: true });
    let text = "";
    for await (const piece of result.toTextStream()) text += piece;
    await result.completed;
    assert.equal(text, TEXT);
    assert.equal(result.finalOutput, TEXT);
  },
  async tools() {
    seen.length = 0;
    const result = await runner.run(make([weather]), "Hello");
    assert.equal(result.finalOutput, TEXT);
    assert.deepEqual(seen, [{ city: CITY, days: 7 }]);
  },
  async "streamed tools"() {
    seen.length = 0;
    const result = await runner.run(make([weather]), "Hello", { stream: true });
    for await (const event of result) void event;
    await result.completed;
    assert.equal(result.finalOutput, TEXT);
    assert.deepEqual(seen, [{ city: CITY, days: 7 }]);
  },
  async errors() {
    await assert.rejects(runner.run(make([], "nope"), "Hello"), (error) => error.status === 404);
  },
});
