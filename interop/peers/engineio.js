// engine.io at both ends.
//
//   node engineio.js server                 prints `listening PORT`
//   node engineio.js client URL HOW         exits 0 when everything came back as it went
//
// HOW is `polling`, `websocket` or `upgrade` (polling first, then websocket).
const assert = require('node:assert/strict');

const [role, ...args] = process.argv.slice(2);
// Holds unless a client comes to its end: one that waits for what cannot come any more just stops.
process.exitCode = 1;

function server() {
  const http = require('node:http').createServer();
  // Short, so that heartbeats come while a client is there.
  const engine = require('engine.io').attach(http, { pingInterval: 300, pingTimeout: 2_000 });
  engine.on('connection', (socket) => socket.on('message', (data) => socket.send(data)));
  http.listen(0, '127.0.0.1', () => console.log(`listening ${http.address().port}`));
}

async function client([url, how]) {
  const { Socket } = require('engine.io-client');
  const transports = how === 'upgrade' ? ['polling', 'websocket'] : [how];
  const socket = new Socket(url, { transports });
  socket.on('error', fail);
  socket.on('close', (reason) => fail(new Error(`closed: ${reason}`)));
  const upgraded = how === 'upgrade' && event(socket, 'upgrade');
  await event(socket, 'open');
  await upgraded;
  assert.equal(socket.transport.name, how === 'polling' ? 'polling' : 'websocket');
  for (const message of ['hello', 'é'.repeat(50_000), Buffer.from([0, 1, 254, 255]), Buffer.alloc(200_000, 7)]) {
    const answer = event(socket, 'message');
    socket.send(message);
    const got = await answer;
    assert(typeof message === 'string' ? got === message : message.equals(got), 'a message came back changed');
  }
  // Many at once: they arrive in order.
  const numbers = Array.from({ length: 200 }, (_, index) => String(index));
  const answers = [];
  socket.on('message', (data) => answers.push(data));
  for (const number of numbers) socket.send(number);
  while (answers.length < numbers.length) await event(socket, 'message');
  assert.deepEqual(answers, numbers);
  await event(socket, 'heartbeat');
  await event(socket, 'heartbeat');
  socket.off('close');
  const closed = event(socket, 'close');
  socket.close();
  await closed;
  process.exit(0);
}

// engine.io's emitters are its own, without what `events.once` needs.
function event(socket, name) {
  return new Promise((resolve) => socket.once(name, resolve));
}

function fail(error) {
  console.error(error.message);
  process.exit(1);
}

Promise.resolve({ server, client }[role](args)).catch(fail);
