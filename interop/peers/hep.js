// A receiver of HEP version 3 by the library of Homer's makers: what it decodes goes to standard
// output, a JSON object for each packet, behind a line `listening PORT`.
//
//   node hep.js udp|tcp
//
// An object is what `decapsulate` gives, `payload` as text; packets that it does not decode are
// {"undecoded": "...hex..."}.
const dgram = require('node:dgram');
const net = require('node:net');
const hep = require('hep-js');

const HEAD = 6;
const port = (at) => console.log(`listening ${at}`);

function tell(packet) {
  const { payload, ...decoded } = hep.decapsulate(packet) || { undecoded: packet.toString('hex') };
  console.log(JSON.stringify({ ...decoded, payload: payload?.toString() }));
}

function udp() {
  const socket = dgram.createSocket('udp4');
  socket.on('message', tell);
  socket.bind(0, '127.0.0.1', () => port(socket.address().port));
}

// Packets stand behind one another; the length in a packet's head delimits it.
function tcp() {
  const server = net.createServer((socket) => {
    let rest = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', (data) => {
      rest = Buffer.concat([rest, data]);
      while (rest.length >= HEAD && rest.length >= rest.readUInt16BE(4)) {
        const size = Math.max(HEAD, rest.readUInt16BE(4));
        tell(rest.subarray(0, size));
        rest = rest.subarray(size);
      }
    });
  });
  server.listen(0, '127.0.0.1', () => port(server.address().port));
}

({ udp, tcp })[process.argv[2]]();
