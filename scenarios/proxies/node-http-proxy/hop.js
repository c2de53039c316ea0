// hop.js LISTEN_PORT ORIGIN: http-proxy as its README uses it.
const httpProxy = require('http-proxy');

const [port, origin] = process.argv.slice(2);
const proxy = httpProxy.createProxyServer({ target: `http://${origin}` });
proxy.on('error', (error, request, response) => {
  if (response.writeHead && !response.headersSent) response.writeHead(502).end();
  else response.destroy();
});
proxy.listen(Number(port), '127.0.0.1');
