// The public clients of E2B, unchanged, as `node e2b.mjs URL KEY IMAGE`. Each scenario names the methods of
// theirs that it shows to work.
import { Sandbox as Plain } from "e2b";
import { Sandbox } from "@e2b/code-interpreter";

import { assert, key, run, url } from "./harness.mjs";

const options = { apiUrl: url, sandboxUrl: url, apiKey: key.replace(/^acloud_/, "e2b_") };
const sandbox = await Sandbox.create({ ...options, timeoutMs: 300_000, envs: { FROM: "create" }, metadata: { test: "main" } });

async function failure(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("it succeeded");
}

async function pages(paginator) {
  const all = [];
  while (paginator.hasNext) all.push(...(await paginator.nextItems()));
  return all;
}

await run({
  "Sandbox.create": async () => {
    const made = await Plain.create({ ...options });
    assert.match(made.sandboxId, /^sbx_/);
    assert.equal(await made.kill(), true);
  },
  "Sandbox.connect": async () => {
    const again = await Sandbox.connect(sandbox.sandboxId, options);
    assert.equal((await again.commands.run("echo $FROM")).stdout, "create\n");
    assert.match(String(await failure(Sandbox.connect("sbx_none", options))), /not found/);
  },
  "Sandbox.list": async () => {
    const others = await Promise.all([1, 2, 3].map((i) => Plain.create({ ...options, metadata: { test: "a b&ü", i: `${i}` } })));
    const found = await pages(Sandbox.list({ ...options, limit: 2, query: { metadata: { test: "a b&ü" } } }));
    assert.deepEqual(found.map((each) => each.sandboxId).sort(), others.map((each) => each.sandboxId).sort());
    assert.equal(found[0].state, "running");
    const one = await pages(Sandbox.list({ ...options, query: { metadata: { i: "2" }, state: ["running"] } }));
    assert.deepEqual(one.map((each) => each.sandboxId), [others[1].sandboxId]);
    await Promise.all(others.map((each) => each.kill()));
  },
  "Sandbox.kill": async () => {
    const made = await Plain.create(options);
    assert.equal(await Sandbox.kill(made.sandboxId, options), true);
    assert.equal(await Sandbox.kill(made.sandboxId, options), false);
  },
  "sandbox.kill": async () => {
    const made = await Plain.create(options);
    assert.equal(await made.kill(), true);
    assert.equal(await made.isRunning(), false);
  },
  "sandbox.getInfo": async () => {
    const info = await sandbox.getInfo();
    assert.equal(info.sandboxId, sandbox.sandboxId);
    assert.deepEqual(info.metadata, { test: "main" });
    assert.equal(info.state, "running");
    assert(Math.abs(info.endAt - info.startedAt - 300_000) < 2_000);
  },
  "Sandbox.getInfo": async () => {
    assert.equal((await Sandbox.getInfo(sandbox.sandboxId, options)).templateId, "base");
    assert.match(String(await failure(Sandbox.getInfo("sbx_none", options))), /NotFound/);
  },
  "sandbox.isRunning": async () => assert.equal(await sandbox.isRunning(), true),
  "sandbox.setTimeout": async () => {
    await sandbox.setTimeout(600_000);
    const left = (await sandbox.getInfo()).endAt - Date.now();
    assert(left > 500_000 && left <= 601_000, `${left}`);
  },
  "Sandbox.setTimeout": async () => {
    await Sandbox.setTimeout(sandbox.sandboxId, 900_000, options);
    assert((await sandbox.getInfo()).endAt - Date.now() > 800_000);
  },
  "sandbox.pause": async () => {
    const made = await Plain.create(options);
    await made.commands.run("echo kept > kept");
    assert.equal(await made.pause(), true);
    assert.equal(await made.isRunning(), false);
    assert.equal(await made.pause(), false);
    assert.deepEqual((await made.getInfo()).state, "paused");
    await made.connect();
    assert.equal(await made.files.read("kept"), "kept\n");
    await made.kill();
  },
  "Sandbox.pause": async () => {
    const made = await Plain.create(options);
    assert.equal(await Sandbox.pause(made.sandboxId, options), true);
    assert.equal((await pages(Sandbox.list({ ...options, query: { state: ["paused"] } }))).length, 1);
    await made.kill();
  },
  "sandbox.connect": async () => {
    assert.equal((await sandbox.connect()).sandboxId, sandbox.sandboxId);
  },
  "sandbox.getMetrics": async () => {
    const [metric] = await sandbox.getMetrics();
    assert(metric.memUsed > 0 && metric.memTotal === 2 * 2 ** 30 && metric.diskTotal === 4 * 2 ** 30);
    assert(metric.timestamp instanceof Date && metric.cpuCount >= 1);
  },
  "sandbox.getHost": async () => assert.match(sandbox.getHost(3000), new RegExp(`^3000-${sandbox.sandboxId}\\.`)),
  "sandbox.updateNetwork": async () => {
    const proxy = async () => (await sandbox.commands.run("echo $HTTPS_PROXY")).stdout.trim();
    await sandbox.updateNetwork({ allowOut: ["example.com"], denyOut: ({ allTraffic }) => [allTraffic] });
    assert.equal(await proxy(), "http://127.0.0.1:3128");
    await sandbox.updateNetwork({ allowInternetAccess: false });
    assert.equal(await proxy(), "");
  },

  "files.write": async () => {
    const info = await sandbox.files.write("/root/folder/a.txt", "héllo");
    assert.equal(info.path, "/root/folder/a.txt");
    await sandbox.files.write("bytes", new Uint8Array([0, 13, 10, 255, 45, 45]).buffer);
    await sandbox.files.write("empty", "");
    await sandbox.files.write("streamed", new Blob(["stream"]).stream());
    assert.equal(await sandbox.files.read("streamed"), "stream");
  },
  "files.writeFiles": async () => {
    const written = await sandbox.files.writeFiles([
      { path: "/root/many/1", data: "one" },
      { path: '/root/many/q"ü', data: "two\r\n--" },
    ]);
    assert.deepEqual(written.map((each) => each.path), ["/root/many/1", '/root/many/q"ü']);
    assert.equal(await sandbox.files.read('/root/many/q"ü'), "two\r\n--");
  },
  "files.read": async () => {
    assert.equal(await sandbox.files.read("/root/folder/a.txt"), "héllo");
    assert.deepEqual([...(await sandbox.files.read("bytes", { format: "bytes" }))], [0, 13, 10, 255, 45, 45]);
    assert.equal(await (await sandbox.files.read("bytes", { format: "blob" })).size, 6);
    assert.equal(await new Response(await sandbox.files.read("streamed", { format: "stream" })).text(), "stream");
    assert.match((await failure(sandbox.files.read("/none"))).name, /NotFound/);
  },
  "files.list": async () => {
    const listed = await sandbox.files.list("/root/many");
    assert.deepEqual(listed.map((each) => each.name).sort(), ["1", 'q"ü']);
    assert.deepEqual([listed[0].type, listed[0].size], ["file", 3]);
    const deep = await sandbox.files.list("/root", { depth: 2 });
    assert(deep.some((each) => each.path === "/root/many/1"));
  },
  "files.exists": async () => {
    assert.equal(await sandbox.files.exists("/root/many"), true);
    assert.equal(await sandbox.files.exists("/root/nothing"), false);
  },
  "files.getInfo": async () => {
    const info = await sandbox.files.getInfo("/root/folder/a.txt");
    assert.deepEqual([info.name, info.type, info.size, info.owner, info.mode], ["a.txt", "file", 6, "root", 0o644]);
    assert(Math.abs(info.modifiedTime - Date.now()) < 600_000);
    await sandbox.commands.run("ln -s /etc/passwd link");
    assert.equal((await sandbox.files.getInfo("link")).symlinkTarget, "/etc/passwd");
  },
  "files.makeDir": async () => {
    assert.equal(await sandbox.files.makeDir("/root/-new/deep"), true);
    assert.equal(await sandbox.files.makeDir("/root/-new/deep"), false);
    assert.equal((await sandbox.files.getInfo("/root/-new/deep")).type, "dir");
  },
  "files.rename": async () => {
    assert.equal((await sandbox.files.rename("/root/many/1", "/root/many/moved")).path, "/root/many/moved");
    assert.equal(await sandbox.files.exists("/root/many/1"), false);
    assert.match((await failure(sandbox.files.rename("/none", "/root/x"))).name, /NotFound/);
  },
  "files.remove": async () => {
    await sandbox.files.remove("/root/many");
    assert.equal(await sandbox.files.exists("/root/many"), false);
    assert.match((await failure(sandbox.files.remove("/root/many"))).name, /NotFound/);
  },

  "commands.run": async () => {
    const seen = [];
    const done = await sandbox.commands.run('echo out $A; echo ü >&2; pwd', {
      cwd: "/tmp", envs: { A: "b c" }, onStdout: (text) => seen.push(text),
    });
    assert.deepEqual([done.exitCode, done.stdout, done.stderr], [0, "out b c\n/tmp\n", "ü\n"]);
    assert.equal(seen.join(""), done.stdout);
    const error = await failure(sandbox.commands.run("echo no >&2; exit 3"));
    assert.deepEqual([error.name, error.exitCode, error.stderr], ["CommandExitError", 3, "no\n"]);
    assert.match((await failure(sandbox.commands.run("sleep 60", { timeoutMs: 300 }))).name, /Timeout/);
  },
  "handle.wait": async () => {
    const handle = await sandbox.commands.run("echo one; sleep 0.2; echo two", { background: true });
    assert(handle.pid > 1);
    assert.equal((await handle.wait()).stdout, "one\ntwo\n");
  },
  "handle.kill": async () => {
    const handle = await sandbox.commands.run("sleep 60", { background: true });
    assert.equal(await handle.kill(), true);
    assert.equal((await failure(handle.wait())).exitCode, 137);
  },
  "commands.kill": async () => {
    const handle = await sandbox.commands.run("sleep 60", { background: true });
    assert.equal(await sandbox.commands.kill(handle.pid), true);
    await failure(handle.wait());
    assert.equal(await sandbox.commands.kill(999_999), false);
  },

  "handle.disconnect": async () => {
    const handle = await sandbox.commands.run("echo first; read line; echo got $line", { background: true, stdin: true });
    while (!handle.stdout.includes("first")) await new Promise((resolve) => setImmediate(resolve));
    await handle.disconnect();
    assert((await sandbox.commands.list()).some((each) => each.pid === handle.pid));
    await sandbox.commands.sendStdin(handle.pid, "later\n");
  },
  "commands.list": async () => {
    const handle = await sandbox.commands.run("sleep 60", { background: true, cwd: "/tmp" });
    const listed = (await sandbox.commands.list()).find((each) => each.pid === handle.pid);
    assert.deepEqual([listed.cmd, listed.args, listed.cwd], ["/bin/bash", ["-l", "-c", "sleep 60"], "/tmp"]);
    await handle.kill();
    await failure(handle.wait());
    assert.equal((await sandbox.commands.list()).find((each) => each.pid === handle.pid), undefined);
  },
  "commands.connect": async () => {
    const first = await sandbox.commands.run("read line; echo got $line; exit 4", { background: true, stdin: true });
    await first.disconnect();
    const seen = [];
    const again = await sandbox.commands.connect(first.pid, { onStdout: (text) => seen.push(text) });
    await again.sendStdin("ü\n");
    const ended = await failure(again.wait());
    assert.deepEqual([ended.exitCode, ended.stdout, seen.join("")], [4, "got ü\n", "got ü\n"]);
    assert.match((await failure(sandbox.commands.connect(999_999))).name, /NotFound/);
  },
  "commands.sendStdin": async () => {
    const handle = await sandbox.commands.run("cat", { background: true, stdin: true });
    await sandbox.commands.sendStdin(handle.pid, "to cat\n");
    await handle.sendStdin(new Uint8Array([65, 10]));
    await sandbox.commands.closeStdin(handle.pid);
    assert.equal((await handle.wait()).stdout, "to cat\nA\n");
  },
  "commands.closeStdin": async () => {
    const handle = await sandbox.commands.run("wc -c", { background: true, stdin: true });
    await handle.closeStdin();
    assert.equal((await handle.wait()).stdout.trim(), "0");
    const without = await sandbox.commands.run("cat; echo none");
    assert.equal(without.stdout, "none\n");
  },
  "pty.create": async () => {
    let text = "";
    const terminal = await sandbox.pty.create({ cols: 90, rows: 30, onData: (data) => (text += new TextDecoder().decode(data)) });
    await sandbox.pty.sendInput(terminal.pid, new TextEncoder().encode("stty size; tty; exit 5\n"));
    assert.equal((await failure(terminal.wait())).exitCode, 5);
    assert.match(text, /30 90/);
    assert.match(text, /\/dev\/pts\//);
  },
  "pty.sendInput": async () => {
    const terminal = await sandbox.pty.create({ cols: 80, rows: 24, cwd: "/tmp", envs: { P: "q" }, onData: () => {} });
    await sandbox.pty.sendInput(terminal.pid, new TextEncoder().encode("echo $P > pty-was-here; pwd >> pty-was-here; exit 0\n"));
    await terminal.wait();
    assert.equal(await sandbox.files.read("/tmp/pty-was-here"), "q\n/tmp\n");
  },
  "pty.resize": async () => {
    let text = "";
    const terminal = await sandbox.pty.create({ cols: 80, rows: 24, onData: (data) => (text += new TextDecoder().decode(data)) });
    await sandbox.pty.resize(terminal.pid, { cols: 120, rows: 40 });
    await sandbox.pty.sendInput(terminal.pid, new TextEncoder().encode("stty size; exit\n"));
    await terminal.wait();
    assert.match(text, /40 120/);
  },
  "pty.connect": async () => {
    const first = await sandbox.pty.create({ cols: 80, rows: 24, onData: () => {} });
    await first.disconnect();
    let text = "";
    const again = await sandbox.pty.connect(first.pid, { onData: (data) => (text += new TextDecoder().decode(data)) });
    await sandbox.pty.sendInput(first.pid, new TextEncoder().encode("echo again-$((40 + 2)); exit\n"));
    await again.wait();
    assert.match(text, /again-42/);
  },
  "pty.kill": async () => {
    const terminal = await sandbox.pty.create({ cols: 80, rows: 24, onData: () => {} });
    assert.equal(await sandbox.pty.kill(terminal.pid), true);
    await failure(terminal.wait());
    assert.equal(await sandbox.pty.kill(terminal.pid), false);
  },
  "files.watchDir": async () => {
    await sandbox.files.makeDir("/root/watched/below");
    const seen = [];
    let found;
    const all = new Promise((resolve) => (found = resolve));
    const watch = await sandbox.files.watchDir("/root/watched", (event) => {
      seen.push(`${event.type} ${event.name}`);
      if (event.name === "below/deep" && event.type === "write") found();
    }, { recursive: true });
    await sandbox.files.write("/root/watched/file", "x");
    await sandbox.files.remove("/root/watched/file");
    await sandbox.files.write("/root/watched/below/deep", "x");
    await all;
    await watch.stop();
    for (const wanted of ["create file", "write file", "remove file", "create below/deep"]) assert(seen.includes(wanted), `${wanted}: ${seen}`);
    assert.match((await failure(sandbox.files.watchDir("/none", () => {}))).name, /NotFound/);
  },
  "watch.stop": async () => {
    const ended = new Promise((resolve) => {
      sandbox.files.watchDir("/root", () => {}, { onExit: resolve }).then((watch) => watch.stop());
    });
    await ended;
  },

  "sandbox.createSnapshot": async () => {
    await sandbox.files.write("/root/kept", "in the snapshot");
    const snapshot = await sandbox.createSnapshot();
    const made = await Plain.create(snapshot.snapshotId, options);
    assert.equal(await made.files.read("/root/kept"), "in the snapshot");
    await made.kill();
  },
  "Sandbox.createSnapshot": async () => {
    const snapshot = await Sandbox.createSnapshot(sandbox.sandboxId, { ...options, name: "by-name" });
    assert.equal(snapshot.snapshotId, "by-name");
    assert.match((await failure(Sandbox.createSnapshot("sbx_none", options))).name, /NotFound/);
  },
  "sandbox.listSnapshots": async () => {
    assert((await pages(sandbox.listSnapshots({ limit: 1 }))).length >= 2);
  },
  "Sandbox.listSnapshots": async () => {
    assert.equal((await pages(Sandbox.listSnapshots({ ...options, name: "by-name" }))).length, 1);
    assert.deepEqual(await pages(Sandbox.listSnapshots({ ...options, sandboxId: "sbx_none" })), []);
  },
  "Sandbox.deleteSnapshot": async () => {
    for (const { snapshotId } of await pages(Sandbox.listSnapshots(options))) {
      assert.equal(await Sandbox.deleteSnapshot(snapshotId, options), true);
    }
    assert.equal(await Sandbox.deleteSnapshot("by-name", options), false);
  },
  "sandbox.fork": async () => {
    await sandbox.files.write("/root/forked", "before");
    const forks = await sandbox.fork({ count: 2, timeoutMs: 60_000 });
    assert.equal(forks.length, 2);
    await forks[0].files.write("/root/forked", "after");
    assert.equal(await forks[1].files.read("/root/forked"), "before");
    assert.equal((await forks[0].commands.run("echo $FROM")).stdout, "create\n");
    assert((await forks[0].getInfo()).endAt - Date.now() <= 61_000);
    await Promise.all(forks.map((fork) => fork.kill()));
  },
  "Sandbox.fork": async () => {
    const [fork] = await Sandbox.fork(sandbox.sandboxId, options);
    assert.notEqual(fork.sandboxId, sandbox.sandboxId);
    await fork.kill();
    assert.match((await failure(Sandbox.fork("sbx_none", options))).name, /NotFound/);
  },

  "sandbox.runCode": async () => {
    await sandbox.runCode("x = 20");
    const seen = [];
    const done = await sandbox.runCode(
      "print('hi')\nclass P:\n  def _repr_png_(self): return b'png'\n  def _repr_html_(self): return '<b>'\n  def __repr__(self): return 'P'\ndisplay(P())\nx + 1",
      { onStdout: (line) => seen.push(line.line) },
    );
    assert.equal(done.text, "21");
    assert.deepEqual(done.results[0].formats().sort(), ["html", "png"]);
    assert.equal(done.results[0].png, Buffer.from("png").toString("base64"));
    assert.deepEqual([seen, done.logs.stdout, done.error], [["hi\n"], ["hi\n"], undefined]);
    const failed = await sandbox.runCode("1 / 0");
    assert.deepEqual([failed.error.name, failed.error.value], ["ZeroDivisionError", "division by zero"]);
    assert.equal(failed.executionCount, 3);
    assert.equal((await sandbox.runCode("echo $V", { language: "bash", envs: { V: "w" } })).logs.stdout.join(""), "w\n");
  },
  "sandbox.createCodeContext": async () => {
    const context = await sandbox.createCodeContext({ cwd: "/tmp" });
    assert.deepEqual([context.language, context.cwd], ["python", "/tmp"]);
    assert.equal((await sandbox.runCode("import os; os.getcwd()", { context })).text, "'/tmp'");
    assert.equal((await sandbox.runCode("x", { context })).error.name, "NameError");
  },
  "sandbox.listCodeContexts": async () => {
    const listed = await sandbox.listCodeContexts();
    assert.deepEqual(listed.map((each) => each.cwd).sort(), ["/root", "/root", "/tmp"]);
  },
  "sandbox.restartCodeContext": async () => {
    const context = (await sandbox.listCodeContexts()).find((each) => each.cwd === "/tmp");
    await sandbox.runCode("y = 1", { context });
    await sandbox.restartCodeContext(context);
    assert.equal((await sandbox.runCode("y", { context })).error.name, "NameError");
  },
  "sandbox.removeCodeContext": async () => {
    const context = (await sandbox.listCodeContexts()).find((each) => each.cwd === "/tmp");
    await sandbox.removeCodeContext(context);
    assert.equal((await sandbox.listCodeContexts()).length, 2);
    assert.match((await failure(sandbox.removeCodeContext(context))).name, /NotFound/);
  },

  "git.init": async () => {
    await sandbox.git.init("/root/repository");
    assert.equal(await sandbox.files.exists("/root/repository/.git"), true);
  },
  "a wrong key": async () => {
    const error = await failure(Plain.create({ ...options, apiKey: "e2b_" + "0".repeat(40) }));
    assert.equal(error.name, "AuthenticationError");
  },
  "what is not served": async () => {
    assert.match(String(await failure(Plain.create({ ...options, template: "none" }))), /no image none/);
  },
});
