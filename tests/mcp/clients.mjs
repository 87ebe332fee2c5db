// One of the public TypeScript clients against a server: lists, describes, calls, reads, asks for prompts.
//
//   node clients.mjs sdk|client http URL KEY
//   node clients.mjs sdk|client stdio COMMAND [ARGUMENT...]
//
// Prints one JSON object; a result that does not fit its tool's output schema is an error of the client's.
import assert from 'node:assert';
import { connect } from './connect.mjs';

const [library, ...words] = process.argv.slice(2);
const { client, version } = await connect(library, words);

const { tools } = await client.listTools();
assert.deepEqual(tools.map((tool) => tool.name), ['search', 'describe', 'call', 'call_many', 'read_docs']);

const call = async (name, args) => (await client.callTool({ name, arguments: args })).structuredContent;
const found = await call('search', { query: 'make a bucket' });
assert.equal(found.operations[0].operation, 'object.create_bucket');
const described = await call('describe', { operation: 'object.create_bucket' });
assert.ok(described.request.properties.bucket);
const bucket = `${library}-${words[0]}`;
assert.equal((await call('call', { operation: 'object.create_bucket', arguments: { bucket } })).bucket, bucket);
const twice = await client.callTool({ name: 'call', arguments: { operation: 'object.create_bucket', arguments: { bucket } } });
assert.ok(twice.isError && twice.content[0].text.startsWith('conflict'));
await call('call', { operation: 'object.put', arguments: { bucket, key: 'a', content: 'text' } });

const { resourceTemplates } = await client.listResourceTemplates();
assert.ok(resourceTemplates.some((each) => each.name === 'object.get'));
const read = await client.readResource({ uri: `acloud://object/get?bucket=${bucket}&key=a` });
assert.equal(read.contents[0].text, 'text');
const { resources } = await client.listResources();
const { prompts } = await client.listPrompts();
const prompt = await client.getPrompt({ name: 'plan', arguments: { goal: 'run some Python' } });
assert.ok(prompt.messages[0].content.text.includes('sandbox.run_code'));
await assert.rejects(client.callTool({ name: 'no_such_tool', arguments: {} }));

const negotiated = version();
await client.close();
console.log(JSON.stringify({ version: negotiated, tools: tools.length, resources: resources.length, prompts: prompts.length }));
