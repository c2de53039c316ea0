// Holds one stream a virtual user, and counts the events it sees.
const http = require("node:http");
const agent = new http.Agent({ keepAlive: false, maxSockets: Infinity });

exports.hold = (context, events, done) => {
  const request = http.get(`${context.vars.target}/events`, { agent }, (answer) => {
    let rest = "";
    answer.setEncoding("utf8");
    answer.on("data", (text) => {
      const blocks = (rest + text).split("\n\n");
      rest = blocks.pop();
      events.emit("counter", "events", blocks.length);
    });
    answer.on("end", () => done());
  });
  request.on("error", done);
};
