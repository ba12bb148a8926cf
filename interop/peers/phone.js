// A phone of JsSIP or SIP.js without a browser: it registers, sends and receives MESSAGE, and
// comes back by itself when the connection is lost.
//
//   node phone.js jssip|sipjs URL USER DOMAIN --commands FD [--ca FILE]
//
// Commands come as JSON lines from the file descriptor, events go to standard output as JSON lines:
//   {"do":"say","to":"bob","text":"..."}    event `sent` with `status`
//   {"do":"register"}                       once more; event `registered`
//   {"do":"leave"}                          unregisters and ends
// Other events: connected, disconnected (`code`), failed (`cause`), message (`from`, `text`).
const fs = require('node:fs');
const net = require('node:net');
const readline = require('node:readline');
const { pathToFileURL } = require('node:url');
const { parseArgs } = require('node:util');
const WebSocket = require('ws');

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { commands: { type: 'string' }, ca: { type: 'string' } },
});
const [library, url, user, domain] = positionals;
const ca = values.ca && fs.readFileSync(values.ca);
const LAST_CALL_MS = 300;

const tell = (event, more = {}) => console.log(JSON.stringify({ event, ...more }));

// Both libraries use the browser's WebSocket.
globalThis.WebSocket = class extends WebSocket {
  constructor(address, protocols) {
    super(address, protocols, { ca, origin: 'https://phone.example.test', perMessageDeflate: false });
    this.addEventListener('close', ({ code }) => tell('disconnected', { code }));
  }
};

function jssip() {
  const JsSIP = require('jssip');
  const ua = new JsSIP.UA({
    sockets: [new JsSIP.WebSocketInterface(url)],
    uri: `sip:${user}@${domain}`,
    register: true,
    register_expires: 600,
    session_timers: false,
    connection_recovery_min_interval: 1,
    connection_recovery_max_interval: 1,
  });
  ua.on('connected', () => tell('connected'));
  ua.on('registered', () => tell('registered'));
  ua.on('registrationFailed', ({ cause }) => tell('failed', { cause }));
  ua.on('newMessage', ({ originator, message, request }) => {
    if (originator !== 'remote') return;
    message.accept();
    tell('message', { from: request.from.uri.user, text: request.body });
  });
  ua.start();
  return {
    // It tells of its first registration only, so that one has to end before.
    register() {
      ua.once('unregistered', () => ua.register());
      ua.unregister();
    },
    leave: () => ua.stop(),
    say(to, text) {
      ua.sendMessage(`sip:${to}@${domain}`, text, {
        eventHandlers: {
          succeeded: ({ response }) => tell('sent', { status: response.status_code }),
          failed: ({ response, cause }) => tell('sent', { status: response?.status_code ?? 0, cause }),
        },
      });
    },
  };
}

async function sipjs() {
  const SIP = await import(pathToFileURL(require.resolve('sip.js')));
  const address = (name) => SIP.UserAgent.makeURI(`sip:${name}@${domain}`);
  const ua = new SIP.UserAgent({
    uri: address(user),
    transportOptions: { server: url, keepAliveInterval: 0 },
    logBuiltinEnabled: false,
    delegate: {
      onConnect: async () => {
        tell('connected');
        await register();
      },
      onDisconnect: (error) => error && again(),
      onMessage: async (message) => {
        await message.accept();
        tell('message', { from: message.request.from.uri.user, text: message.request.body });
      },
    },
  });
  const registerer = new SIP.Registerer(ua, { expires: 600 });
  const register = () =>
    registerer.register({
      requestDelegate: {
        onAccept: () => tell('registered'),
        onReject: (response) => tell('failed', { cause: response.message.statusCode }),
      },
    });
  const again = () => setTimeout(() => ua.reconnect().catch(again), 300);
  await ua.start().catch(again);
  return {
    register,
    leave: async () => {
      await registerer.unregister();
      await ua.stop();
    },
    say(to, text) {
      new SIP.Messager(ua, address(to), text).message({
        requestDelegate: {
          onAccept: (response) => tell('sent', { status: response.message.statusCode }),
          onReject: (response) => tell('sent', { status: response.message.statusCode }),
        },
      });
    },
  };
}

async function main() {
  const phone = await { jssip, sipjs }[library]();
  const commands = new net.Socket({ fd: Number(values.commands), readable: true, writable: false });
  const lines = readline.createInterface({ input: commands });
  for await (const line of lines) {
    const { do: what, to, text } = JSON.parse(line);
    await phone[what](to, text);
    if (what === 'leave') break;
  }
  // What still goes out on the way is waited for, but not for long.
  setTimeout(() => process.exit(0), LAST_CALL_MS);
}

main();
