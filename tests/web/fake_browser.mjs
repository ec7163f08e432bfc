// A browser whose clock only moves when a test says so, and whose network answers what a test says.
import { sending } from "./reports.mjs";

const start = Date.parse("2026-05-01T20:00:00.000Z");

class Target {
  constructor() {
    this.listeners = new Map();
  }

  addEventListener(event, listener) {
    this.listeners.set(event, [...(this.listeners.get(event) ?? []), listener]);
  }

  removeEventListener(event, listener) {
    this.listeners.set(event, (this.listeners.get(event) ?? []).filter((other) => other !== listener));
  }

  dispatch(event) {
    for (const listener of this.listeners.get(event) ?? []) listener();
  }

  get listening() {
    return [...this.listeners.values()].flat().length;
  }
}

/** Lets everything that is ready run; nothing here waits for real time. */
export async function settle() {
  for (let i = 0; i < 30; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

export class FakeBrowser {
  constructor() {
    this.ms = 0;
    this.timers = new Map();
    this.lastTimer = 0;
    this.wallClockTicks = 0; // ms that go by between two looks at the clock on the wall
    this.looks = 0;
    this.requests = [];
    this.errors = [];
    this.kept = new Map();
    /** What the network answers: an answer, an Error, or a promise of either. */
    this.answer = () => ({ status: 202, body: {} });
    this.window = new Target();
    this.document = Object.assign(new Target(), { visibilityState: "visible" });
  }

  environment() {
    return {
      fetch: (url, request) => this.#fetch(url, request),
      setTimeout: (task, ms) => {
        this.lastTimer += 1;
        this.timers.set(this.lastTimer, { task, at: this.ms + ms });
        return this.lastTimer;
      },
      clearTimeout: (timer) => this.timers.delete(timer),
      now: () => this.ms,
      wallClock: () => start + this.ms + this.wallClockTicks * (this.looks += 1),
      random: () => 0.5,
      storage: {
        getItem: (name) => this.kept.get(name) ?? null,
        setItem: (name, value) => this.kept.set(name, value),
      },
      page: { window: this.window, document: this.document },
      reportError: (error) => this.errors.push(error),
    };
  }

  async #fetch(url, request) {
    const seen = { url, at: this.ms, ...request };
    seen.windows = request.body === undefined ? undefined : JSON.parse(request.body).windows;
    this.requests.push(seen);
    const answer = await this.answer(seen, this.requests.length);
    if (answer instanceof Error) throw answer;
    const { status, body, headers = {} } = answer;
    return {
      status,
      headers: { get: (name) => headers[name] ?? null },
      text: async () => (body === undefined ? "" : JSON.stringify(body)),
    };
  }

  get reports() {
    return this.requests.filter((request) => request.method === "POST");
  }

  /** Lets so many milliseconds pass. */
  async pass(ms) {
    const end = this.ms + ms;
    await settle();
    for (;;) {
      const next = [...this.timers].sort(([, a], [, b]) => a.at - b.at)[0];
      if (next === undefined || next[1].at > end) break;
      this.timers.delete(next[0]);
      this.ms = Math.max(this.ms, next[1].at);
      next[1].task();
      await settle();
    }
    this.ms = end;
    await settle();
  }
}

/** A connection that sends; `quality(second)` changes its report. */
export function sendingConnection(browser, quality = () => ({})) {
  const target = new Target();
  const track = { kind: "audio", enabled: true, muted: false };
  const sender = {
    track,
    encodings: [{ maxBitrate: undefined }],
    getParameters() {
      return { encodings: this.encodings.map((encoding) => ({ ...encoding })) };
    },
    async setParameters(parameters) {
      this.encodings = parameters.encodings;
    },
  };
  return Object.assign(target, {
    track,
    sender,
    asked: 0,
    connectionState: "connected",
    getSenders: () => [sender],
    async getStats() {
      this.asked += 1;
      return sending(browser.ms / 1000, quality(browser.ms / 1000));
    },
  });
}
