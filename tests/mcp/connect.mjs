// The public TypeScript clients, both generations, connected to a server.
//
// `sdk` is @modelcontextprotocol/sdk (revision 2025-11-25), `client` is @modelcontextprotocol/client, which finds out
// which revision the server speaks.
const info = { name: 'acloud-test', version: '1.0.0' };

async function load(library, options) {
  if (library === 'sdk') {
    const { Client } = await import('@modelcontextprotocol/sdk/client/index.js');
    const { StreamableHTTPClientTransport } = await import('@modelcontextprotocol/sdk/client/streamableHttp.js');
    const { StdioClientTransport } = await import('@modelcontextprotocol/sdk/client/stdio.js');
    return { client: new Client(info, options), StreamableHTTPClientTransport, StdioClientTransport };
  }
  const { Client, StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client');
  const { StdioClientTransport } = await import('@modelcontextprotocol/client/stdio');
  const client = new Client(info, { ...options, versionNegotiation: { mode: 'auto' } });
  return { client, StreamableHTTPClientTransport, StdioClientTransport };
}

// `words`: http URL KEY, or stdio COMMAND [ARGUMENT...]. `prepare(client)` sets handlers before it connects.
export async function connect(library, [transport, ...rest], options = {}, prepare = () => {}) {
  const { client, StreamableHTTPClientTransport, StdioClientTransport } = await load(library, options);
  await prepare(client);
  const open =
    transport === 'http'
      ? new StreamableHTTPClientTransport(new URL(rest[0]), { requestInit: { headers: { Authorization: `Bearer ${rest[1]}` } } })
      : new StdioClientTransport({ command: rest[0], args: rest.slice(1), env: process.env });
  await client.connect(open);
  const version = () => client.getNegotiatedProtocolVersion?.() ?? open.protocolVersion ?? '';
  return { client, version };
}
