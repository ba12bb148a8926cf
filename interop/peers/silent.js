// Node `ws` as one end of a session that has nothing to say, with its answers to pings counted.
//
//   node silent.js client URL      connects, prints `open`
//   node silent.js server          listens, prints `listening PORT`, then `open` for each client
//
// Either prints `ping PAYLOAD` for each ping, `pong PAYLOAD` for each pong, in hexadecimal, and
// `closed CODE REASON` at the end. Messages are echoed.
const { WebSocket, WebSocketServer } = require('ws');

function watch(socket) {
  const open = () => console.log('open');
  if (socket.readyState === WebSocket.OPEN) open();
  else socket.once('open', open);
  socket.on('ping', (data) => console.log(`ping ${data.toString('hex')}`));
  socket.on('pong', (data) => console.log(`pong ${data.toString('hex')}`));
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  socket.on('close', (code, reason) => console.log(`closed ${code} ${reason}`));
  socket.on('error', (error) => console.log(`error ${error.message}`));
}

const [role, url] = process.argv.slice(2);
if (role === 'client') {
  watch(new WebSocket(url));
} else {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  server.on('listening', () => console.log(`listening ${server.address().port}`));
  server.on('connection', watch);
}
