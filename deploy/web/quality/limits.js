// What the service accepts and what it calls poor. A value outside its range would cost the whole
// window at the service, so it is left out here: a counter that says such a thing has measured
// nothing.

/** Inclusive ranges by the name of the field. */
export const limits = Object.freeze({
  bitrate_kbps: [0, 1000],
  jitter_ms: [0, 60000],
  packet_loss_percent: [0, 100],
  audio_level: [0, 1],
  rtt_ms: [0, 60000],
});

/** Strictly above one of these is poor. */
export const thresholds = Object.freeze({ packet_loss_percent: 5, jitter_ms: 30, rtt_ms: 300 });

const decimals = Object.freeze({
  bitrate_kbps: 1,
  jitter_ms: 2,
  packet_loss_percent: 2,
  audio_level: 4,
  rtt_ms: 1,
});

/**
 * The value as it is sent, or undefined when there is none or none that can be true.
 * @param {keyof typeof limits} name
 * @param {number | undefined} value
 */
export function presentable(name, value) {
  const [low, high] = limits[name];
  if (!Number.isFinite(value) || value < low || value > high) return undefined;
  return Number(value.toFixed(decimals[name]));
}
