// A webhook on Node's own `http` that decides by the words of a message.
//
//   node hook.js              prints `listening PORT`
//
// Refuses what says "forbidden" with 403, sends "elsewhere" on with 302, rewrites what says
// "secret" where the gateway permits it. At /asked it tells in JSON what it was asked.
const asked = [];

const server = require('node:http').createServer((request, response) => {
  if (request.url === '/asked') return response.end(JSON.stringify(asked));
  const parts = [];
  request.on('data', (part) => parts.push(part));
  return request.on('end', () => {
    const body = Buffer.concat(parts);
    const text = body.toString();
    const { method, url, headers } = request;
    asked.push({ method, url, headers, body: body.toString('base64'), port: request.socket.remotePort });
    if (text.includes('forbidden')) response.writeHead(403).end('no');
    else if (text.includes('elsewhere')) response.writeHead(302, { Location: '/asked' }).end();
    else if (text.includes('secret')) {
      response.writeHead(200, { 'X-Framegate-Action': 'rewrite' }).end(text.replaceAll('secret', '******'));
    } else response.writeHead(204).end();
  });
});
server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
