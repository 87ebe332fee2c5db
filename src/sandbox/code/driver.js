// Runs cells of JavaScript for sandbox.run_code, one after the other in one global scope, inside the sandbox.
// README.md says how it speaks with the server.
'use strict';
const net = require('net');
const util = require('util');
const vm = require('vm');

const most = 8 << 20; // bytes of one result; the server takes no line that is much longer
const [port, token] = process.argv.slice(-2);
process.argv.length = 1;
const link = net.connect({ host: '127.0.0.1', port: Number(port), noDelay: true });
link.write(token + '\n');

function send(kind, text) {
  link.write(`${kind}${text}\n`);
}

function forms(value) {
  const found = {};
  if (value !== null && typeof value === 'object' && typeof value._toMime === 'function') {
    for (const [kind, form] of Object.entries(value._toMime())) {
      found[kind] = Buffer.isBuffer(form) ? form.toString('base64') : String(form);
    }
  }
  if (value !== null && typeof value === 'object') {
    const plain = Array.isArray(value) || [Object.prototype, null].includes(Object.getPrototypeOf(value));
    try {
      if (plain && !('application/json' in found)) found['application/json'] = JSON.stringify(value);
    } catch {
      // It has a cycle, or a number that JSON has no form for: its text must do.
    }
  }
  if (!('text/plain' in found)) found['text/plain'] = typeof value === 'string' ? value : util.inspect(value);
  return found;
}

function show(value, main) {
  const text = JSON.stringify({ main, data: forms(value) });
  const size = Buffer.byteLength(text);
  if (size > most) throw new RangeError(`a result of ${size} bytes is more than ${most}; write it into a file`);
  send('r', text);
}

globalThis.require = require;
globalThis.display = (...values) => values.forEach((value) => show(value, false));

function compile(source, filename) {
  const options = { filename, importModuleDynamically: vm.constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER };
  try {
    return new vm.Script(source, options);
  } catch (error) {
    if (!(error instanceof SyntaxError) || !/\bawait\b/.test(source)) throw error;
    for (const wrapped of [`(async () => (${source}\n))()`, `(async () => {${source}\n})()`]) {
      try {
        return new vm.Script(wrapped, options);
      } catch {
        // The next form, or what was wrong with the code as it came.
      }
    }
    throw error;
  }
}

let interrupt = () => {};
process.on('SIGINT', () => interrupt(new Error('interrupted')));
process.on('uncaughtException', (error) => process.stderr.write(`${util.inspect(error)}\n`));
process.on('unhandledRejection', (error) => process.stderr.write(`${util.inspect(error)}\n`));

function describe(error) {
  const known = util.types.isNativeError(error);
  // Without what is ours, which begins where the cell is run or compiled.
  const ours = /\n {4}at (sigintHandlersWrap|Script\.runIn|new Script)/;
  const stack = known ? String(error.stack).split(ours)[0] : util.inspect(error);
  return {
    name: known ? String(error.name) : typeof error,
    value: (known ? String(error.message) : String(error)).slice(0, most / 32),
    traceback: stack.slice(0, most / 8),
  };
}

async function run(source, filename) {
  const interrupted = new Promise((_, reject) => {
    interrupt = reject;
  });
  interrupted.catch(() => {});
  let answer = {};
  try {
    let value = compile(source, filename).runInThisContext({ breakOnSigint: true });
    if (util.types.isPromise(value)) value = await Promise.race([value, interrupted]);
    if (value !== undefined) show(value, true);
  } catch (error) {
    answer = describe(error);
  }
  interrupt = () => {};
  return answer;
}

let count = 0;
let running = Promise.resolve();
const changed = new Map();

async function handle(kind, body) {
  if (kind === 'v') {
    const at = body.indexOf('=');
    const name = body.slice(0, at);
    if (!changed.has(name)) changed.set(name, process.env[name]);
    process.env[name] = body.slice(at + 1);
    return;
  }
  const answer = await run(body, `<cell ${++count}>`);
  for (const [name, value] of changed) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  changed.clear();
  send('d', JSON.stringify(answer));
}

let waiting = Buffer.alloc(0);
link.on('data', (data) => {
  waiting = Buffer.concat([waiting, data]);
  for (;;) {
    const end = waiting.indexOf(10);
    if (end < 0) return;
    const [kind, length] = waiting.subarray(0, end).toString().split(' ');
    const next = end + 1 + Number(length);
    if (waiting.length < next) return;
    const body = waiting.subarray(end + 1, next).toString();
    waiting = waiting.subarray(next);
    running = running.then(() => handle(kind, body));
  }
});
link.on('close', () => process.exit(0));
link.on('error', () => process.exit(0));
