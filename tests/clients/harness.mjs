// What the client scripts share. Each is run as `node CLIENT.mjs URL KEY MODEL` and prints a line of JSON for
// each thing that it tries: {"what", "ok", "error"?}.
import assert from "node:assert/strict";

export const [url, key, model] = process.argv.slice(2);
export const TEXT = "The quick brown fox jumps over the lazy dog.";
export const WORDS = TEXT.split(" ").length;
export const CITY = 'Paris "é"';
export const parameters = {
  type: "object",
  properties: { city: { type: "string" }, days: { type: "integer" } },
  required: ["city", "days"],
  additionalProperties: false,
};
export { assert };

export async function run(scenarios) {
  for (const [what, scenario] of Object.entries(scenarios)) {
    let line = { what, ok: true };
    try {
      await scenario();
    } catch (error) {
      line = { what, ok: false, error: String(error?.stack ?? error).slice(0, 2000) };
    }
    console.log(JSON.stringify(line));
  }
  process.exit(0);
}
