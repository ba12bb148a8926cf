// Echo server on Node `ws`: no limits of its own, permessage-deflate on request.
//
//   node echo.js [--port N] [--deflate]
//
// Prints `listening PORT` on standard output. It picks the first subprotocol that is offered.
const { WebSocketServer } = require('ws');

const args = process.argv.slice(2);
const port = args.includes('--port') ? Number(args[args.indexOf('--port') + 1]) : 0;

const server = new WebSocketServer({
  host: '127.0.0.1',
  port,
  maxPayload: 0,
  maxFragments: 0,
  maxBufferedChunks: 0,
  // A threshold of 0 compresses the smallest message too, so that every path is used.
  perMessageDeflate: args.includes('--deflate') ? { threshold: 0 } : false,
});

server.on('listening', () => console.log(`listening ${server.address().port}`));
server.on('connection', (socket) => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  // A client that breaks the protocol ends its own connection and nothing else.
  socket.on('error', () => {});
});
