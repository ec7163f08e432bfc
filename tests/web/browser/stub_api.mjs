// The report endpoint as the module meets it: CORS, tokens, limits, and refusals on demand. It judges
// windows by the rules of the real one, and remembers what it was sent.
import { createServer } from "node:http";

const values = new Map([
  ["bitrate_kbps", 1000],
  ["jitter_ms", 60_000],
  ["packet_loss_percent", 100],
  ["audio_level", 1],
  ["rtt_ms", 60_000],
]);
const others = new Set(["seq", "measured_at", "window_ms", "direction", "muted"]);

/** Why the service would reject this window; undefined when it would not. */
export function objection(window, now = Date.now()) {
  for (const name of Object.keys(window)) {
    if (!values.has(name) && !others.has(name)) return `unknown_field ${name}`;
  }
  const { seq, measured_at: measuredAt, window_ms: length, direction, muted } = window;
  if (!Number.isSafeInteger(seq) || seq < 0) return "seq";
  const age = now - Date.parse(measuredAt);
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(measuredAt) || Number.isNaN(age)) return "measured_at";
  if (age < -60_000) return "in_the_future";
  if (age > 600_000) return "too_old";
  if (!Number.isInteger(length) || length < 100 || length > 300_000) return "window_ms";
  if (direction !== "uplink" && direction !== "downlink") return "direction";
  if (muted !== undefined && typeof muted !== "boolean") return "muted";
  let measured = 0;
  for (const [name, most] of values) {
    const value = window[name];
    if (value === undefined) continue;
    if (typeof value !== "number" || !(value >= 0 && value <= most)) return name;
    measured += 1;
  }
  return measured === 0 ? "nothing_measured" : undefined;
}

/** Whether a window of its direction has told of the same second already. */
const tooDense = (window, taken) =>
  taken.some(
    (other) =>
      other.direction === window.direction &&
      other.seq !== window.seq &&
      Math.abs(Date.parse(other.measured_at) - Date.parse(window.measured_at)) < 1_000,
  );

const mostWindows = 64;

export class StubApi {
  constructor() {
    this.origin = undefined; // the one page that may ask
    this.requests = [];
    this.preflights = 0;
    this.seen = new Set();
    /** By token: what to answer reports instead, once each; "hang up" closes the connection. */
    this.faults = new Map();
    this.server = createServer((request, response) => this.#receive(request, response));
  }

  async listen() {
    await new Promise((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${this.server.address().port}`;
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
  }

  async #receive(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    response.setHeader("Vary", "Origin");
    if (request.headers.origin === this.origin) this.#allow(request, response);
    if (request.method === "OPTIONS") {
      this.preflights += 1;
      response.writeHead(204).end();
      return;
    }
    const token = request.headers.authorization?.replace(/^Bearer /, "");
    const seen = { method: request.method, target: request.url, token, at: Date.now() };
    this.requests.push(seen);
    const fault = request.method === "POST" ? this.faults.get(token)?.shift() : undefined;
    if (fault === "hang up") {
      seen.status = "hung up";
      request.socket.destroy();
      return;
    }
    const { status, headers = {}, body } = fault ?? this.#answer(request, Buffer.concat(chunks), seen);
    seen.status = status;
    response.writeHead(status, { "Content-Type": "application/json", ...headers });
    response.end(JSON.stringify(body ?? { error: { code: "test", message: "", request_id: "" } }));
  }

  #allow(request, response) {
    response.setHeader("Access-Control-Allow-Origin", this.origin);
    if (request.method !== "OPTIONS") {
      response.setHeader("Access-Control-Expose-Headers", "Retry-After");
      return;
    }
    response.setHeader("Access-Control-Allow-Methods", "GET, POST");
    response.setHeader("Access-Control-Allow-Headers", "Authorization, Content-Type");
    response.setHeader("Access-Control-Max-Age", "600");
  }

  #answer(request, body, seen) {
    if (request.method === "GET") {
      return { status: 200, body: { stream_id: "s", since_minutes: 5, participants: ["user-1"], count: 1 } };
    }
    if (request.headers["content-type"] !== "application/json") return { status: 415 };
    const { windows } = JSON.parse(body.toString());
    seen.windows = windows;
    if (windows.length > mostWindows) return { status: 400 };
    const rejected = [];
    const taken = [];
    const accepted = [];
    const duplicates = [];
    windows.forEach((window, index) => {
      const reason = objection(window) ?? (tooDense(window, taken) ? "too_dense" : undefined);
      if (reason !== undefined) {
        rejected.push({ index, seq: window.seq, reason });
        return;
      }
      taken.push(window);
      if (this.seen.has(`${seen.token}/${window.seq}`)) duplicates.push(window.seq);
      else {
        this.seen.add(`${seen.token}/${window.seq}`);
        accepted.push(window.seq);
      }
    });
    seen.rejected = rejected;
    return { status: 202, body: { accepted, duplicates, rejected } };
  }
}
