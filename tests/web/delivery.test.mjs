import assert from "node:assert/strict";
import { test } from "node:test";

import { clockOffset, correction } from "../../deploy/web/quality/clock.js";
import { Delivery, retryAfterMs } from "../../deploy/web/quality/delivery.js";
import { longestAgeMs, mostWindows, Outbox, windowsPerRequest } from "../../deploy/web/quality/outbox.js";
import { Sequence } from "../../deploy/web/quality/sequence.js";

const wall = Date.parse("2026-05-01T20:00:00.000Z");
const window = { window_ms: 10_000, direction: "uplink", bitrate_kbps: 32.1, muted: false };

function filled(count) {
  const outbox = new Outbox();
  for (let i = 0; i < count; i += 1) outbox.push(window, 100 + i, wall + i, i);
  return outbox;
}

const seqsOf = (batch) => JSON.parse(batch.body).windows.map((sent) => sent.seq);

test("windows leave oldest first, with number and time, and stay until they are settled", () => {
  const outbox = filled(3);
  const batch = outbox.oldest(2);
  assert.deepEqual(batch.seqs, [100, 101]);
  assert.deepEqual(JSON.parse(batch.body).windows[0], {
    seq: 100,
    measured_at: "2026-05-01T20:00:00.000Z",
    ...window,
  });
  assert.equal(outbox.size, 3);
  outbox.settle(batch.seqs);
  assert.deepEqual(outbox.oldest().seqs, [102]);
  outbox.settle([102]);
  assert.equal(outbox.oldest(), undefined);
  assert.deepEqual(outbox.lastWill(), []);
});

test("the oldest windows go when there are too many, or when they have become too old", () => {
  const outbox = filled(mostWindows + 5);
  assert.equal(outbox.size, mostWindows);
  assert.equal(outbox.dropped, 5);
  assert.equal(outbox.oldest(1).seqs[0], 105);
  outbox.expire(longestAgeMs + 10);
  assert.equal(outbox.oldest(1).seqs[0], 110);
});

test("ten minutes of both directions fit into what a page that closes may send", () => {
  const outbox = filled(mostWindows);
  const full = { ...window, jitter_ms: 12.34, packet_loss_percent: 12.34, audio_level: 0.1234, rtt_ms: 1234.5 };
  for (let i = 0; i < mostWindows; i += 1) outbox.push(full, wall + i, wall, i);
  const batches = outbox.lastWill();
  const bytes = batches.reduce((sum, batch) => sum + batch.body.length, 0);
  assert.ok(bytes <= 48 * 1024, String(bytes));
  const seqs = batches.flatMap((batch) => batch.seqs);
  assert.ok(seqs.length >= 200, String(seqs.length));
  assert.deepEqual(seqs, [...seqs].sort());
  assert.equal(seqs.at(-1), wall + mostWindows - 1);
  for (const batch of batches) {
    assert.ok(batch.seqs.length <= windowsPerRequest, "the service refuses more");
    assert.deepEqual(seqsOf(batch), batch.seqs);
  }
});

test("a last will fills what it may, to the byte", () => {
  for (const count of [1, 60, 61, 130]) {
    const outbox = filled(count);
    const sizes = (batches) => batches.map((batch) => batch.seqs.length);
    const all = outbox.lastWill();
    const bytes = all.reduce((sum, batch) => sum + batch.body.length, 0);
    assert.equal(all.flatMap((batch) => batch.seqs).length, count);
    assert.deepEqual(sizes(outbox.lastWill(bytes)), sizes(all));
    assert.equal(outbox.lastWill(bytes - 1).flatMap((batch) => batch.seqs).length, count - 1);
  }
});

test("what does not fit are the oldest, and numbers still rise", () => {
  const outbox = filled(10);
  const three = outbox.oldest(3).body.length;
  const [batch, ...more] = outbox.lastWill(three);
  assert.deepEqual(more, []);
  assert.deepEqual(batch.seqs, [107, 108, 109]);
  assert.deepEqual(seqsOf(batch), batch.seqs);
  assert.deepEqual(outbox.lastWill(20), []);
});

test("the service's clock is applied when windows first leave, and never again", () => {
  const outbox = filled(2);
  outbox.clockOffsetMs = 90_000;
  assert.equal(JSON.parse(outbox.oldest(1).body).windows[0].measured_at, "2026-05-01T20:01:30.000Z");
  outbox.clockOffsetMs = 0;
  const times = JSON.parse(outbox.oldest().body).windows.map((sent) => sent.measured_at);
  assert.deepEqual(times, ["2026-05-01T20:01:30.000Z", "2026-05-01T20:00:00.001Z"]);
});

test("numbers rise within a millisecond, and when the clock is set back", () => {
  const sequence = new Sequence(undefined);
  assert.deepEqual([wall + 0.7, wall, wall - 60_000].map((now) => sequence.next(now)), [
    wall,
    wall + 1,
    wall + 2,
  ]);
  assert.equal(sequence.next(wall + 9_000), wall + 9_000);
});

test("numbers rise across page loads, also when the clock was set back in between", () => {
  const kept = new Map();
  const storage = { getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => kept.set(name, value) };
  assert.equal(new Sequence(storage).next(wall), wall);
  assert.equal(new Sequence(storage).next(wall - 3_600_000), wall + 1);
  assert.equal(new Sequence(storage).next(wall + 5), wall + 5);
});

test("a number kept under a clock that was years ahead is not followed", () => {
  const storage = { getItem: () => String(wall + 3 * 366 * 86_400_000), setItem() {} };
  assert.equal(new Sequence(storage).next(wall), wall);
});

test("a storage that is forbidden, full or filled with nonsense does not matter", () => {
  const forbidden = {
    getItem() {
      throw new Error("SecurityError");
    },
  };
  const full = {
    getItem: () => "nonsense",
    setItem() {
      throw new Error("QuotaExceededError");
    },
  };
  for (const storage of [forbidden, full]) {
    const sequence = new Sequence(storage);
    assert.equal(sequence.next(wall), wall);
    assert.equal(sequence.next(wall), wall + 1);
  }
});

const steady = () => new Delivery(() => 0.5, 60);

test("an accepted report is settled and the next may follow at once", () => {
  const delivery = steady();
  assert.deepEqual(delivery.answered({ status: 202 }, 3, 1000), { settle: true });
  assert.ok(delivery.mayBegin(1000));
});

for (const [status, reason] of [[404, "not_found"], [409, "ended"], [410, "gone"]]) {
  test(`${status} ends the reporting: ${reason}`, () => {
    assert.deepEqual(steady().answered({ status }, 3, 0), { settle: true, stop: reason });
  });
}

test("a report that overtakes the join is tried again, a stranger is not for ever", () => {
  const delivery = steady();
  assert.deepEqual(delivery.answered({ status: 403 }, 1, 0), { settle: false });
  assert.equal(delivery.mayBegin(100), false);
  delivery.answered({ status: 202 }, 1, 10_000);
  let now = 20_000;
  for (let i = 0; i < 7; i += 1) {
    assert.deepEqual(delivery.answered({ status: 403 }, 1, now), { settle: false });
    now = delivery.notBefore;
  }
  assert.ok(now - 20_000 > 100_000, "a reconnection takes no longer than this");
  assert.deepEqual(delivery.answered({ status: 403 }, 1, now), { settle: true, stop: "forbidden" });
  assert.equal(steady().answered({ status: 403, code: "kicked" }, 1, 0).stop, "forbidden");
});

test("a report that is too large is halved until it fits, and grows again slowly", () => {
  const delivery = steady();
  assert.deepEqual(delivery.answered({ status: 413 }, 60, 0), { settle: false });
  assert.equal(delivery.count, 30);
  assert.ok(delivery.mayBegin(0));
  delivery.answered({ status: 413 }, 3, 0);
  assert.equal(delivery.count, 1);
  assert.deepEqual(delivery.answered({ status: 413 }, 1, 0), { settle: true, giveUp: true });
  delivery.answered({ status: 202 }, 1, 0);
  delivery.answered({ status: 202 }, 2, 0);
  assert.equal(delivery.count, 4);
  for (let i = 0; i < 9; i += 1) delivery.answered({ status: 202 }, 4, 0);
  assert.equal(delivery.count, 60);
});

test("one window that spoils a report is found and given up; other refusals are not repeated", () => {
  const delivery = steady();
  assert.deepEqual(delivery.answered({ status: 400 }, 2, 0), { settle: false });
  assert.equal(delivery.count, 1);
  assert.deepEqual(delivery.answered({ status: 400 }, 1, 0), { settle: true, giveUp: true });
  assert.deepEqual(delivery.answered({ status: 415 }, 9, 0), { settle: true, giveUp: true });
});

test("pauses grow, have an end, and one success resets them", () => {
  const delivery = steady();
  const pauses = [];
  let now = 0;
  for (let i = 0; i < 8; i += 1) {
    assert.deepEqual(delivery.answered(undefined, 1, now), { settle: false });
    pauses.push(delivery.notBefore - now);
    now = delivery.notBefore;
  }
  assert.deepEqual(pauses, [1500, 3000, 6000, 12_000, 24_000, 45_000, 45_000, 45_000]);
  delivery.answered({ status: 202 }, 1, now);
  delivery.answered({ status: 500 }, 1, now);
  assert.equal(delivery.notBefore - now, 1500);
});

for (const status of [401, 408, 425, 429, 500, 503]) {
  test(`${status} is tried again, and not before Retry-After`, () => {
    const delivery = steady();
    const verdict = delivery.answered({ status, retryAfterMs: 7000 }, 1, 1000);
    assert.deepEqual(verdict, { settle: false });
    assert.equal(delivery.mayBegin(7999), false);
    assert.ok(delivery.notBefore > 8000 && delivery.notBefore <= 1000 + 7000 * 1.1 + 1000);
  });
}

test("a crowd that was sent away together does not come back together", () => {
  const backs = [0, 0.25, 0.5, 0.99].map((luck) => {
    const delivery = new Delivery(() => luck, 60);
    delivery.answered({ status: 503, retryAfterMs: 10_000 }, 1, 0);
    return delivery.notBefore;
  });
  assert.equal(new Set(backs).size, backs.length);
});

test("the network's return shortens only a pause that nobody has asked for", () => {
  const lonely = steady();
  lonely.answered(undefined, 1, 0);
  lonely.hurry(10);
  assert.ok(lonely.mayBegin(10));
  const told = steady();
  told.answered({ status: 429, retryAfterMs: 9000 }, 1, 0);
  told.hurry(10);
  assert.equal(told.mayBegin(8999), false);
});

test("Retry-After is seconds or a date", () => {
  assert.equal(retryAfterMs("3", wall), 3000);
  assert.equal(retryAfterMs("Fri, 01 May 2026 20:00:07 GMT", wall), 7000);
  assert.equal(retryAfterMs("Fri, 01 May 2026 19:00:00 GMT", wall), 0);
  assert.equal(retryAfterMs("-5", wall), 0);
  for (const nothing of [null, undefined, "", "soon"]) assert.equal(retryAfterMs(nothing, wall), undefined);
});

test("the service's clock is read from answers that came soon", () => {
  const date = "Fri, 01 May 2026 20:00:00 GMT";
  assert.equal(clockOffset(date, wall + 300_000, wall + 300_200), 500 - 300_100);
  assert.equal(clockOffset(date, wall - 900, wall - 800), 500 + 850);
  assert.equal(clockOffset(null, wall, wall), undefined);
  assert.equal(clockOffset("yesterday", wall, wall), undefined);
  assert.equal(clockOffset(date, wall, wall + 20_000), undefined);
  assert.equal(clockOffset(date, wall, wall - 1), undefined);
});

test("a clock is corrected when it is far off, and less readily when that sets time back", () => {
  const corrected = (...seen) => seen.reduce(correction, 0);
  assert.equal(corrected(30_000), 0);
  assert.equal(corrected(30_001), 30_001);
  assert.equal(corrected(-55_000), 0, "the service takes windows that are a minute ahead");
  assert.equal(corrected(-55_001), -55_001);
  assert.equal(corrected(undefined), 0);
});

test("a correction stays until it is itself far off", () => {
  const corrected = (...seen) => seen.reduce(correction, 0);
  assert.equal(corrected(30_400, 29_600, 30_400), 30_400);
  assert.equal(corrected(-300_000, -299_000, undefined, -301_000), -300_000);
  assert.equal(corrected(-300_000, 0), 0, "the device has set its clock right");
  assert.equal(corrected(40_000, 9_000), 40_000);
  assert.equal(corrected(40_000, 71_000), 71_000);
});
