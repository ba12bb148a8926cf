// The tests of Sentinel's WebSocket page, as its JavaScript has them, with Node `ws`.
//
//   node page-tests.js URL ping|xss|burst
//
// Prints in JSON how many messages came back, and with which code and reason the connection ended
// (`code` 0: it did not, and was closed from here).
const { WebSocket } = require('ws');

const [url, test] = process.argv.slice(2);
const told = { received: 0, code: 0, reason: '' };
const ws = new WebSocket(url);

ws.onopen = () => {
  if (test === 'ping') ws.send(JSON.stringify({ type: 'ping' }));
  if (test === 'xss') ws.send(JSON.stringify({ message: '<script>alert(1)</script>' }));
  if (test === 'burst') {
    // Send 200 messages rapidly
    for (let i = 0; i < 200; i++) {
      ws.send(JSON.stringify({ i }));
    }
  }
};

ws.onmessage = () => {
  told.received += 1;
  if (test === 'ping') finish();
};

ws.onerror = (error) => {
  console.error('Error:', error.message);
};

ws.onclose = (event) => {
  told.code = event.code;
  told.reason = event.reason;
  finish();
};

setTimeout(finish, 8000);

function finish() {
  console.log(JSON.stringify(told));
  process.exit(0);
}
