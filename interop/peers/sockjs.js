// SockJS at both ends.
//
//   node sockjs.js server                     prints `listening PORT`
//   node sockjs.js client URL TRANSPORT       exits 0 when everything came back as it went
//
// TRANSPORT is `websocket`, `xhr-streaming` or `xhr-polling`.
const assert = require('node:assert/strict');

const [role, ...args] = process.argv.slice(2);
// Holds unless a client comes to its end: one that waits for what cannot come any more just stops.
process.exitCode = 1;

function server() {
  const http = require('node:http').createServer();
  const echo = require('sockjs').createServer({
    prefix: '/sockjs',
    log: () => {},
    // A stream ends after so many bytes, and the client asks for the next one.
    response_limit: 64 * 1024,
  });
  echo.on('connection', (socket) => {
    socket.on('data', (message) => (message === 'enough' ? socket.close(4001, 'as you say') : socket.write(message)));
  });
  echo.installHandlers(http);
  http.listen(0, '127.0.0.1', () => console.log(`listening ${http.address().port}`));
}

async function client([url, transport]) {
  const SockJS = require('sockjs-client');
  const socket = new SockJS(`${url}/sockjs`, null, { transports: [transport] });
  const arrived = [];
  let wake = () => {};
  socket.onmessage = ({ data }) => {
    arrived.push(data);
    wake();
  };
  const closed = new Promise((resolve) => { socket.onclose = resolve; });
  closed.then(({ code, reason }) => code !== 4001 && fail(new Error(`closed: ${code} ${reason}`)));
  await new Promise((resolve) => { socket.onopen = resolve; });
  assert.equal(socket.transport, transport);
  const sent = ['hello', 'é😀'.repeat(10_000), '', ...Array.from({ length: 100 }, (_, index) => `${index}`)];
  for (const message of sent) socket.send(message);
  while (arrived.length < sent.length) await new Promise((resolve) => { wake = resolve; });
  assert.deepEqual(arrived, sent);
  // Past the limit of one stream, one message after the other.
  for (let turn = 0; turn < 10; turn += 1) {
    const answer = new Promise((resolve) => { wake = resolve; });
    socket.send(`${turn}`.repeat(10_000));
    await answer;
    assert.equal(arrived.at(-1), `${turn}`.repeat(10_000));
  }
  socket.send('enough');
  const { code, reason } = await closed;
  assert.deepEqual([code, reason], [4001, 'as you say']);
  process.exit(0);
}

function fail(error) {
  console.error(error.message);
  process.exit(1);
}

Promise.resolve({ server, client }[role](args)).catch(fail);
