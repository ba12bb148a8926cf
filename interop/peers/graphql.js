// GraphQL over WebSocket (graphql-ws, subprotocol graphql-transport-ws) at both ends.
//
//   node graphql.js server              prints `listening PORT`
//   node graphql.js client URL          exits 0 when queries and subscriptions were answered
const assert = require('node:assert/strict');
const { WebSocket, WebSocketServer } = require('ws');

const [role, ...args] = process.argv.slice(2);
// Holds unless a client comes to its end: one that waits for what cannot come any more just stops.
process.exitCode = 1;

function server() {
  const { buildSchema } = require('graphql');
  const { useServer } = require('graphql-ws/use/ws');
  const schema = buildSchema(`
    type Query { hello(name: String!): String! }
    type Subscription { count(to: Int!): Int! }
  `);
  const roots = {
    query: { hello: ({ name }) => `hello, ${name}` },
    subscription: {
      count: async function* count({ to }) {
        for (let number = 1; number <= to; number += 1) yield { count: number };
      },
    },
  };
  const socket = new WebSocketServer({ host: '127.0.0.1', port: 0, path: '/graphql' });
  useServer({ schema, roots, onConnect: ({ connectionParams }) => connectionParams?.token === 'let me in' }, socket);
  socket.on('listening', () => console.log(`listening ${socket.address().port}`));
}

async function client([url]) {
  const { createClient } = require('graphql-ws');
  const opened = [];
  class Counted extends WebSocket {
    constructor(...how) {
      super(...how);
      opened.push(this);
    }
  }
  const connect = (token) => createClient({
    url: `${url}/graphql`, webSocketImpl: Counted, retryAttempts: 0, connectionParams: { token },
  });
  const good = connect('let me in');
  // A subscription and a query at once, on one connection.
  const [numbers, [greeting]] = await Promise.all([
    collect(good, 'subscription { count(to: 200) }'),
    collect(good, '{ hello(name: "Grüße 👋") }'),
  ]);
  assert.deepEqual(numbers.map(({ data }) => data.count), Array.from({ length: 200 }, (_, index) => index + 1));
  assert.equal(greeting.data.hello, 'hello, Grüße 👋');
  const [first] = opened;
  assert.equal(first.protocol, 'graphql-transport-ws');
  const [wrong] = await collect(good, '{ nonsense }').catch((errors) => [errors]);
  assert.match(JSON.stringify(wrong), /nonsense/);
  await good.dispose();
  // The server's own close code, with its reason, says why a client is not let in.
  const refused = await collect(connect('guess'), '{ hello(name: "") }').catch((event) => event);
  assert.deepEqual([refused.code, refused.reason], [4403, 'Forbidden']);
  process.exit(0);
}

async function collect(connection, query) {
  const results = [];
  for await (const result of connection.iterate({ query })) results.push(result);
  return results;
}

Promise.resolve({ server, client }[role](args)).catch((error) => {
  console.error(error.message ?? error);
  process.exit(1);
});
