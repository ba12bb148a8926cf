// A backend on Node's own `http` and on `ws` that says who it is and what it saw.
//
//   node origin.js NAME [--port N | --unix PATH] [--cert FILE --key FILE [--client-ca FILE]]
//
// Prints `listening PORT`. With --cert it speaks TLS, with --client-ca it asks clients for a
// certificate and refuses those without a good one. A request is answered by the first segment
// of its path, see `answers`; where there is none, with an account of the request. A WebSocket
// at /who is first sent the same account, and every WebSocket is an echo.
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const { parseArgs } = require('node:util');
const { WebSocketServer } = require('ws');

const { values: options, positionals: [name] } = parseArgs({
  allowPositionals: true,
  options: Object.fromEntries(
    ['port', 'unix', 'cert', 'key', 'client-ca'].map((key) => [key, { type: 'string' }]),
  ),
});

let connections = 0;
// What it answers at /health.
let health = 200;
// What came so far: requests but for those at /facts, and of them the health checks.
const facts = { requests: 0, healthChecks: 0, healthHost: null };
// How much of each upload has come, by the last segment of its path.
const uploads = {};
// Answers that wait for their /release, and how they ended: `done` or `given up`.
const waiting = {};
const ends = {};

const answers = {
  // /download/SIZE or /download/SIZE/chunked
  async download(request, response, [size, chunked]) {
    const body = pattern(Number(size));
    response.setHeader('X-Sha256', sha256(body));
    if (!chunked) response.setHeader('Content-Length', body.length);
    for (let at = 0; at < body.length; at += 65536) {
      if (!response.write(body.subarray(at, at + 65536))) await once(response, 'drain');
    }
    response.end();
  },

  // The checksum of a body comes behind it.
  async trailers(request, response) {
    const body = pattern(100_000);
    response.setHeader('Trailer', 'X-Sha256');
    response.write(body);
    response.addTrailers({ 'X-Sha256': sha256(body) });
    response.end();
  },

  // /upload/KEY takes a body; /progress/KEY tells how much of it has come.
  async upload(request, response, [key]) {
    uploads[key] = 0;
    request.on('data', (part) => { uploads[key] += part.length; });
    await account(request, response);
  },
  async progress(request, response, [key]) {
    response.end(String(uploads[key] ?? 0));
  },

  // The first half comes at once, the second when somebody asks for /release/KEY.
  async drip(request, response, [key]) {
    response.write('first\n');
    response.on('close', () => { ends[key] = response.writableFinished ? 'done' : 'given up'; });
    await new Promise((resolve) => { waiting[key] = resolve; });
    response.end('second\n');
  },
  async release(request, response, [key]) {
    waiting[key]?.();
    response.end();
  },
  // How the answer at /drip/KEY ended.
  async end(request, response, [key]) {
    response.end(ends[key] ?? '');
  },

  // Decides by the head alone: the body is not read.
  async early(request, response) {
    response.writeHead(403, { Connection: 'close', 'Content-Length': 3 });
    response.end('no\n');
  },

  // /cut/length or /cut/chunked: an answer that breaks off.
  async cut(request, response, [how]) {
    if (how === 'length') response.setHeader('Content-Length', 1000);
    response.write('only this', () => response.socket.destroy());
  },

  async never() {},

  async status(request, response, [status]) {
    response.statusCode = Number(status);
    response.end(['204', '304'].includes(status) ? undefined : `status ${status}\n`);
  },

  // Fields for the gateway alone, and one that is for the client.
  async hop(request, response) {
    response.writeHead(200, {
      Connection: 'keep-alive, X-Hop',
      'X-Hop': 'secret',
      'Proxy-Connection': 'keep-alive',
      'X-End': 'for you',
    });
    response.end('ok\n');
  },

  async health(request, response) {
    facts.healthChecks += 1;
    facts.healthHost = request.headers.host;
    response.statusCode = health;
    response.end(`health ${health}\n`);
  },
  // Sets what /health answers.
  async sick(request, response) {
    health = 503;
    response.end();
  },
  async well(request, response) {
    health = 200;
    response.end();
  },
  async facts(request, response) {
    facts.requests -= 1;
    response.end(JSON.stringify(facts));
  },
};

// What arrived, to the byte where that matters.
function seen(request) {
  return {
    server: name,
    connection: request.socket.number,
    method: request.method,
    target: request.url,
    // Pairs, in order, as they were spelled.
    headers: request.rawHeaders.flatMap((_, at, all) => (at % 2 ? [] : [[all[at], all[at + 1]]])),
  };
}

async function account(request, response) {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const part of request) {
    hash.update(part);
    bytes += part.length;
  }
  const told = { ...seen(request), bytes, sha256: hash.digest('hex'), trailers: request.trailers };
  const body = JSON.stringify(told);
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
}

function pattern(size) {
  return Buffer.alloc(size, Buffer.from({ length: 251 }, (_, index) => (index * 37) % 256));
}

function sha256(body) {
  return createHash('sha256').update(body).digest('hex');
}

function once(emitter, event) {
  return new Promise((resolve) => emitter.once(event, resolve));
}

function serve(request, response) {
  facts.requests += 1;
  // A client that goes away is its own business.
  request.on('error', () => {});
  response.on('error', () => {});
  response.setHeader('X-Server', name);
  const [first, ...rest] = request.url.split('?')[0].split('/').slice(1);
  const answer = Object.hasOwn(answers, first) ? answers[first] : account;
  answer(request, response, rest).catch(() => response.destroy());
}

const tls = options.cert && {
  cert: fs.readFileSync(options.cert),
  key: fs.readFileSync(options.key),
  ...(options['client-ca'] && {
    ca: fs.readFileSync(options['client-ca']), requestCert: true, rejectUnauthorized: true,
  }),
};
const server = tls ? require('node:https').createServer(tls, serve) : require('node:http').createServer(serve);
server.on(tls ? 'secureConnection' : 'connection', (socket) => {
  connections += 1;
  socket.number = connections;
});
// Longer than the suite runs: no connection ends by a timer of this side.
server.keepAliveTimeout = 600_000;

// Upgrades at /health are answered like requests there.
const verifyClient = ({ req }, done) => done(!req.url.startsWith('/health') || health === 200, health);
new WebSocketServer({ server, maxPayload: 0, verifyClient }).on('connection', (socket, request) => {
  if (request.url.startsWith('/who')) socket.send(JSON.stringify(seen(request)));
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  socket.on('error', () => {});
});

server.listen(...(options.unix ? [options.unix] : [Number(options.port ?? 0), '127.0.0.1']), () => {
  console.log(`listening ${server.address().port ?? options.unix}`);
});
