import assert from "node:assert/strict";
import { test } from "node:test";

import { QualityReporter } from "../../deploy/web/quality-reporter.js";
import { FakeBrowser, sendingConnection, settle } from "./fake_browser.mjs";
import { receiving } from "./reports.mjs";

function started(changes = {}, quality = undefined) {
  const browser = new FakeBrowser();
  const connection = sendingConnection(browser, quality);
  const heard = { onWindow: [], onDegraded: [], onRecovered: [], onRejected: [], onStopped: [], onError: [] };
  const callbacks = Object.fromEntries(
    Object.entries(heard).map(([name, list]) => [name, (fact) => list.push(fact)]),
  );
  const tokens = [];
  const options = {
    source: connection,
    apiUrl: "https://api.example/",
    streamId: "0190-stream",
    token: async ({ refresh }) => {
      tokens.push(refresh);
      return `token${tokens.length}`;
    },
    ...callbacks,
    ...changes,
  };
  const reporter = new QualityReporter(options, browser.environment());
  reporter.start();
  return { browser, connection, reporter, heard, tokens };
}

test("a window every ten seconds, one request each, as the service wants it", async () => {
  const { browser, connection, reporter, heard } = started();
  await browser.pass(30_500);
  assert.equal(browser.reports.length, 3);
  const [report] = browser.reports;
  assert.equal(report.url, "https://api.example/streams/0190-stream/quality-metrics");
  assert.equal(report.method, "POST");
  assert.equal(report.headers.Authorization, "Bearer token1");
  assert.equal(report.headers["Content-Type"], "application/json");
  assert.equal(report.credentials, "omit");
  assert.equal(report.keepalive, undefined);
  const [window] = report.windows;
  assert.deepEqual(Object.keys(window).sort(), [
    "audio_level",
    "bitrate_kbps",
    "direction",
    "jitter_ms",
    "measured_at",
    "muted",
    "packet_loss_percent",
    "rtt_ms",
    "seq",
    "window_ms",
  ]);
  assert.equal(window.measured_at, "2026-05-01T20:00:10.000Z");
  assert.equal(window.direction, "uplink");
  assert.equal(window.bitrate_kbps, 32);
  const seqs = browser.reports.flatMap((sent) => sent.windows.map(({ seq }) => seq));
  assert.deepEqual(seqs, [...seqs].sort());
  assert.equal(new Set(seqs).size, 3);
  assert.equal(reporter.pending, 0);
  assert.equal(heard.onWindow.length, 3);
  assert.ok(connection.asked >= 15 && connection.asked <= 20, String(connection.asked));
  assert.deepEqual(browser.errors, []);
});

test("offline, windows wait; online again, they all leave in order", async () => {
  const { browser, reporter } = started();
  browser.answer = () => new TypeError("Failed to fetch");
  await browser.pass(120_500);
  assert.equal(reporter.pending, 12);
  assert.ok(browser.reports.length < 12, "pauses grow");
  browser.answer = () => ({ status: 202, body: {} });
  const before = browser.reports.length;
  browser.window.dispatch("online");
  await settle();
  assert.equal(reporter.pending, 0);
  const [batch] = browser.reports.slice(before);
  assert.equal(batch.windows.length, 12);
  const times = batch.windows.map((window) => window.measured_at);
  assert.deepEqual(times, [...times].sort());
});

test("hours offline keep the last ten minutes and no more", async () => {
  const { browser, reporter } = started();
  browser.answer = () => new TypeError("Failed to fetch");
  await browser.pass(2 * 3_600_000);
  assert.ok(reporter.pending >= 56 && reporter.pending <= 58, String(reporter.pending));
});

test("a refused token is renewed once per request", async () => {
  const { browser, reporter, tokens } = started();
  browser.answer = (request) => ({ status: request.headers.Authorization === "Bearer token2" ? 202 : 401 });
  await browser.pass(10_500);
  assert.equal(browser.reports.length, 2);
  assert.deepEqual(tokens, [false, true]);
  assert.equal(reporter.pending, 0);
  browser.answer = () => ({ status: 401 });
  await browser.pass(10_000);
  assert.equal(browser.reports.length, 4);
  assert.equal(reporter.pending, 1);
  assert.equal(reporter.state, "running");
});

test("a fixed token is not tried twice", async () => {
  const { browser, reporter } = started({ token: "fixed" });
  browser.answer = () => ({ status: 401 });
  await browser.pass(10_500);
  assert.equal(browser.reports.length, 1);
  assert.equal(reporter.pending, 1);
});

test("a token that cannot be had is like no network", async () => {
  const { browser, reporter } = started({ token: () => Promise.reject(new Error("signed out")) });
  await browser.pass(25_000);
  assert.equal(browser.reports.length, 0);
  assert.equal(reporter.pending, 2);
  assert.equal(reporter.state, "running");
});

test("rejected windows are told of and not sent again", async () => {
  const { browser, reporter, heard } = started();
  browser.answer = (request) => ({
    status: 202,
    body: { accepted: [], duplicates: [], rejected: [{ index: 0, seq: request.windows[0].seq, reason: "rtt_ms" }] },
  });
  await browser.pass(10_500);
  assert.equal(heard.onRejected.length, 1);
  assert.equal(heard.onRejected[0][0].reason, "rtt_ms");
  assert.equal(reporter.pending, 0);
});

test("an answer that is no JSON is still an answer", async () => {
  const { browser, reporter } = started();
  browser.answer = () => ({ status: 202, body: undefined });
  await browser.pass(10_500);
  assert.equal(reporter.pending, 0);
});

test("Retry-After is obeyed, and what was measured meanwhile follows", async () => {
  const { browser, reporter } = started();
  browser.answer = () => ({ status: 503, headers: { "Retry-After": "30" } });
  await browser.pass(10_500);
  assert.equal(browser.reports.length, 1);
  browser.answer = () => ({ status: 202, body: {} });
  await browser.pass(29_000);
  assert.equal(browser.reports.length, 1);
  await browser.pass(6_000);
  assert.equal(browser.reports.length, 2);
  assert.equal(browser.reports[1].windows.length, 4);
  assert.equal(reporter.pending, 0);
});

test("a batch that is too large is split, and nothing is lost", async () => {
  const { browser, reporter } = started();
  browser.answer = () => new TypeError("Failed to fetch");
  await browser.pass(80_500);
  browser.answer = (request) => ({ status: request.windows.length > 3 ? 413 : 202, body: {} });
  browser.window.dispatch("online");
  await settle();
  assert.equal(reporter.pending, 0);
  const taken = browser.reports.filter((report) => report.windows.length <= 3).flatMap((r) => r.windows);
  assert.ok(new Set(taken.map((window) => window.seq)).size >= 8);
});

test("when a stream is gone, so is what was kept for it", async () => {
  const { browser, reporter } = started();
  browser.answer = () => new TypeError("Failed to fetch");
  await browser.pass(80_500);
  browser.answer = (request) => ({ status: request.windows.length > 3 ? 413 : 410 });
  browser.window.dispatch("online");
  await settle();
  assert.equal(reporter.state, "stopped");
  assert.equal(reporter.pending, 0);
});

test("what is sent and what is heard end together by one clock", async () => {
  const { browser, connection } = started();
  browser.wallClockTicks = 3;
  const sent = connection.getStats;
  connection.getStats = async () => new Map([...(await sent.call(connection)), ...receiving(browser.ms / 1000)]);
  await browser.pass(10_500);
  const [up, down] = browser.reports[0].windows;
  assert.deepEqual([up.direction, down.direction], ["uplink", "downlink"]);
  assert.equal(up.measured_at, down.measured_at);
  assert.ok(up.seq < down.seq);
});

for (const [status, reason] of [[404, "not_found"], [409, "ended"], [410, "gone"]]) {
  test(`after ${status} nothing is measured, kept or listened to any more`, async () => {
    const { browser, connection, reporter, heard } = started();
    browser.answer = () => ({ status, body: { error: { code: "x" } } });
    await browser.pass(10_500);
    assert.deepEqual(heard.onStopped, [{ reason }]);
    assert.equal(reporter.state, "stopped");
    assert.equal(reporter.pending, 0);
    const { asked } = connection;
    browser.document.visibilityState = "hidden";
    browser.document.dispatch("visibilitychange");
    await browser.pass(60_000);
    assert.equal(connection.asked, asked);
    assert.equal(browser.reports.length, 1);
    assert.equal(browser.timers.size, 0);
    assert.equal(browser.window.listening + browser.document.listening + connection.listening, 0);
  });
}

test("stopping reports what has been measured so far", async () => {
  const { browser, reporter, heard } = started();
  await browser.pass(14_500);
  await reporter.stop();
  assert.equal(browser.reports.length, 2);
  assert.equal(browser.reports[1].windows[0].window_ms, 4_000);
  assert.deepEqual(heard.onStopped, [{ reason: "stopped" }]);
  assert.equal(browser.timers.size, 0);
});

test("a page that goes out of sight sends everything at once, with keepalive and the token at hand", async () => {
  const { browser, reporter, tokens } = started();
  await browser.pass(10_500);
  browser.answer = () => new Promise(() => {}); // under way when the page goes
  await browser.pass(10_000);
  assert.equal(browser.reports.length, 2);
  const asked = tokens.length;
  browser.answer = () => ({ status: 202, body: {} });
  await browser.pass(4_500);
  browser.document.visibilityState = "hidden";
  browser.document.dispatch("visibilitychange");
  const will = browser.reports.at(-1); // before anything else could run
  assert.equal(will.keepalive, true);
  assert.equal(will.headers.Authorization, "Bearer token2");
  assert.equal(tokens.length, asked);
  assert.equal(will.windows.length, 2);
  assert.equal(will.windows[0].seq, browser.reports[1].windows[0].seq);
  await settle();
  assert.equal(reporter.pending, 0);
  browser.window.dispatch("pagehide");
  assert.equal(browser.reports.at(-1), will, "nothing new to say");
});

test("a page that is left with a long backlog sends it in requests that the service takes", async () => {
  const { browser, reporter } = started();
  await browser.pass(10_500);
  browser.answer = () => new TypeError("Failed to fetch");
  for (let i = 0; i < 35; i += 1) {
    await browser.pass(4_000);
    await reporter.flush();
    await browser.pass(4_000);
    await reporter.flush();
  }
  const { pending } = reporter;
  assert.ok(pending > 64, String(pending));
  browser.answer = () => ({ status: 202, body: {} });
  browser.document.visibilityState = "hidden";
  browser.document.dispatch("visibilitychange");
  const wills = browser.reports.filter((report) => report.keepalive);
  assert.ok(wills.every(({ windows }) => windows.length <= 60));
  assert.equal(wills.flatMap(({ windows }) => windows).length, pending);
  await settle();
  assert.equal(reporter.pending, 0);
});

test("a page that becomes hidden and is then left says each thing once", async () => {
  const { browser, reporter } = started();
  await browser.pass(10_500);
  await browser.pass(4_000);
  browser.answer = () => new Promise(() => {});
  browser.document.visibilityState = "hidden";
  browser.document.dispatch("visibilitychange");
  browser.window.dispatch("pagehide");
  assert.equal(browser.reports.filter((report) => report.keepalive).length, 1);
  assert.equal(reporter.pending, 1);
});

test("a last will that came to nothing is sent again", async () => {
  const { browser, reporter } = started();
  await browser.pass(14_500);
  browser.answer = () => new TypeError("Failed to fetch");
  browser.document.visibilityState = "hidden";
  browser.document.dispatch("visibilitychange");
  await settle();
  assert.equal(reporter.pending, 1);
  for (let i = 0; i < 300; i += 1) {
    browser.document.dispatch("visibilitychange");
    await Promise.resolve();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const wills = browser.reports.filter((report) => report.keepalive);
  assert.equal(wills.length, 301);
  assert.equal(wills[300].windows[0].seq, wills[0].windows[0].seq);
  browser.answer = () => ({ status: 202, body: {} });
  await browser.pass(12_000);
  assert.equal(reporter.pending, 0);
});

test("a page that comes into sight or out of it goes on measuring: listeners lock their phones", async () => {
  const { browser } = started();
  await browser.pass(12_000);
  browser.document.visibilityState = "hidden";
  browser.document.dispatch("visibilitychange");
  await browser.pass(40_000);
  assert.ok(browser.reports.length >= 5, String(browser.reports.length));
});

test("becoming visible is no reason to report", async () => {
  const { browser } = started();
  await browser.pass(14_000);
  browser.document.dispatch("visibilitychange");
  assert.equal(browser.reports.length, 1);
});

test("before the first token there is nothing to send a last will with, and nothing breaks", async () => {
  const { browser, reporter } = started();
  await browser.pass(6_500);
  browser.window.dispatch("pagehide");
  await settle();
  assert.equal(browser.reports.length, 0);
  assert.equal(reporter.pending, 1);
  assert.deepEqual(browser.errors, []);
});

test("a request that never ends is given up, and its windows are sent again", async () => {
  const { browser, reporter } = started();
  browser.answer = (request) =>
    new Promise((resolve) => request.signal.addEventListener("abort", () => resolve(new Error("aborted"))));
  await browser.pass(26_000);
  assert.ok(reporter.pending >= 1);
  assert.equal(browser.reports[0].signal.aborted, true);
  browser.answer = () => ({ status: 202, body: {} });
  await browser.pass(30_000);
  assert.equal(reporter.pending, 0);
  assert.equal(browser.reports[1].windows[0].seq, browser.reports[0].windows[0].seq);
});

test("a report of the browser that never comes does not end the measuring", async () => {
  const { browser, connection, reporter } = started();
  await browser.pass(4_500);
  const real = connection.getStats;
  connection.getStats = () => new Promise(() => {});
  await browser.pass(8_000);
  connection.getStats = real;
  await browser.pass(20_000);
  assert.ok(browser.reports.length >= 1);
  assert.equal(reporter.state, "running");
  connection.getStats = () => Promise.reject(new Error("InvalidStateError"));
  await browser.pass(12_000);
  connection.getStats = real;
  const before = browser.reports.length;
  await browser.pass(22_000);
  assert.ok(browser.reports.length > before);
});

const lossy = (from, until) => (second) => {
  const bad = Math.max(0, Math.min(second, until) - from);
  return { lost: 5 * bad }; // ten percent of fifty a second
};

test("a poor connection is told of after three windows, each half as long from the first on", async () => {
  const { browser, reporter, heard } = started({}, lossy(10, 60));
  await browser.pass(20_500);
  assert.equal(heard.onWindow.length, 2);
  assert.equal(heard.onDegraded.length, 0);
  await browser.pass(10_000);
  assert.equal(heard.onDegraded.length, 1);
  assert.equal(reporter.degraded, true);
  const [told] = heard.onDegraded;
  assert.equal(told.direction, "uplink");
  assert.equal(told.ongoing, false);
  assert.deepEqual(told.reasons, ["packet_loss_percent"]);
  assert.equal(told.window.packet_loss_percent, 10);
  assert.deepEqual(told.path, { relayed: false, protocol: "udp" });
  assert.equal(told.suggestions[0].code, "lower_bitrate");
  assert.equal(told.suggestions[0].bitrate_kbps, 24);
  await browser.pass(30_000);
  assert.equal(heard.onDegraded[1].ongoing, true);
  await browser.pass(20_000);
  assert.equal(heard.onRecovered.length, 1);
  assert.equal(reporter.degraded, false);
  assert.deepEqual(heard.onRecovered[0].suggestions, [], "nothing was lowered");
});

test("a suggested bitrate can be applied, and taken back after recovery", async () => {
  const steps = [];
  const { browser, connection } = started(
    {
      onDegraded: ({ suggestions }) => steps.push(suggestions[0].apply()),
      onRecovered: ({ suggestions }) => steps.push(suggestions[0].apply()),
    },
    (second) => {
      const kbps = connection.sender.encodings[0].maxBitrate ?? 64_000;
      return { ...lossy(10, 40)(second), outbound: { targetBitrate: kbps } };
    },
  );
  await browser.pass(32_000);
  assert.equal(connection.sender.encodings[0].maxBitrate, 48_000);
  await browser.pass(60_000);
  assert.equal(connection.sender.encodings[0].maxBitrate, 64_000);
  assert.deepEqual(await Promise.all(steps), [1, 1]);
});

test("a muted microphone ends the window", async () => {
  const { browser, connection, heard } = started();
  await browser.pass(4_500);
  connection.track.enabled = false;
  await browser.pass(16_000);
  assert.deepEqual(
    heard.onWindow.map(({ muted, window_ms }) => [muted, window_ms]),
    [
      [false, 6_000],
      [true, 4_000],
      [true, 10_000],
    ],
  );
});

test("a callback that throws is reported and nothing else", async () => {
  const { browser, reporter } = started({
    onWindow() {
      throw new Error("the page's own");
    },
  });
  await browser.pass(20_500);
  assert.equal(browser.errors.length, 2);
  assert.equal(browser.reports.length, 2);
  assert.equal(reporter.state, "running");
});

test("a connection that is closed and made anew by the page is followed", async () => {
  const browser = new FakeBrowser();
  let current;
  const reporter = new QualityReporter(
    { source: () => current, apiUrl: "https://api.example", streamId: "s", token: "fixed" },
    browser.environment(),
  );
  reporter.start();
  await browser.pass(11_000);
  assert.equal(browser.reports.length, 0);
  current = sendingConnection(browser);
  await browser.pass(20_000);
  assert.ok(browser.reports.length >= 1);
  current.connectionState = "closed";
  current = sendingConnection(browser);
  await browser.pass(20_000);
  assert.equal(browser.reports.at(-1).windows[0].bitrate_kbps, 32);
  assert.equal(browser.reports[0].headers.Authorization, "Bearer fixed");
});

test("where wished, what a host sends is shown as an attribute, at most every nine seconds", async () => {
  const browser = new FakeBrowser();
  const connection = sendingConnection(browser, lossy(0, 1000));
  const track = { sid: "TR_1", getRTCStatsReport: () => connection.getStats() };
  const shown = [];
  const room = {
    localParticipant: {
      audioTrackPublications: new Map([["TR_1", { trackSid: "TR_1", isMuted: false, track }]]),
      setAttributes: async (attributes) => {
        shown.push({ at: browser.ms, ...attributes });
        throw new Error("NOT_ALLOWED");
      },
    },
    remoteParticipants: new Map(),
  };
  const options = { source: room, apiUrl: "https://api.example", streamId: "s", token: "t" };
  new QualityReporter({ ...options, attribute: true }, browser.environment()).start();
  await browser.pass(41_000);
  assert.ok(browser.reports.length > shown.length && shown.length >= 3, String(shown.length));
  shown.slice(1).forEach(({ at }, i) => assert.ok(at - shown[i].at >= 9_000));
  assert.deepEqual(JSON.parse(shown[0].aq), browser.reports[0].windows[0]);
  const { length } = shown;
  new QualityReporter(options, browser.environment()).start();
  assert.equal(shown.length, length);
  assert.deepEqual(browser.errors, []);
});

test("the service's high losses are polled when wished, with the same token", async () => {
  const told = [];
  const { browser } = started({
    pollHighPacketLoss: { everySeconds: 20, sinceMinutes: 2 },
    onHighPacketLoss: (news) => told.push(news.participants),
  });
  browser.answer = (request) =>
    request.method === "GET"
      ? { status: 200, body: { stream_id: "s", since_minutes: 2, participants: ["user-a"], count: 1 } }
      : { status: 202, body: {} };
  await browser.pass(60_000);
  const polls = browser.requests.filter((request) => request.method === "GET");
  assert.equal(
    polls[0].url,
    "https://api.example/streams/0190-stream/quality-metrics/high-packet-loss?since_minutes=2",
  );
  assert.match(polls[0].headers.Authorization, /^Bearer token/);
  assert.ok(polls.length >= 2 && polls.length <= 3);
  assert.deepEqual(told, [["user-a"]]);
});

test("a clock that is wrong by minutes is corrected from the second report on", async () => {
  const { browser } = started();
  browser.answer = () => ({
    status: 202,
    body: {},
    headers: { Date: new Date(Date.parse("2026-05-01T20:10:00Z") + browser.ms).toUTCString() },
  });
  await browser.pass(20_500);
  assert.equal(browser.reports[0].windows[0].measured_at, "2026-05-01T20:00:10.000Z");
  const second = Date.parse(browser.reports[1].windows[0].measured_at);
  assert.ok(Math.abs(second - Date.parse("2026-05-01T20:10:20Z")) < 1_500);
});

const serviceAheadBy = (browser, ms) => () => ({
  status: 202,
  body: {},
  headers: { Date: new Date(Date.parse("2026-05-01T20:00:00Z") + ms + browser.ms).toUTCString() },
});

test("a clock at the edge of what is corrected does not make time jump back and forth", async () => {
  const { browser } = started();
  // Whole seconds are all that answers show: now it is more than the limit, now it is less.
  browser.answer = (_, count) => serviceAheadBy(browser, count % 2 === 1 ? 30_400 : 29_400)();
  await browser.pass(100_500);
  const times = browser.reports.map(({ windows }) => Date.parse(windows[0].measured_at));
  const steps = times.slice(1).map((time, i) => time - times[i]);
  const jumps = steps.filter((step) => Math.abs(step - 10_000) > 1_000);
  assert.equal(jumps.length, 1, steps.join(" "));
  assert.ok(jumps[0] > 35_000);
});

test("a device that is less than a minute ahead is left alone, and loses nothing", async () => {
  const { browser } = started();
  browser.answer = serviceAheadBy(browser, -50_000);
  await browser.pass(60_500);
  const times = browser.reports.map(({ windows }) => windows[0].measured_at);
  assert.equal(times[0], "2026-05-01T20:00:10.000Z");
  assert.equal(times[5], "2026-05-01T20:01:00.000Z");
});

test("windows that are closed in quick succession end a second apart", async () => {
  const { browser, reporter } = started();
  await browser.pass(13_900); // a window at 10 s, the last sample at 12 s
  browser.document.visibilityState = "hidden";
  browser.document.dispatch("visibilitychange");
  await browser.pass(200);
  await reporter.flush();
  const ends = browser.reports.flatMap(({ windows }) => windows.map((window) => window.measured_at));
  assert.deepEqual(ends, [
    "2026-05-01T20:00:10.000Z",
    "2026-05-01T20:00:13.900Z",
    "2026-05-01T20:00:14.900Z",
  ]);
});

test("options that cannot work are refused at once", () => {
  const good = { source: {}, apiUrl: "x", streamId: "s", token: "t" };
  for (const name of Object.keys(good)) {
    assert.throws(() => new QualityReporter({ ...good, [name]: undefined }, new FakeBrowser().environment()));
  }
  assert.throws(() => new QualityReporter({ ...good, direction: "both" }, new FakeBrowser().environment()));
});
