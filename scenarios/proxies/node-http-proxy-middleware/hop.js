// hop.js LISTEN_PORT ORIGIN: http-proxy-middleware on Express, as its README uses it.
const express = require('express');
const { createProxyMiddleware } = require('http-proxy-middleware');

const [port, origin] = process.argv.slice(2);
express()
  .use(
    createProxyMiddleware({
      target: `http://${origin}`,
    }),
  )
  .listen(Number(port), '127.0.0.1');
