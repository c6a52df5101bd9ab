// Needs a workspace with the filespace "demo": LUCIDLINK_WORKSPACE_URL and LUCIDLINK_TOKEN say which.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, openSync, readdirSync } from 'node:fs';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import koffi from 'koffi';
import { Daemon, File, LucidLinkError } from './lucidlink.js';

const MIB = 1 << 20;
let daemon;
let files;

before(async () => {
  daemon = await Daemon.start({ 'network.timeout': '30' });
  const workspace = await daemon.authenticate(process.env.LUCIDLINK_TOKEN);
  files = await workspace.link('demo');
  await files.createDir('/node');
});

after(async () => {
  await files.close();
  await daemon.close();
});

test('quick start', async () => {
  await files.createDir('/node/letters');
  await files.writeFile('/node/letters/empty', '');
  await files.writeFile('/node/letters/first.txt', 'grüße\n');
  const file = await files.open('/node/letters/second.txt', 'w');
  await file.write(Buffer.from('two'));
  await file.close();
  const entries = await files.readDir('/node/letters');
  assert.deepEqual(entries.map((e) => [e.name, e.type, e.size, e.mode]), [
    ['empty', 'file', 0, 0o644], ['first.txt', 'file', 8, 0o644], ['second.txt', 'file', 3, 0o644]]);
  assert.ok(Math.abs(entries[0].mtime - Date.now()) < 60_000);
  assert.equal((await files.readFile('/node/letters/first.txt')).toString(), 'grüße\n');
  assert.equal((await files.readFile('/node/letters/empty')).length, 0);
  await files.syncAll();
});

test('a large file is streamed', async () => {
  const written = createHash('sha256');
  const target = await files.open('/node/large', 'w');
  for (let n = 0; n < 64; n++) {
    const chunk = randomBytes(MIB);
    written.update(chunk);
    await target.write(chunk);
  }
  await target.close();
  const source = await files.open('/node/large');
  const read = createHash('sha256');
  let size = 0;
  for await (const chunk of Readable.from(source.chunks(300_000))) {
    read.update(chunk);
    size += chunk.length;
  }
  await source.close();
  assert.equal(size, 64 * MIB);
  const digest = written.digest('hex');
  assert.equal(read.digest('hex'), digest);
  assert.equal(createHash('sha256').update(await files.readFile('/node/large')).digest('hex'), digest);
});

test('an error has its detail', async () => {
  const path = `/node/${'long/'.repeat(40)}mißing.txt`;
  await assert.rejects(files.open(path), (error) => {
    assert.ok(error instanceof LucidLinkError);
    assert.deepEqual({ ...error }, { name: 'LucidLinkError', status: -401, code: 'LL_ERR_NOT_FOUND', errno: 2, path,
      retryable: false, maybeApplied: false, fatal: false });
    assert.match(error.message, /^a directory of the path does not exist: .*long\/mißing.txt/);
    return true;
  });
  await assert.rejects(daemon.authenticate('nonsense'), { code: 'LL_ERR_INVALID_TOKEN', path: undefined });
  const invalid = { code: 'LL_ERR_INVALID_PATH', path: 'relative', message: /absolute/ };
  await assert.rejects(files.createDir('relative'), invalid);
  await assert.rejects(files.writeFile('/node/a\0b', ''), TypeError);
  await assert.rejects(Daemon.start(), { code: 'LL_ERR_DAEMON_ACTIVE' });
});

test('what is not closed is freed and not published', { timeout: 60_000 }, async () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc');
  await files.writeFile('/node/good', 'good');
  const open = async () => {
    const file = await files.open('/node/good', 'w');
    await file.write(Buffer.from('half of it'));
    return file;
  };
  const discarded = await open();
  discarded.discard();
  await assert.rejects(discarded.close(), { code: 'LL_ERR_INVALID_HANDLE' });
  // The handle alone; what is registered is garbage.
  const dropped = { handle: (await open()).handle };
  for (let gone = false; !gone; gone = await isGone(dropped)) {
    gc();
    await new Promise(setImmediate);
  }
  await files.syncAll(); // which publishes what open files wrote
  assert.equal((await files.readFile('/node/good')).toString(), 'good');
});

// Nothing is read: the file is open to write only.
async function isGone(file) {
  const error = await File.prototype.read.call(file, Buffer.alloc(1)).catch((error) => error);
  return error.code === 'LL_ERR_INVALID_HANDLE';
}

test('many calls at once', async () => {
  const numbers = Array.from({ length: 500 }, (_, n) => n);
  await Promise.all(numbers.map((n) => files.createDir(`/node/many/${n % 8}-${n}`)));
  await Promise.all(numbers.map(async (n) => {
    const path = `/node/many/${n % 8}-${n}/file`;
    const content = Buffer.alloc(n * 100, path);
    await files.writeFile(path, content);
    await assert.rejects(files.delete(`${path}.missing`), { path: `${path}.missing` });
    assert.deepEqual(await files.readFile(path), content);
  }));
  assert.equal((await files.readDir('/node/many')).length, 500);
  const shared = await files.open('/node/large');
  const pieces = await Promise.all(numbers.slice(0, 64).map(async (n) => {
    const piece = Buffer.alloc(1000);
    assert.equal(await shared.readAt(piece, n * MIB), 1000);
    return piece;
  }));
  const whole = await files.readFile('/node/large');
  for (const [n, piece] of pieces.entries()) assert.deepEqual(piece, whole.subarray(n * MIB, n * MIB + 1000));
});

// Holds the lock that a commit to the filespace needs: commits wait until it is released.
function holdLog() {
  const workspace = fileURLToPath(process.env.LUCIDLINK_WORKSPACE_URL);
  const [filespace] = readdirSync(`${workspace}/filespaces`);
  const head = openSync(`${workspace}/filespaces/${filespace}/log/head`, 'r+');
  const [F_OFD_SETLK, F_WRLCK] = [37, 1];
  const whole = Buffer.alloc(32); // struct flock: everything zero but its type
  whole.writeInt16LE(F_WRLCK);
  const fcntl = koffi.load('libc.so.6').func('int fcntl(int fd, int command, ...)');
  assert.equal(fcntl(head, F_OFD_SETLK, 'void *', whole), 0);
  return () => closeSync(head);
}

test('a call that waits does not stop the event loop', async () => {
  const release = holdLog();
  let done = false;
  const waiting = files.createDir('/node/waits').finally(() => { done = true; });
  await new Promise((resolve) => {
    let ticks = 0;
    const timer = setInterval(() => {
      if (++ticks < 50) return;
      clearInterval(timer);
      resolve();
    }, 2);
  });
  assert.equal(done, false, 'it waits');
  release();
  await waiting;
  assert.equal((await files.readDir('/node')).some((e) => e.name === 'waits'), true);
});
