// One of the public TypeScript clients calls a tool whose server asks the person at it something.
//
//   node elicit.mjs sdk|client ANSWER CALL http URL KEY
//   node elicit.mjs sdk|client ANSWER CALL stdio COMMAND [ARGUMENT...]
//
// ANSWER is the JSON of the person's answer, CALL that of `name` and `arguments`. Prints the questions that came and
// the tool's result as one JSON object.
import { connect } from './connect.mjs';

const [library, answer, call, ...words] = process.argv.slice(2);
const asked = [];
const { client, version } = await connect(library, words, { capabilities: { elicitation: { form: {} } } }, async (client) => {
  const method =
    library === 'sdk' ? (await import('@modelcontextprotocol/sdk/types.js')).ElicitRequestSchema : 'elicitation/create';
  client.setRequestHandler(method, (request) => {
    asked.push(request.params);
    return JSON.parse(answer);
  });
});
const result = await client.callTool(JSON.parse(call));
const negotiated = version();
await client.close();
console.log(JSON.stringify({ version: negotiated, asked, result }));
