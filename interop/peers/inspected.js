// A browser's or Node's sockets on a route that looks into messages.
//
//   node inspected.js node URL
//   node inspected.js browser URL CHROMIUM PROFILE_FOLDER
//
// Exits 0 when compression was agreed on, message by message, when what is ordinary came back as
// it went, and when an attack was closed with 1008.
const assert = require('node:assert/strict');

const [where, url, executablePath, profile] = process.argv.slice(2);
// Holds unless the end is reached: who waits for what cannot come any more just stops.
process.exitCode = 1;

// Runs in the browser too, so it knows nothing from outside.
function converse([address, texts, attack]) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(address);
    const told = { extensions: '', back: [], code: 0, reason: '' };
    socket.onopen = () => {
      told.extensions = socket.extensions;
      texts.forEach((text) => socket.send(text));
      socket.send(attack);
    };
    socket.onmessage = ({ data }) => told.back.push(data);
    socket.onerror = () => {};
    socket.onclose = ({ code, reason }) => resolve({ ...told, code, reason });
    setTimeout(() => reject(new Error(`nothing came to an end: ${JSON.stringify(told).slice(0, 300)}`)), 8000);
  });
}

const TEXTS = ['hello', 'Grüße 👋', JSON.stringify({ type: 'chat', text: 'it costs 3 < 5 "euros"' }), Array.from({ length: 20_000 }, (_, number) => (number * 7919) % 10_007).join(' ')];
const ATTACK = JSON.stringify({ message: '<script>alert(1)</script>' });

async function inBrowser() {
  const { launch } = require('./browser.js');
  const browser = await launch(executablePath, profile);
  try {
    const page = browser.pages()[0] ?? (await browser.newPage());
    return await page.evaluate(converse, [url, TEXTS, ATTACK]);
  } finally {
    await browser.close();
  }
}

async function main() {
  if (where === 'node') globalThis.WebSocket = require('ws').WebSocket;
  const told = where === 'node' ? await converse([url, TEXTS, ATTACK]) : await inBrowser();
  assert.match(told.extensions, /permessage-deflate/, 'compression');
  if (where === 'browser') {
    for (const side of ['client', 'server']) assert.match(told.extensions, new RegExp(`${side}_no_context_takeover`));
  }
  assert.equal(told.code, 1008, `the attack was closed with ${told.code} ${told.reason}`);
  assert.deepEqual(told.back, TEXTS, 'what came back');
}

main().then(() => process.exit(0), (error) => {
  console.error(error.message);
  process.exit(1);
});
