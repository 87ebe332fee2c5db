// What the AI SDK is asked, whichever provider package carries it.
import { generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { CITY, TEXT, WORDS, assert, model as name } from "./harness.mjs";

const noRetry = { maxRetries: 0 };
const prompt = "Hello";

export function scenarios(provider) {
  const model = provider(name);
  const seen = [];
  const tools = {
    weather: tool({
      description: "The weather.",
      inputSchema: z.object({ city: z.string(), days: z.number().int() }),
      execute: async (input) => {
        seen.push(input);
        return "sunny";
      },
    }),
  };
  return {
    async plain() {
      const { text, usage, finishReason } = await generateText({ model, prompt, ...noRetry });
      assert.equal(text, TEXT);
      assert.equal(finishReason, "stop");
      assert.equal(usage.outputTokens, WORDS);
    },
    async streamed() {
      const result = streamText({ model, prompt, ...noRetry, onError: () => {} });
      let text = "";
      for await (const piece of result.textStream) text += piece;
      assert.equal(text, TEXT);
      assert.equal((await result.usage).outputTokens, WORDS);
      assert.equal(await result.finishReason, "stop");
    },
    async tools() {
      seen.length = 0;
      const { text, steps } = await generateText({ model, prompt, tools, stopWhen: stepCountIs(3), ...noRetry });
      assert.equal(text, TEXT);
      assert.equal(steps.length, 2);
      assert.deepEqual(seen, [{ city: CITY, days: 7 }]);
    },
    async "streamed tools"() {
      seen.length = 0;
      const result = streamText({ model, prompt, tools, stopWhen: stepCountIs(3), ...noRetry });
      let text = "";
      for await (const piece of result.textStream) text += piece;
      assert.equal(text, TEXT);
      assert.deepEqual(seen, [{ city: CITY, days: 7 }]);
    },
    async errors() {
      const wrong = generateText({ model: provider("nope"), prompt, ...noRetry });
      await assert.rejects(wrong, (error) => error.statusCode === 404 && /no model/.test(error.message));
    },
  };
}
