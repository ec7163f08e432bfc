// Requests to the service: a bearer token that is renewed once when it is refused, a time limit,
// and answers as plain objects.
import { clockOffset } from "./clock.js";
import { retryAfterMs } from "./delivery.js";

const patienceMs = 15_000;

/**
 * @typedef {object} Reply
 * @property {number} status
 * @property {number | undefined} retryAfterMs
 * @property {string | undefined} code    of an error
 * @property {any} body                   undefined when it is no JSON
 * @property {number | undefined} clockOffsetMs
 */

export class Api {
  /**
   * @param {object} options
   * @param {string} options.apiUrl
   * @param {string} options.streamId
   * @param {string | ((why: { refresh: boolean }) => string | Promise<string>)} options.token
   * @param {object} environment
   */
  constructor({ apiUrl, streamId, token }, environment) {
    this.base = `${apiUrl.replace(/\/+$/, "")}/streams/${encodeURIComponent(streamId)}`;
    this.token = token;
    this.environment = environment;
    this.lastToken = typeof token === "string" ? token : undefined;
  }

  async #authorization(refresh) {
    const token = typeof this.token === "string" ? this.token : await this.token({ refresh });
    this.lastToken = token;
    return `Bearer ${token}`;
  }

  /** @returns {Promise<Reply | undefined>} undefined when no answer came */
  async call(method, path, body) {
    const first = await this.#attempt(method, path, body, false);
    if (first?.status !== 401 || typeof this.token === "string") return first;
    return this.#attempt(method, path, body, true);
  }

  async #attempt(method, path, body, refresh) {
    const { setTimeout, clearTimeout, wallClock, fetch } = this.environment;
    const abort = new AbortController();
    let timer;
    const late = new Promise((resolve) => {
      timer = setTimeout(() => {
        abort.abort();
        resolve(undefined);
      }, patienceMs);
    });
    const ask = async () => {
      const authorization = await this.#authorization(refresh);
      const sentAt = wallClock();
      const request = { ...this.#request(method, authorization, body), signal: abort.signal };
      const response = await fetch(this.base + path, request);
      return this.#reply(response, await response.text(), sentAt);
    };
    try {
      return await Promise.race([ask(), late]);
    } catch {
      return undefined; // offline, refused by CORS, no token: the same to us
    } finally {
      clearTimeout(timer);
    }
  }

  #request(method, authorization, body) {
    const headers = { Authorization: authorization };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    // No `cache` here: with "no-store" Chromium asks for a preflight before every single request.
    return {
      method,
      headers,
      body,
      mode: "cors",
      credentials: "omit",
      referrerPolicy: "no-referrer",
    };
  }

  #reply(response, text, sentAt) {
    const now = this.environment.wallClock();
    let body;
    try {
      body = JSON.parse(text);
    } catch {
      body = undefined;
    }
    return {
      status: response.status,
      retryAfterMs: retryAfterMs(response.headers.get("Retry-After"), now),
      code: body?.error?.code,
      body,
      clockOffsetMs: clockOffset(response.headers.get("Date"), sentAt, now),
    };
  }

  /**
   * For a page that goes away: at once, with the token at hand, and nobody may be left to hear the
   * answer. A beacon would not do: it cannot carry the token.
   * @returns {Promise<number | undefined>} the status, if the page lives to see it
   */
  lastCall(method, path, body) {
    if (this.lastToken === undefined) return Promise.resolve(undefined);
    const request = this.#request(method, `Bearer ${this.lastToken}`, body);
    try {
      return this.environment.fetch(this.base + path, { ...request, keepalive: true }).then(
        (response) => response.status,
        () => undefined,
      );
    } catch {
      return Promise.resolve(undefined);
    }
  }
}
