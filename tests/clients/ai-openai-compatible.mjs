import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { key, run, url } from "./harness.mjs";
import { scenarios } from "./ai.mjs";

const provider = createOpenAICompatible({ name: "acloud", baseURL: `${url}/v1`, apiKey: key, includeUsage: true });
await run(scenarios(provider));
