// Reports as browsers write them: what a test does not name has plausible values.

/** A report is a Map, like RTCStatsReport to whoever only reads. */
export function report(...entries) {
  return new Map(entries.map((entry) => [entry.id, entry]));
}

export const epoch = 1_790_000_000_000;

const pair = (seconds, rtt = 0.04) => ({
  id: "CP1",
  type: "candidate-pair",
  state: "succeeded",
  nominated: true,
  localCandidateId: "LC1",
  currentRoundTripTime: rtt,
  totalRoundTripTime: rtt * Math.floor(seconds / 2.5),
  responsesReceived: Math.floor(seconds / 2.5),
});

const transport = { id: "T1", type: "transport", selectedCandidatePairId: "CP1" };
const candidate = { id: "LC1", type: "local-candidate", candidateType: "host", protocol: "udp" };

/**
 * Chromium's sender after so many seconds at 50 packets and 4,000 bytes a second: 32 kbit/s.
 * `heard` is the second of the last receiver report, null before the first.
 */
export function sending(seconds, { heard = seconds, lost = 0, ...changes } = {}) {
  const entries = [
    {
      id: "OT1",
      type: "outbound-rtp",
      kind: "audio",
      ssrc: 11,
      timestamp: epoch + 1000 * seconds,
      bytesSent: 4000 * seconds,
      packetsSent: 50 * seconds,
      targetBitrate: 32000,
      remoteId: heard === null ? undefined : "RI1",
      mediaSourceId: "S1",
      transportId: "T1",
      ...changes.outbound,
    },
    {
      id: "S1",
      type: "media-source",
      kind: "audio",
      audioLevel: 0.2,
      totalAudioEnergy: 0.09 * seconds,
      totalSamplesDuration: seconds,
      ...changes.source,
    },
    transport,
    pair(seconds),
    candidate,
  ];
  if (heard !== null) {
    entries.push({
      id: "RI1",
      type: "remote-inbound-rtp",
      kind: "audio",
      ssrc: 11,
      localId: "OT1",
      timestamp: epoch + 1000 * heard,
      packetsLost: lost,
      jitter: 0.012,
      roundTripTime: 0.05,
      totalRoundTripTime: 0.05 * heard,
      roundTripTimeMeasurements: heard,
      ...changes.remote,
    });
  }
  return report(...entries);
}

/** Chromium's receiver after so many seconds at 50 packets and 6,000 bytes a second: 48 kbit/s. */
export function receiving(seconds, { lost = 0, rtt = 0.04, id = "IT1", ssrc = 22, ...changes } = {}) {
  return report(
    {
      id,
      type: "inbound-rtp",
      kind: "audio",
      ssrc,
      timestamp: epoch + 1000 * seconds,
      bytesReceived: 6000 * seconds,
      packetsReceived: 50 * seconds,
      packetsLost: lost,
      jitter: 0.008,
      audioLevel: 0.1,
      totalAudioEnergy: 0.04 * seconds,
      totalSamplesDuration: seconds,
      transportId: "T1",
      ...changes.inbound,
    },
    transport,
    pair(seconds, rtt),
    candidate,
  );
}
