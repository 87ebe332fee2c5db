// An agent in Node: asks the first model that its key may use for a line, and stores it as an object. report.py does
// the same and says what it relies on.
const { ACLOUD_URL, ACLOUD_API_KEY, ACLOUD_TASK, ACLOUD_GOAL, OPENAI_BASE_URL, OPENAI_API_KEY, BUCKET, MODEL } = process.env;

async function post(url, key, body, headers = {}) {
  const reply = await fetch(url, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  if (!reply.ok) throw new Error(`${url}: ${reply.status} ${await reply.text()}`);
  return reply.json();
}

const acloud = (operation, fields) =>
  post(`${ACLOUD_URL}/api/${operation.replace(".", "/")}`, ACLOUD_API_KEY, fields, { "idempotency-key": `${ACLOUD_TASK}/${operation}` });

const model = MODEL ?? (await acloud("model.list", {})).items[0].name;
const answer = await post(`${OPENAI_BASE_URL}/chat/completions`, OPENAI_API_KEY, {
  model,
  messages: [{ role: "user", content: ACLOUD_GOAL }],
});
const content = answer.choices[0].message.content;
const stored = await acloud("object.put", { bucket: BUCKET, key: `${ACLOUD_TASK}.txt`, content });
console.log(`stored ${stored.size} bytes as ${stored.key} in ${stored.bucket}`);
