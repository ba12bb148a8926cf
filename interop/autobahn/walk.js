// The client role's known-good client: Node `ws` walks every case of a fuzzing server.
//
//   node walk.js URL AGENT HOST
//
// HOST is what the Host header says: the fuzzing server refuses a port that is not its own, and
// the gateway passes the client's Host on. Exits 0 when the server has been told to write its
// report.
const { once } = require('node:events');
const { WebSocket } = require('ws');

const [url, agent, host] = process.argv.slice(2);

// No limits of its own, permessage-deflate offered, every message echoed.
function open(path) {
  const socket = new WebSocket(url + path, {
    maxPayload: 0,
    maxFragments: 0,
    maxBufferedChunks: 0,
    perMessageDeflate: { threshold: 0 },
    headers: { Host: host },
  });
  // What the case does to the connection is the case's business, not an error of the walk.
  socket.on('error', () => {});
  return socket;
}

function closed(socket) {
  return new Promise((resolve) => socket.on('close', resolve));
}

async function main() {
  const [count] = await once(open('/getCaseCount'), 'message');
  for (let number = 1; number <= Number(count); number += 1) {
    const socket = open(`/runCase?case=${number}&agent=${agent}`);
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }, () => {}));
    await closed(socket);
  }
  await closed(open(`/updateReports?agent=${agent}`));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
