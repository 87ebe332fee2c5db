// Files and batches with the openai client, on a server whose provider is the tests' own.
import OpenAI, { toFile } from "openai";
import { TEXT, assert, key, model, run, url } from "./harness.mjs";

const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
const line = (custom_id, body, at = "/v1/chat/completions") =>
  JSON.stringify({ custom_id, method: "POST", url: at, body });
const chat = (content, more = {}) => ({ model, messages: [{ role: "user", content }], ...more });

async function upload(lines, name = "lines.jsonl") {
  return client.files.create({ file: await toFile(Buffer.from(lines.join("\n")), name), purpose: "batch" });
}

// The SDK has no wait of its own: its users poll, and so does this.
async function ended(batch) {
  for (const until = Date.now() + 60_000; Date.now() < until; ) {
    const now = await client.batches.retrieve(batch.id);
    if (["completed", "failed", "expired", "cancelled"].includes(now.status)) return now;
    await new Promise((again) => setTimeout(again, 50));
  }
  throw new Error("the batch does not end");
}

async function lines_of(id) {
  const text = await (await client.files.content(id)).text();
  return text.split("\n").filter(Boolean).map((each) => JSON.parse(each));
}

await run({
  async files() {
    const content = "é".repeat(1_500_000); // more than is kept in memory
    const file = await client.files.create({ file: await toFile(Buffer.from(content), "ä \"b\".txt"), purpose: "user_data",
      expires_after: { anchor: "created_at", seconds: 3600 } });
    assert.equal(file.expires_at, file.created_at + 3600);
    assert.equal(file.object, "file");
    assert.equal(file.bytes, 3_000_000);
    assert.equal(file.purpose, "user_data");
    assert.ok(Math.abs(file.created_at - Date.now() / 1000) < 60);
    assert.deepEqual(await client.files.retrieve(file.id), file);
    assert.equal(await (await client.files.content(file.id)).text(), content);
    const deleted = await client.files.delete(file.id);
    assert.deepEqual(deleted, { id: file.id, object: "file", deleted: true });
    await assert.rejects(client.files.retrieve(file.id), OpenAI.NotFoundError);
    await assert.rejects(client.files.content(file.id), OpenAI.NotFoundError);
    await assert.rejects(client.files.delete(file.id), OpenAI.NotFoundError);
  },
  async pages() {
    const made = [];
    for (let i = 0; i < 5; ++i)
      made.push((await client.files.create({ file: await toFile(Buffer.from(`${i}`), `${i}`), purpose: "paged" })).id);
    const listed = [];
    for await (const file of client.files.list({ purpose: "paged", limit: 2 })) listed.push(file.id);
    assert.deepEqual(listed, made.toReversed());
    const up = [];
    for await (const file of client.files.list({ purpose: "paged", limit: 2, order: "asc" })) up.push(file.id);
    assert.deepEqual(up, made);
  },
  async chats() {
    const input = await upload([line("a", chat("one")), "", line("b", chat("two", { messages: 7 })), line("c", chat("three"))]);
    const batch = await client.batches.create({
      input_file_id: input.id, endpoint: "/v1/chat/completions", completion_window: "24h", metadata: { run: "7" },
    });
    assert.equal(batch.object, "batch");
    assert.equal(batch.input_file_id, input.id);
    assert.deepEqual(batch.metadata, { run: "7" });
    assert.equal(batch.expires_at - batch.created_at, 86_400);
    const done = await ended(batch);
    assert.equal(done.status, "completed", JSON.stringify(done));
    assert.deepEqual(done.request_counts, { total: 3, completed: 2, failed: 1 });
    assert.ok(done.created_at <= done.in_progress_at && done.in_progress_at <= done.finalizing_at);
    assert.ok(done.finalizing_at <= done.completed_at && !done.failed_at && !done.errors);
    const answers = await lines_of(done.output_file_id);
    assert.deepEqual(answers.map((each) => each.custom_id), ["a", "c"]);
    for (const each of answers) {
      assert.equal(each.error, null);
      assert.equal(each.response.status_code, 200);
      assert.ok(each.response.request_id.startsWith("req_"));
      assert.equal(each.response.body.choices[0].message.content, TEXT);
      assert.equal(each.response.body.usage.prompt_tokens, 25);
    }
    const [wrong] = await lines_of(done.error_file_id);
    assert.equal(wrong.custom_id, "b");
    assert.equal(wrong.response.status_code, 400);
    assert.ok(wrong.response.body.error.message.length > 0);
    assert.equal((await client.files.retrieve(done.output_file_id)).purpose, "batch_output");
    const listed = [];
    for await (const each of client.batches.list({ limit: 1 })) listed.push(each.id);
    assert.ok(listed.includes(batch.id));
  },
  async "responses and embeddings"() {
    for (const [at, body, seen] of [
      ["/v1/responses", { model, input: "hi" }, (reply) => reply.output[0].content[0].text === TEXT],
      ["/v1/embeddings", { model, input: ["x", "y"] }, (reply) => reply.data.length === 2],
    ]) {
      const input = await upload([line("only", body, at)]);
      const done = await ended(await client.batches.create({ input_file_id: input.id, endpoint: at, completion_window: "24h" }));
      assert.equal(done.status, "completed", JSON.stringify(done));
      const [answer] = await lines_of(done.output_file_id);
      assert.ok(seen(answer.response.body), JSON.stringify(answer));
      assert.ok(!done.error_file_id);
    }
  },
  async "wrong lines"() {
    const input = await upload([line("a", chat("one")), "{", line("a", chat("two")), line("b", {}, "/v1/embeddings")]);
    const done = await ended(await client.batches.create({
      input_file_id: input.id, endpoint: "/v1/chat/completions", completion_window: "24h",
    }));
    assert.equal(done.status, "failed");
    assert.ok(done.failed_at && !done.output_file_id && !done.error_file_id);
    assert.deepEqual(done.errors.data.map((each) => [each.line, each.code]),
      [[2, "invalid_json_line"], [3, "duplicate_custom_id"], [4, "mismatched_endpoint"]]);
    await assert.rejects(client.batches.cancel(done.id), OpenAI.ConflictError);
  },
  async errors() {
    const wanted = { endpoint: "/v1/chat/completions", completion_window: "24h" };
    await assert.rejects(client.batches.create({ ...wanted, input_file_id: "file_nope" }), OpenAI.NotFoundError);
    const other = await client.files.create({ file: await toFile(Buffer.from("x"), "x"), purpose: "user_data" });
    await assert.rejects(client.batches.create({ ...wanted, input_file_id: other.id }), OpenAI.BadRequestError);
    const input = await upload([line("a", chat("one"))]);
    await assert.rejects(client.batches.create({ ...wanted, input_file_id: input.id, endpoint: "/v1/images" }), OpenAI.BadRequestError);
    await assert.rejects(client.batches.create({ ...wanted, input_file_id: input.id, completion_window: "1h" }), OpenAI.BadRequestError);
    await assert.rejects(client.batches.retrieve("batch_nope"), OpenAI.NotFoundError);
    await assert.rejects(client.batches.cancel("batch_nope"), OpenAI.NotFoundError);
    await assert.rejects(client.files.create({ file: await toFile(Buffer.from("x"), "x"), purpose: "batch_output" }), OpenAI.BadRequestError);
    const stranger = new OpenAI({ baseURL: `${url}/v1`, apiKey: "acloud_" + "0".repeat(40), maxRetries: 0 });
    await assert.rejects(stranger.files.list(), OpenAI.AuthenticationError);
    await assert.rejects(stranger.batches.list(), OpenAI.AuthenticationError);
  },
});
