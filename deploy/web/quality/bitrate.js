// Lowers or raises what is sent without negotiating anew.

/**
 * Limits each sender to so many kbit/s. Resolves to how many took it: a browser without
 * setParameters for audio leaves things as they are.
 * @param {RTCRtpSender[]} senders
 * @param {number} kbps
 */
export async function limitBitrate(senders, kbps) {
  let changed = 0;
  for (const sender of senders) {
    try {
      const parameters = sender.getParameters();
      if (!parameters.encodings?.length) continue; // not negotiated yet
      for (const encoding of parameters.encodings) encoding.maxBitrate = kbps * 1000;
      await sender.setParameters(parameters);
      changed += 1;
    } catch {
      // Another change was under way, or the sender is gone.
    }
  }
  return changed;
}
