// hop.js LISTEN_PORT ORIGIN: http-proxy as its README uses it.
const httpProxy = require('http-proxy');

const [port, origin] = process.argv.slice(2);
httpProxy
  .createProxyServer({ target: `http://${origin}` })
  .on('error', (error, request, response) => {
    if (response.writeHead && !response.headersSent) response.writeHead(502).end();
    else response.destroy();
  })
  .listen(Number(port), '127.0.0.1');
