// MQTT over WebSocket (subprotocol mqtt) at both ends: the broker aedes, the client MQTT.js.
//
//   node mqtt.js server              prints `listening PORT`
//   node mqtt.js client URL          exits 0 when everything that was published arrived
const assert = require('node:assert/strict');
const { once } = require('node:events');

const [role, ...args] = process.argv.slice(2);
// Holds unless a client comes to its end: one that waits for what cannot come any more just stops.
process.exitCode = 1;

async function server() {
  const { Aedes } = require('aedes');
  const { WebSocketServer, createWebSocketStream } = require('ws');
  const broker = await Aedes.createBroker();
  const socket = new WebSocketServer({
    host: '127.0.0.1',
    port: 0,
    handleProtocols: (offered) => (offered.has('mqtt') ? 'mqtt' : false),
  });
  socket.on('connection', (connection, request) => {
    // MQTT asks for the subprotocol; a client without it is none.
    if (connection.protocol !== 'mqtt') connection.close(1002);
    else broker.handle(createWebSocketStream(connection), request);
  });
  socket.on('listening', () => console.log(`listening ${socket.address().port}`));
}

async function client([url]) {
  const { connectAsync } = require('mqtt');
  const connect = (more) => connectAsync(`${url}/mqtt`, { reconnectPeriod: 0, ...more });
  const subscriber = await connect();
  const publisher = await connect({ will: { topic: 'will', payload: 'gone', qos: 1 } });
  const arrived = [];
  subscriber.on('message', (topic, payload) => arrived.push([topic, payload]));
  await subscriber.subscribeAsync(['news/#', 'will'], { qos: 2 });
  const sent = [0, 1, 2].flatMap((qos) => [
    [`news/${qos}/small`, Buffer.from('Grüße'), { qos }],
    [`news/${qos}/empty`, Buffer.alloc(0), { qos }],
    [`news/${qos}/large`, Buffer.alloc(300_000, qos + 1), { qos }],
  ]);
  for (const message of sent) await publisher.publishAsync(...message);
  await until(subscriber, () => arrived.length >= sent.length);
  assert.equal(arrived.length, sent.length);
  for (const [index, [topic, payload]] of sent.entries()) {
    assert.equal(arrived[index][0], topic);
    assert(payload.equals(arrived[index][1]), `${topic} arrived changed`);
  }
  // A connection that is cut, not closed, is what a will is for.
  publisher.on('error', () => {});
  publisher.stream.destroy();
  await until(subscriber, () => arrived.length > sent.length);
  assert.deepEqual(arrived.at(-1), ['will', Buffer.from('gone')]);
  await subscriber.endAsync();
  process.exit(0);
}

async function until(emitter, holds) {
  while (!holds()) await once(emitter, 'message');
}

Promise.resolve({ server, client }[role](args)).catch((error) => {
  console.error(error.stack ?? error);
  process.exit(1);
});
