// Socket.IO at both ends.
//
//   node socketio.js server NAME              prints `listening PORT`
//   node socketio.js client URL HOW COUNT     COUNT clients at once, each with cookies of its own
//
// HOW is `polling`, `websocket` or `upgrade` (polling first, then websocket). The client prints
// in JSON how many of its clients worked on which server, and why the others did not.
const assert = require('node:assert/strict');

const [role, ...args] = process.argv.slice(2);
// Holds unless a client comes to its end: one that waits for what cannot come any more just stops.
process.exitCode = 1;
const WAIT = 8_000;

function server([name]) {
  const { Server } = require('socket.io');
  const http = require('node:http').createServer();
  new Server(http).on('connection', (socket) => {
    socket.emit('welcome', name);
    socket.on('transport', (done) => done(socket.conn.transport.name));
    socket.on('echo', (value, done) => done(value));
    socket.on('join', async (room, done) => {
      await socket.join(room);
      done();
    });
    // To everybody in the room but the one who says it.
    socket.on('say', (room, value, done) => {
      socket.to(room).emit('said', value);
      done();
    });
  });
  http.listen(0, '127.0.0.1', () => console.log(`listening ${http.address().port}`));
}

async function client([url, how, count]) {
  const clients = Array.from({ length: Number(count) }, () => connect(url, how));
  const outcomes = await Promise.allSettled(clients.map(converse));
  const worked = outcomes.filter(({ status }) => status === 'fulfilled').map(({ value }) => value);
  const failures = outcomes.filter(({ status }) => status === 'rejected').map(({ reason }) => reason.message);
  const servers = byServer(worked);
  for (const members of Object.values(servers)) await meet(members);
  const told = Object.fromEntries(Object.entries(servers).map(([name, members]) => [name, members.length]));
  console.log(JSON.stringify({ servers: told, failures }));
  process.exit(0);
}

function connect(url, how) {
  const { io } = require('socket.io-client');
  const socket = io(url, {
    transports: how === 'upgrade' ? ['polling', 'websocket'] : [how],
    // Cookies are kept and sent, as browsers do.
    withCredentials: true,
    forceNew: true,
    reconnection: false,
    timeout: WAIT,
  });
  const welcome = heard(socket, 'welcome');
  const upgraded = how === 'upgrade' ? heard(socket.io.engine, 'upgrade') : null;
  const lost = new Promise((_, reject) => {
    for (const event of ['connect_error', 'disconnect']) {
      socket.on(event, (reason) => reject(new Error(`${event}: ${reason.message ?? reason}`)));
    }
  });
  // Whichever of these nobody waits for any more may fail.
  for (const promise of [welcome, upgraded, lost]) promise?.catch(() => {});
  return { socket, how, welcome, upgraded, lost, said: [] };
}

// What one client does by itself; gives the client with the name of its server.
function converse(client) {
  return Promise.race([client.lost, speak(client)]);
}

async function speak(client) {
  const { socket, how } = client;
  client.name = await client.welcome;
  await client.upgraded;
  const expected = how === 'polling' ? 'polling' : 'websocket';
  assert.equal(await ask(socket, 'transport'), expected, 'the transport that the server sees');
  for (const value of ['', 'Grüße 👋', { deep: [1, null, { yes: true }] }, 'x'.repeat(100_000)]) {
    assert.deepEqual(await ask(socket, 'echo', value), value);
  }
  for (const size of [0, 1, 70_000]) {
    const bytes = Buffer.from({ length: size }, (_, at) => at * 31);
    assert(bytes.equals(await ask(socket, 'echo', bytes)), `${size} binary bytes came back changed`);
  }
  return client;
}

// The clients of one server spread over two rooms; one of each speaks and the others of that
// room hear it, once, and nothing else.
async function meet(members) {
  const room = (index) => `room ${index % 2}`;
  for (const { socket, said } of members) socket.on('said', (value) => said.push(value));
  await Promise.all(members.map(({ socket }, index) => ask(socket, 'join', room(index))));
  for (const [index, { socket }] of members.slice(0, 2).entries()) {
    await ask(socket, 'say', room(index), room(index));
  }
  // Events stay in order: what was said is there once an answer to a later question is.
  await Promise.all(members.map(({ socket }) => ask(socket, 'echo', 'over')));
  for (const [index, { said }] of members.entries()) {
    assert.deepEqual(said, index < 2 ? [] : [room(index)], `what client ${index} heard`);
  }
}

function ask(socket, ...message) {
  return socket.timeout(WAIT).emitWithAck(...message);
}

function heard(emitter, event) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${event} within ${WAIT} ms`)), WAIT);
    emitter.once(event, (value) => {
      clearTimeout(timer);
      resolve(value);
    });
  });
}

function byServer(clients) {
  const groups = {};
  for (const client of clients) (groups[client.name] ??= []).push(client);
  return groups;
}

({ server, client })[role](args);
