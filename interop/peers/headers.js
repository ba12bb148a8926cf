// A client that sends header fields of its choice.
//
//   node headers.js URL NAME=VALUE...
//
// Prints in JSON whether it has a session, and otherwise the status of the answer.
const { WebSocket } = require('ws');

const [url, ...fields] = process.argv.slice(2);
const headers = Object.fromEntries(fields.map((field) => {
  const at = field.indexOf('=');
  return [field.slice(0, at), field.slice(at + 1)];
}));
const ws = new WebSocket(url, { headers });
ws.on('open', () => tell({ open: true, status: 101 }));
ws.on('unexpected-response', (request, response) => tell({ open: false, status: response.statusCode }));
ws.on('error', () => tell({ open: false, status: 0 }));

function tell(what) {
  console.log(JSON.stringify(what));
  process.exit(0);
}
