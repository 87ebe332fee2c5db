import { createAnthropic } from "@ai-sdk/anthropic";
import { key, run, url } from "./harness.mjs";
import { scenarios } from "./ai.mjs";

const provider = createAnthropic({ baseURL: `${url}/v1`, apiKey: key });
await run(scenarios(provider));
