// What can be done about a poor connection: a lower bitrate for whoever sends, and things to try
// for whoever sits in front of it. Codes are for programs, texts are a default for people.

/** Steps of Opus bitrates in kbit/s, per stream. */
export const ladder = Object.freeze([128, 96, 64, 48, 32, 24, 16]);

const texts = Object.freeze({
  lower_bitrate: "Send with a lower bitrate.",
  raise_bitrate: "The connection holds: the bitrate may go up again.",
  use_cable_or_move_closer: "Use a network cable, or move closer to the wireless router.",
  stop_other_traffic: "Pause downloads, uploads and other calls on this network.",
  turn_off_vpn: "Turn off the VPN, or choose a server that is closer.",
  allow_udp: "This network keeps UDP out: ask for it to be allowed, or try another network.",
  reload: "Reconnect if it stays like this.",
});

/** The next step below what is sent now; undefined at the bottom. */
export function stepDown(kbps) {
  return kbps === undefined ? undefined : ladder.find((step) => step < kbps - 1);
}

/** The next step up, at most the bitrate from before. */
export function stepUp(kbps, most) {
  if (kbps === undefined || most === undefined || kbps >= most) return undefined;
  const above = ladder.filter((step) => step > kbps + 1 && step < most);
  return above.length > 0 ? above[above.length - 1] : most;
}

const hint = (code) => ({ code, text: texts[code] });

/**
 * @param {string[]} reasons  which numbers are poor
 * @param {object} about
 * @param {number} [about.targetKbps]  what is sent now; undefined for a listener
 * @param {string} [about.protocol]
 */
export function whenDegraded(reasons, about) {
  const list = [];
  const lower = stepDown(about.targetKbps);
  if (lower !== undefined) list.push({ ...hint("lower_bitrate"), bitrate_kbps: lower });
  // Over TCP a lost packet holds up all that follow.
  if (about.protocol === "tcp" || about.protocol === "tls") list.push(hint("allow_udp"));
  if (reasons.includes("packet_loss_percent") || reasons.includes("jitter_ms")) {
    list.push(hint("use_cable_or_move_closer"), hint("stop_other_traffic"));
  }
  if (reasons.includes("rtt_ms")) list.push(hint("turn_off_vpn"));
  list.push(hint("reload"));
  return list;
}

/** @param {{ targetKbps?: number, before?: number }} about */
export function whenRecovered(about) {
  const higher = stepUp(about.targetKbps, about.before);
  return higher === undefined ? [] : [{ ...hint("raise_bitrate"), bitrate_kbps: higher }];
}
