// One of the public TypeScript clients against a server: lists, describes, calls, reads, asks for prompts.
//
//   node clients.mjs sdk|client http URL KEY
//   node clients.mjs sdk|client stdio COMMAND [ARGUMENT...]
//
// `sdk` is @modelcontextprotocol/sdk (revision 2025-11-25), `client` is @modelcontextprotocol/client, which finds
// out which revision the server speaks. Prints one JSON object; a result that does not fit its tool's output schema
// is an error of the client's.
import assert from 'node:assert';

const [library, transport, ...rest] = process.argv.slice(2);
const info = { name: 'acloud-test', version: '1.0.0' };

async function load() {
  if (library === 'sdk') {
    const { Client } = await import('@modelcontextprotocol/sdk/client/index.js');
    const { StreamableHTTPClientTransport } = await import('@modelcontextprotocol/sdk/client/streamableHttp.js');
    const { StdioClientTransport } = await import('@modelcontextprotocol/sdk/client/stdio.js');
    return { client: new Client(info), StreamableHTTPClientTransport, StdioClientTransport };
  }
  const { Client, StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client');
  const { StdioClientTransport } = await import('@modelcontextprotocol/client/stdio');
  const client = new Client(info, { versionNegotiation: { mode: 'auto' } });
  return { client, StreamableHTTPClientTransport, StdioClientTransport };
}

const { client, StreamableHTTPClientTransport, StdioClientTransport } = await load();
const open =
  transport === 'http'
    ? new StreamableHTTPClientTransport(new URL(rest[0]), { requestInit: { headers: { Authorization: `Bearer ${rest[1]}` } } })
    : new StdioClientTransport({ command: rest[0], args: rest.slice(1), env: process.env });
await client.connect(open);

const { tools } = await client.listTools();
assert.deepEqual(tools.map((tool) => tool.name), ['search', 'describe', 'call', 'call_many', 'read_docs']);

const call = async (name, args) => (await client.callTool({ name, arguments: args })).structuredContent;
const found = await call('search', { query: 'make a bucket' });
assert.equal(found.operations[0].operation, 'object.create_bucket');
const described = await call('describe', { operation: 'object.create_bucket' });
assert.ok(described.request.properties.bucket);
const bucket = `${library}-${transport}`;
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

const version = client.getNegotiatedProtocolVersion?.() ?? open.protocolVersion ?? '';
await client.close();
console.log(JSON.stringify({ version, tools: tools.length, resources: resources.length, prompts: prompts.length }));
