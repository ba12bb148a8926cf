// Socket.IO with the token in the CONNECT packet: `auth: { token }`.
//
//   node socketio_auth.js server              prints `listening PORT`; tells whoever enters what it knows
//   node socketio_auth.js client URL TOKEN [NAMESPACE...]
//                                             enters the namespaces (`/` without one), and prints in
//                                             JSON what became of each: what it was told, or why not
//
// The server takes every token: who gets in is for the gateway to say.
const [role, ...args] = process.argv.slice(2);
// Holds unless a client comes to its end.
process.exitCode = 1;
const WAIT = 8_000;

function server() {
  const { Server } = require('socket.io');
  const http = require('node:http').createServer();
  const io = new Server(http, { transports: ['websocket'] });
  for (const namespace of ['/', '/admin', '/forbidden']) io.of(namespace).on('connection', welcome);
  function welcome(socket) {
    socket.emit('welcome', { namespace: socket.nsp.name, token: typeof socket.handshake.auth.token });
    socket.on('echo', (value, done) => done(value));
  }
  http.listen(0, '127.0.0.1', () => console.log(`listening ${http.address().port}`));
}

async function client([url, token, ...namespaces]) {
  const { Manager } = require('socket.io-client');
  const manager = new Manager(url, { transports: ['websocket'], reconnection: false, timeout: WAIT });
  const outcomes = {};
  for (const namespace of namespaces.length > 0 ? namespaces : ['/']) {
    outcomes[namespace] = await enter(manager, namespace, namespace === '/forbidden' ? `${token}x` : token);
  }
  console.log(JSON.stringify(outcomes));
  process.exit(0);
}

function enter(manager, namespace, token) {
  const socket = manager.socket(namespace, { auth: { token } });
  return new Promise((resolve) => {
    setTimeout(() => resolve({ lost: `nothing within ${WAIT} ms` }), WAIT).unref();
    socket.on('connect_error', (error) => resolve({ lost: `${error.message}` }));
    // Whoever is refused has not entered yet, so the session's end is told by the manager alone.
    manager.on('close', (reason, detail) => resolve({ lost: reason, code: detail?.context?.code }));
    socket.on('welcome', async (welcome) => {
      const echo = await socket.timeout(WAIT).emitWithAck('echo', { namespace, text: 'Grüße' });
      resolve({ ...welcome, echo: echo.text });
    });
  });
}

({ server, client })[role](args);
