// A browser-like client that offers subprotocols, the second of them perhaps a token.
//
//   node subprotocol.js URL NAME...
//
// Prints in JSON whether it has a session, by which subprotocol, and what came back for "hello".
const { WebSocket } = require('ws');

const [url, ...names] = process.argv.slice(2);
const ws = new WebSocket(url, names);
ws.onopen = () => ws.send('hello');
ws.onmessage = ({ data }) => tell({ open: true, protocol: ws.protocol, data });
ws.onerror = ({ message }) => tell({ open: false, protocol: '', data: message });
setTimeout(() => tell({ open: false, protocol: '', data: 'nothing came' }), 8000);

function tell(what) {
  console.log(JSON.stringify(what));
  process.exit(0);
}
