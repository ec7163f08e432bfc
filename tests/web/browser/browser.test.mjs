// The module in a real browser, against an API that refuses on demand.
import assert from "node:assert/strict";
import { test } from "node:test";

import { browse, findChromium, servePage } from "./chromium.mjs";
import { objection, StubApi } from "./stub_api.mjs";

const chromium = findChromium();
if (chromium === undefined) {
  console.log("SKIPPED: Chromium is not installed (Debian's package chromium; SUBCULTS_CHROMIUM)");
  process.exit(0);
}

const api = new StubApi();
const heard = [];

const said = (event, phase = 1) =>
  heard.find((fact) => fact.event === event && fact.phase === phase);

/** Waits until the page has said this. */
async function told(event, phase, limitMs = 90_000) {
  const end = Date.now() + limitMs;
  for (;;) {
    const failed = heard.find((fact) => fact.event === "failed");
    if (failed) throw new Error(failed.error);
    if (said(event, phase)) return;
    if (Date.now() > end) throw new Error(`the page did not say ${event}: ${JSON.stringify(heard.slice(-5))}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const reportsOf = (...tokens) =>
  api.requests.filter(({ method, token }) => method === "POST" && tokens.includes(token));
const windowsOf = (...tokens) =>
  reportsOf(...tokens)
    .filter(({ status }) => status === 202)
    .flatMap(({ windows }) => windows);

const url = await api.listen();
const page = await servePage((fact) => heard.push({ ...fact, at: Date.now() }));
let quit = async () => {};
try {
  api.origin = page.origin;
  api.faults.set("stale", [{ status: 401 }, { status: 401 }]);
  api.faults.set("host", [{ status: 503, headers: { "Retry-After": "2" } }]);
  api.faults.set("unlucky", ["hang up"]);
  const plan = {
    api: url,
    stream: "0190aaaa-0000-7000-8000-000000000000",
    seconds: 36,
    mute_at: 28,
    people: [
      { name: "host", end: "sender", tokens: ["host"] },
      { name: "listener", end: "receiver", tokens: ["stale", "fresh"] },
      { name: "unlucky", end: "receiver", loss: 20, tokens: ["unlucky"], poll: true },
      { name: "struggling", end: "sender", loss: 12, tokens: ["struggling"] },
    ],
    then: { phase: 2, seconds: 13, people: [{ name: "host", end: "sender", tokens: ["host"] }] },
  };
  const query = new URLSearchParams({ plan: JSON.stringify(plan) });
  quit = browse(chromium, `${page.origin}/page.html?${query}`);
  await told("done", 2);
} finally {
  await quit();
  page.close();
  api.close();
}

// The tests look at what has happened.

test("every window that was sent is one that the service accepts", () => {
  const all = api.requests.filter(({ windows }) => windows !== undefined);
  assert.ok(all.length >= 12, String(all.length));
  assert.deepEqual(all.flatMap(({ rejected }) => rejected), []);
  assert.equal(heard.filter(({ event }) => event === "rejected").length, 0);
});

test("what is sent is measured plausibly", () => {
  const windows = windowsOf("host").filter((window) => !window.muted);
  assert.ok(windows.length >= 2);
  for (const window of windows) {
    assert.equal(window.direction, "uplink");
    assert.equal(window.muted, false);
    assert.ok(window.bitrate_kbps > 5 && window.bitrate_kbps < 150, JSON.stringify(window));
    assert.ok(window.audio_level > 0 && window.audio_level <= 1, JSON.stringify(window));
    assert.ok(window.rtt_ms >= 0 && window.rtt_ms < 250, JSON.stringify(window));
  }
  const full = windows.find((window) => window.window_ms > 8_000);
  assert.ok(full.window_ms > 8_900 && full.window_ms < 15_000, JSON.stringify(full));
  assert.ok(full.packet_loss_percent < 2, JSON.stringify(full));
  assert.ok(full.jitter_ms < 30, JSON.stringify(full));
});

test("what is heard is what was sent", () => {
  const middle = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
  const [sent, received] = [windowsOf("host"), windowsOf("fresh")].map((windows) =>
    windows.filter((window) => !window.muted && window.window_ms > 8_000),
  );
  const [up, down] = [sent, received].map((windows) => middle(windows.map((one) => one.bitrate_kbps)));
  assert.ok(down > 0.7 * up && down < 1.3 * up, `${up} sent, ${down} received`);
  for (const window of received) {
    assert.equal(window.direction, "downlink");
    assert.equal(window.muted, undefined);
    assert.ok(window.audio_level > 0 && window.audio_level <= 1, JSON.stringify(window));
    assert.ok(window.packet_loss_percent < 2, JSON.stringify(window));
    assert.ok(window.rtt_ms >= 0 && window.rtt_ms < 250, JSON.stringify(window));
  }
});

test("a refused token is renewed across origins, and nothing is lost", () => {
  const [first, second] = reportsOf("stale", "fresh");
  assert.equal(first.status, 401);
  assert.equal(second.token, "fresh");
  assert.equal(second.status, 202);
});

test("503 is waited out as long as the exposed Retry-After says", () => {
  const [refused, next] = reportsOf("host");
  assert.equal(refused.status, 503);
  assert.ok(next.at - refused.at >= 2_000, String(next.at - refused.at));
  const seqs = windowsOf("host").map(({ seq }) => seq);
  assert.ok(seqs.length >= 3);
});

test("a connection that breaks costs no window", () => {
  const [broken, next] = reportsOf("unlucky");
  assert.equal(broken.status, "hung up");
  assert.equal(next.status, 202);
  const measured = heard.filter(({ event, name, phase }) => event === "window" && name === "unlucky" && phase === 1);
  assert.ok(windowsOf("unlucky").length >= measured.length, "all of them have arrived");
});

test("a listener who loses packets is told, and asks the service", () => {
  const lossy = windowsOf("unlucky").filter((window) => window.packet_loss_percent > 5);
  assert.ok(lossy.length >= 3);
  assert.ok(lossy.every((window) => window.packet_loss_percent > 15 && window.packet_loss_percent < 25));
  const news = heard.find(({ event, name }) => event === "degraded" && name === "unlucky");
  assert.deepEqual(news.reasons, ["packet_loss_percent"]);
  assert.equal(news.path.protocol, "udp");
  assert.equal(news.codes.includes("lower_bitrate"), false);
  assert.equal(heard.find(({ event }) => event === "high_packet_loss").count, 1);
});

test("a sender who loses packets is told, and takes the suggested bitrate", () => {
  const news = heard.find(({ event, name }) => event === "degraded" && name === "struggling");
  assert.equal(news.codes[0], "lower_bitrate");
  assert.equal(news.changed, 1);
  assert.equal(news.limit, news.wanted * 1000);
});

test("windows are shorter while the connection is poor", () => {
  const lengths = windowsOf("unlucky").map((window) => window.window_ms);
  assert.ok(lengths[0] > 6_000 && lengths[0] < 13_000, String(lengths));
  assert.ok(lengths[1] < 8_500 && lengths[2] < 8_500, String(lengths));
});

test("muting begins a window of its own, which is silent", () => {
  const muted = windowsOf("host").filter((window) => window.muted);
  assert.ok(muted.length >= 1);
  // The moment of muting lies between two samples: what is before it is not part of the silence.
  assert.ok(muted.at(-1).audio_level < 0.01, JSON.stringify(muted));
});

test("a page that is left sends the windows that it had begun, each once", () => {
  const [done, again] = [said("done", 1), said("started", 2)].map(({ at }) => at);
  const last = api.requests.filter(({ at, windows }) => windows && at >= done && at <= again);
  assert.ok(last.length >= 1, "its last requests have outlived it");
  const seqs = last.flatMap(({ token, windows }) => windows.map(({ seq }) => `${token} ${seq}`));
  assert.equal(new Set(seqs).size, seqs.length, String(seqs));
});

test("numbers go on rising after the page was loaded anew", () => {
  const seqs = windowsOf("host").map(({ seq }) => seq);
  const unique = [...new Set(seqs)];
  assert.deepEqual(unique, [...unique].sort((a, b) => a - b));
  const second = heard.filter(({ event, phase }) => event === "window" && phase === 2);
  assert.ok(second.length >= 1);
});

test("preflights are asked for once in a while, not with every report", () => {
  assert.ok(api.preflights >= 1);
  assert.ok(api.preflights <= 6, `${api.preflights} for ${api.requests.length} requests`);
});

test("the stub's judgement finds what the service would reject", () => {
  const good = {
    seq: 1,
    measured_at: new Date().toISOString(),
    window_ms: 10_000,
    direction: "uplink",
    rtt_ms: 3,
  };
  assert.equal(objection(good), undefined);
  for (const [changes, reason] of [
    [{ rtt_ms: 60_001 }, "rtt_ms"],
    [{ rtt_ms: undefined }, "nothing_measured"],
    [{ seq: 1.5 }, "seq"],
    [{ measured_at: new Date(Date.now() - 601_000).toISOString() }, "too_old"],
    [{ measured_at: new Date(Date.now() + 70_000).toISOString() }, "in_the_future"],
    [{ direction: "both" }, "direction"],
    [{ name: "x" }, "unknown_field name"],
  ]) {
    assert.equal(objection({ ...good, ...changes }), reason);
  }
});
