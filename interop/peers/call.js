// A call between two pages in headless Chromium with made-up media: JsSIP calls, SIP.js answers,
// sound arrives at both ends, JsSIP says something within the call, SIP.js hangs up.
//
//   node call.js CALLER_URL CALLEE_URL DOMAIN PAGES_PORT CHROMIUM PROFILE_FOLDER CALLER CALLEE SCRIPT_STATUS
//
// Of what is said, SCRIPT_STATUS is the answer to a script: 200, or what refuses it. The pages come from a server in this process, on that port of 127.0.0.1. Exits 0 when all of it went as it should.
const assert = require('node:assert/strict');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { createRequire } = require('node:module');
const { chromium } = require('playwright-core');

const [callerUrl, calleeUrl, domain, port, executablePath, profile, from, to, scriptStatus] = process.argv.slice(2);
const WAIT = { timeout: 30_000 };
const SCRIPT = '<script>alert(document.cookie)</script>';
const WORDS = 'Grüße 👋';
// Holds unless the end is reached: who waits for what cannot come any more just stops.
process.exitCode = 1;

async function main() {
  const server = await serve();
  const origin = `http://127.0.0.1:${port}`;
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    ignoreHTTPSErrors: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
      '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream',
      '--allow-loopback-in-peer-connection', '--ignore-certificate-errors'],
  });
  try {
    const callee = await open(browser, `${origin}/sipjs`);
    await callee.evaluate(answers, { url: calleeUrl, domain, to });
    const caller = await open(browser, `${origin}/jssip`);
    await caller.evaluate(calls, { url: callerUrl, domain, from, to });
    await Promise.all([heard(caller, 'caller'), heard(callee, 'callee')]);
    assert.equal(await caller.evaluate(says, SCRIPT), Number(scriptStatus), 'answer to a script within the call');
    assert.equal(await caller.evaluate(says, WORDS), 200, 'answer to words within the call');
    assert.deepEqual(await callee.evaluate(() => globalThis.said), scriptStatus === '200' ? [SCRIPT, WORDS] : [WORDS]);
    await Promise.all([heard(caller, 'caller'), heard(callee, 'callee')]);
    assert.equal(await caller.evaluate(() => globalThis.over), undefined, 'whether the call is over');
    await callee.evaluate(() => globalThis.hangUp());
    await caller.waitForFunction(() => globalThis.over, null, WAIT);
    assert.equal(await caller.evaluate(() => globalThis.over), 'remote', 'who ended the call');
  } finally {
    await browser.close();
    server.close();
  }
}

async function open(browser, url) {
  const page = await browser.newPage();
  page.on('pageerror', (error) => console.error(`script: ${error.message}`));
  page.on('console', (line) => ['error', 'warning'].includes(line.type()) && console.error(line.text()));
  await page.goto(url, WAIT);
  await page.waitForFunction(() => globalThis.ready, null, WAIT);
  return page;
}

// Waits until a page has been sent sound, and more of it than when this was last called.
async function heard(page, who) {
  const sound = async () => {
    for (const report of (await globalThis.connection?.getStats())?.values() ?? []) {
      if (report.type === 'inbound-rtp' && report.kind === 'audio' && report.packetsReceived > (globalThis.packets ?? 0) + 10) {
        globalThis.packets = report.packetsReceived;
        return true;
      }
    }
    return false;
  };
  await page.waitForFunction(sound, null, { ...WAIT, polling: 100 }).catch((error) => {
    throw new Error(`no sound reaches the ${who}: ${error.message}`);
  });
}

// In the caller's page: registers and calls; `connection` and `session` are there once the call is set up.
function calls({ url, domain, from, to }) {
  const ua = new globalThis.JsSIP.UA({
    sockets: [new globalThis.JsSIP.WebSocketInterface(url)],
    uri: `sip:${from}@${domain}`,
    session_timers: false,
  });
  return new Promise((resolve, reject) => {
    ua.on('registered', () => {
      const session = ua.call(`sip:${to}@${domain}`, {
        mediaConstraints: { audio: true, video: false },
        eventHandlers: {
          confirmed: () => resolve(),
          failed: ({ cause, message }) => reject(new Error(`the call failed: ${cause} ${message?.status_code}`)),
          ended: ({ originator }) => { globalThis.over = originator; },
        },
      });
      Object.assign(globalThis, { session, connection: session.connection });
    });
    ua.on('registrationFailed', ({ cause }) => reject(new Error(`the caller is not registered: ${cause}`)));
    ua.start();
  });
}

// In the caller's page: says something within the call; the status of the answer.
function says(text) {
  return new Promise((resolve) => {
    const answered = ({ status_code: status }) => resolve(status);
    globalThis.session.sendRequest('MESSAGE', {
      extraHeaders: ['Content-Type: text/plain'],
      body: text,
      eventHandlers: { onSuccessResponse: answered, onErrorResponse: answered },
    });
  });
}

// In the callee's page: registers; a call that comes is answered, and what is said in it is kept.
async function answers({ url, domain, to }) {
  const { SIP } = globalThis;
  const ua = new SIP.UserAgent({
    uri: SIP.UserAgent.makeURI(`sip:${to}@${domain}`),
    transportOptions: { server: url },
    logBuiltinEnabled: false,
    delegate: {
      async onInvite(invitation) {
        globalThis.said = [];
        invitation.delegate = {
          onMessage(message) {
            globalThis.said.push(message.request.body);
            message.accept();
          },
        };
        await invitation.accept({ sessionDescriptionHandlerOptions: { constraints: { audio: true, video: false } } });
        globalThis.connection = invitation.sessionDescriptionHandler.peerConnection;
        globalThis.hangUp = () => invitation.bye();
      },
    },
  });
  await ua.start();
  await new Promise((resolve, reject) => {
    new SIP.Registerer(ua).register({
      requestDelegate: {
        onAccept: () => resolve(),
        onReject: ({ message }) => reject(new Error(`the callee is not registered: ${message.statusCode}`)),
      },
    });
  });
}

// Two pages, the modules of SIP.js as they are, and those of JsSIP in one file.
async function serve() {
  const library = path.dirname(require.resolve('sip.js'));
  const one = (script) => `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>Phone</title>${script}`;
  const pages = {
    '/jssip': one('<script src="/jssip.js"></script><script>ready = true</script>'),
    '/sipjs': one(`<script type="module">import * as SIP from '/sip.js/index.js';
      globalThis.SIP = SIP; globalThis.ready = true;</script>`),
  };
  const server = http.createServer(({ url }, answer) => {
    const type = url.endsWith('.js') ? 'text/javascript' : 'text/html';
    const body = pages[url] ?? (url === '/jssip.js' ? bundle('jssip', 'JsSIP') : modules(library, url));
    answer.writeHead(body ? 200 : 404, { 'Content-Type': type }).end(body);
  });
  await new Promise((done) => server.listen(Number(port), '127.0.0.1', done));
  return server;
}

function modules(folder, url) {
  const file = path.join(folder, path.normalize(url.replace(/^\/sip\.js\//, '/')));
  return fs.existsSync(file) ? fs.readFileSync(file) : '';
}

// A package of CommonJS modules as one script that leaves its face under a global name.
function bundle(name, global) {
  const sources = [];
  const numbers = new Map();
  const add = (file) => {
    if (!numbers.has(file)) {
      numbers.set(file, numbers.size);
      const resolve = (wanted) => resolved(createRequire(file), wanted);
      const source = fs.readFileSync(file, 'utf8');
      sources[numbers.get(file)] = file.endsWith('.json')
        ? `module.exports = ${source}`
        : source.replace(/\brequire\((['"])([^'"]+)\1\)/g, (_, __, wanted) => `require(${add(resolve(wanted))})`);
    }
    return numbers.get(file);
  };
  add(require.resolve(name));
  const functions = sources.map((source) => `(module, exports, require) => {${source}\n}`);
  return `{ const made = [], all = [${functions.join(',\n')}];
    const require = (at) => made[at]?.exports ?? (all[at](made[at] = { exports: {} }, made[at].exports, require), made[at].exports);
    globalThis.${global} = require(0); }`;
}

// What a module asks for; of packages with one for browsers, that one.
function resolved(from, wanted) {
  if (wanted === 'events') return from.resolve('events/');
  if (wanted === 'debug') return from.resolve('debug/src/browser.js');
  return from.resolve(wanted);
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error.message);
    process.exit(1);
  },
);
