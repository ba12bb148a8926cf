// Load until it is told to stop: GETs and WebSocket opens, one after the other on many hands.
//
//   node load.js HTTP_URL GETTERS OPENERS
//
// On SIGTERM it prints what became of it, in JSON: `gets` and `opens` that were well, by the
// server that they came to, and `failures`, each in words. A session that is lost once it is
// open is no failure of its opening.
const http = require('node:http');
const { WebSocket } = require('ws');

const [url, getters, openers] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: true });
const told = { gets: {}, opens: {}, failures: [] };
let stopping = false;

function get() {
  return new Promise((resolve, reject) => {
    http.get(`${url}/load`, { agent, timeout: 10_000 }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve(JSON.parse(Buffer.concat(parts)).server);
        else reject(new Error(`GET: status ${response.statusCode}`));
      });
    }).on('error', (error) => reject(new Error(`GET: ${error.message}`)));
  });
}

function open() {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/who`, { handshakeTimeout: 10_000 });
    let server = 'lost before it said its name';
    let opened = false;
    socket.on('open', () => { opened = true; });
    socket.on('message', (data) => {
      ({ server } = JSON.parse(data));
      socket.close();
    });
    socket.on('error', (error) => opened || reject(new Error(`open: ${error.message}`)));
    socket.on('close', () => resolve(server));
  });
}

async function hand(work, counts) {
  while (!stopping) {
    try {
      const server = await work();
      counts[server] = (counts[server] ?? 0) + 1;
    } catch (error) {
      told.failures.push(error.message);
    }
    // Leaves the processor to the others now and then.
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

process.on('SIGTERM', () => { stopping = true; });
Promise.all([
  ...Array.from({ length: Number(getters) }, () => hand(get, told.gets)),
  ...Array.from({ length: Number(openers) }, () => hand(open, told.opens)),
]).then(() => {
  console.log(JSON.stringify(told));
  process.exit(0);
});
console.log('running');
