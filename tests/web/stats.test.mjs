import assert from "node:assert/strict";
import { test } from "node:test";

import { readReport } from "../../deploy/web/quality/stats.js";
import { epoch, receiving, report, sending } from "./reports.mjs";

test("a sender's loss, jitter and round trip come from the other side's report", () => {
  const { tracks, paths } = readReport(sending(10, { heard: 9, lost: 3 }), "uplink", "1", false);
  assert.equal(tracks.length, 1);
  assert.deepEqual(tracks[0], {
    key: "1/OT1",
    direction: "uplink",
    ssrc: 11,
    at: epoch + 10_000,
    muted: false,
    bytes: 40_000,
    packets: 500,
    lost: 3,
    jitter: 0.012,
    heardAt: epoch + 9_000,
    rtt: 0.05,
    rttTotal: 0.05 * 9,
    rttCount: 9,
    energy: 0.09 * 10,
    seconds: 10,
    level: 0.2,
    targetKbps: 32,
  });
  assert.equal(paths[0].key, "CP1");
  assert.equal(paths[0].protocol, "udp");
  assert.equal(paths[0].relayed, false);
});

test("before the first receiver report they are undefined, not zero", () => {
  const [track] = readReport(sending(1, { heard: null }), "uplink", "1").tracks;
  for (const name of ["lost", "jitter", "rtt", "rttTotal", "rttCount", "heardAt"]) {
    assert.equal(track[name], undefined, name);
  }
  assert.equal(track.bytes, 4000);
});

test("an outbound entry without remoteId finds its report by localId or ssrc", () => {
  for (const remote of [{ localId: "OT1" }, { localId: undefined, ssrc: 11 }]) {
    const found = sending(5, { outbound: { remoteId: undefined }, remote });
    assert.equal(readReport(found, "uplink", "1").tracks[0].jitter, 0.012);
  }
  const foreign = sending(5, { outbound: { remoteId: undefined }, remote: { localId: "OT9" } });
  assert.equal(readReport(foreign, "uplink", "1").tracks[0].jitter, undefined);
});

test("a receiver reads its own entry and ignores video and the other direction", () => {
  const found = receiving(10, { lost: 7 });
  found.set("IT2", { id: "IT2", type: "inbound-rtp", kind: "video", timestamp: epoch });
  const { tracks } = readReport(found, "downlink", "2");
  assert.equal(tracks.length, 1);
  assert.equal(tracks[0].key, "2/IT1");
  assert.equal(tracks[0].lost, 7);
  assert.equal(tracks[0].packets, 500);
  assert.equal(tracks[0].heardAt, undefined);
  assert.deepEqual(readReport(found, "uplink", "2"), { tracks: [], paths: [] });
});

test("Firefox has no transport and no energy: the selected pair, and no level at all", () => {
  const found = report(
    { id: "o", type: "outbound-rtp", kind: "audio", ssrc: 1, timestamp: 5, bytesSent: 1, packetsSent: 1 },
    { id: "m", type: "media-source", kind: "audio", trackIdentifier: "x" },
    { id: "p1", type: "candidate-pair", state: "succeeded", nominated: true, currentRoundTripTime: 9 },
    {
      id: "p2",
      type: "candidate-pair",
      state: "succeeded",
      nominated: true,
      selected: true,
      localCandidateId: "c",
      currentRoundTripTime: 0.03,
    },
    { id: "c", type: "local-candidate", candidateType: "relay", protocol: "udp", relayProtocol: "tls" },
  );
  const { tracks, paths } = readReport(found, "uplink", "1");
  assert.equal(tracks[0].energy, undefined);
  assert.equal(tracks[0].level, undefined);
  assert.equal(paths[0].key, "p2");
  assert.equal(paths[0].rtt, 0.03);
  assert.equal(paths[0].rttTotal, undefined);
  assert.equal(paths[0].relayed, true);
  assert.equal(paths[0].protocol, "tls");
});

test("old Safari's mediaType counts as kind, and old remote twins do not count twice", () => {
  const found = report(
    { id: "i", type: "inbound-rtp", mediaType: "audio", ssrc: 1, timestamp: 5, bytesReceived: 1 },
    { id: "r", type: "inbound-rtp", mediaType: "audio", ssrc: 1, timestamp: 5, isRemote: true },
  );
  const { tracks, paths } = readReport(found, "downlink", "1");
  assert.deepEqual(tracks.map((track) => track.key), ["1/i"]);
  assert.deepEqual(paths, []);
});

test("values that are no numbers are not there", () => {
  const found = receiving(1, { inbound: { jitter: NaN, packetsLost: "7", bytesReceived: Infinity } });
  const [track] = readReport(found, "downlink", "1").tracks;
  assert.equal(track.jitter, undefined);
  assert.equal(track.lost, undefined);
  assert.equal(track.bytes, undefined);
  const timeless = receiving(1, { inbound: { timestamp: undefined } });
  assert.deepEqual(readReport(timeless, "downlink", "1").tracks, []);
});
