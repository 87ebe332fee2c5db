import { ChatOpenAI, OpenAIEmbeddings } from "@langchain/openai";
import { z } from "zod";
import { CITY, TEXT, WORDS, assert, key, model, run, url } from "./harness.mjs";

const configuration = { baseURL: `${url}/v1` };
const make = (name) => new ChatOpenAI({ model: name, apiKey: key, configuration, maxRetries: 0 });
const chat = make(model);
const weather = {
  name: "weather",
  description: "The weather.",
  schema: z.object({ city: z.string(), days: z.number().int() }),
};

await run({
  async plain() {
    const message = await chat.invoke("Hello");
    assert.equal(message.content, TEXT);
    assert.equal(message.usage_metadata.output_tokens, WORDS);
    assert.equal(message.usage_metadata.input_tokens, 25);
  },
  async streamed() {
    let whole;
    for await (const chunk of await chat.stream("Hello")) whole = whole ? whole.concat(chunk) : chunk;
    assert.equal(whole.content, TEXT);
    assert.equal(whole.usage_metadata.output_tokens, WORDS);
  },
  async tools() {
    const message = await chat.bindTools([weather]).invoke("Hello");
    assert.equal(message.tool_calls[0].name, "weather");
    assert.deepEqual(message.tool_calls[0].args, { city: CITY, days: 7 });
    const result = { role: "tool", tool_call_id: message.tool_calls[0].id, content: "sunny" };
    const then = await chat.bindTools([weather]).invoke([{ role: "user", content: "Hello" }, message, result]);
    assert.equal(then.content, TEXT);
  },
  async "streamed tools"() {
    let whole;
    for await (const chunk of await chat.bindTools([weather]).stream("Hello")) whole = whole ? whole.concat(chunk) : chunk;
    assert.deepEqual(whole.tool_calls[0].args, { city: CITY, days: 7 });
  },
  async errors() {
    await assert.rejects(make("nope").invoke("Hello"), (error) => error.status === 404);
  },
  ...(model === "gpt" && {
    async embeddings() {
      const embeddings = new OpenAIEmbeddings({ model, apiKey: key, configuration, maxRetries: 0 });
      assert.deepEqual(await embeddings.embedDocuments(["a", "b"]), [[0.25, -0.5, 1, 0.125], [0.25, -0.5, 1, 0.125]]);
    },
  }),
});
