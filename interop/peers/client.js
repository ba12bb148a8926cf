// Node `ws` as a client of the gateway: runs one named check and exits 0 when it holds.
//
//   node client.js CHECK URL [OPTIONS]
//
// OPTIONS is JSON for `perMessageDeflate` (`true`, or RFC 7692 parameters); without it no
// extension is offered.
const assert = require('node:assert/strict');
const { once } = require('node:events');
const { WebSocket } = require('ws');

const [name, url, options] = process.argv.slice(2);
const deflate = options ? JSON.parse(options) : false;
// Holds unless the end is reached: who waits for what cannot come any more just stops.
process.exitCode = 1;

// Either side of each length encoding (RFC 6455 section 5.2), then sizes that need many reads.
const SIZES = [0, 1, 125, 126, 65535, 65536, 1 << 20, 16 << 20];

async function open(protocols = []) {
  const socket = new WebSocket(url, protocols, { perMessageDeflate: deflate && asked(), maxPayload: 0 });
  await once(socket, 'open');
  assert.equal(socket.extensions !== '', deflate !== false, `extensions in use: "${socket.extensions}"`);
  return socket;
}

// A threshold of 0 compresses the smallest message too.
function asked() {
  return deflate === true ? { threshold: 0 } : { threshold: 0, ...deflate };
}

async function answer(socket) {
  const [data, isBinary] = await once(socket, 'message');
  return isBinary ? data : data.toString();
}

async function ended(socket) {
  const [code, reason] = await once(socket, 'close');
  return [code, reason.toString()];
}

const checks = {
  async echo() {
    const socket = await open();
    for (const size of SIZES) {
      const text = 'aé€😀'.repeat(Math.floor(size / 10)) + 'x'.repeat(size % 10);
      const bytes = Buffer.from({ length: size }, (_, index) => index * 31);
      for (const message of [text, bytes]) {
        const arriving = answer(socket);
        socket.send(message);
        const got = await arriving;
        // Compared here: 16 MiB make a poor error message.
        const same = typeof message === 'string' ? got === message : Buffer.isBuffer(got) && got.equals(message);
        assert(same, `${size} bytes of ${typeof message} did not come back as they went`);
      }
    }
    socket.close();
    await ended(socket);
  },

  async fragments() {
    const socket = await open();
    for (let turn = 0; turn < 3; turn += 1) {
      const arriving = answer(socket);
      socket.send('one ', { fin: false });
      socket.ping('between');
      socket.send('', { fin: false });
      socket.send('two '.repeat(20000), { fin: false });
      socket.send('three', { fin: true });
      assert.equal(await arriving, `one ${'two '.repeat(20000)}three`);
    }
    socket.close();
    await ended(socket);
  },

  async ping() {
    const socket = await open();
    for (const payload of ['', 'x', 'y'.repeat(125)]) {
      const pong = once(socket, 'pong');
      socket.ping(payload);
      assert.equal((await pong)[0].toString(), payload);
    }
    socket.close();
    await ended(socket);
  },

  async close() {
    for (const [code, reason] of [[1000, ''], [1001, 'bye'], [1011, 'é'.repeat(61)], [3000, 'x'], [4999, 'last']]) {
      const socket = await open();
      socket.close(code, reason);
      assert.deepEqual(await ended(socket), [code, reason]);
    }
  },

  async noStatus() {
    const socket = await open();
    socket.close();
    assert.deepEqual(await ended(socket), [1005, '']);
  },

  async subprotocol() {
    const socket = await open(['v2', 'v1']);
    assert.equal(socket.protocol, 'v2');
    socket.close();
    await ended(socket);
  },

  // Each parameter that was asked for stands in the answer, and messages still get through.
  async parameters() {
    const socket = await open();
    const spelled = {
      serverNoContextTakeover: /\bserver_no_context_takeover\b/,
      clientNoContextTakeover: /\bclient_no_context_takeover\b/,
      serverMaxWindowBits: new RegExp(`\\bserver_max_window_bits=${deflate.serverMaxWindowBits}\\b`),
    };
    const answered = agreed(socket);
    for (const parameter of Object.keys(deflate).filter((key) => key in spelled)) {
      assert.match(answered, spelled[parameter]);
    }
    for (let turn = 0; turn < 20; turn += 1) {
      const message = JSON.stringify({ turn, text: 'the same words again and again '.repeat(50) });
      const arriving = answer(socket);
      socket.send(message);
      assert.equal(await arriving, message);
    }
    socket.close();
    await ended(socket);
  },
};

// The extensions header as `ws` parsed it, put together again.
function agreed(socket) {
  return Object.values(socket._extensions)
    .map((extension) => Object.entries(extension.params).map(([key, value]) => (value === true ? key : `${key}=${value}`)))
    .flat()
    .join('; ');
}

checks[name]().then(
  () => process.exit(0),
  (error) => {
    console.error(error.message);
    process.exit(1);
  },
);
