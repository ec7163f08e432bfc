// Types of quality-reporter.js. They need no library but the DOM's.

export type Direction = "uplink" | "downlink";

/** One window as it is sent, without `seq` and `measured_at`. What is absent was not measured. */
export interface QualityWindow {
  window_ms: number;
  direction: Direction;
  bitrate_kbps?: number;
  jitter_ms?: number;
  packet_loss_percent?: number;
  /** Root mean square over the window, 0 to 1. */
  audio_level?: number;
  rtt_ms?: number;
  muted?: boolean;
}

export interface Suggestion {
  code:
    | "lower_bitrate"
    | "raise_bitrate"
    | "use_cable_or_move_closer"
    | "stop_other_traffic"
    | "turn_off_vpn"
    | "allow_udp"
    | "reload";
  /** English, for people. */
  text: string;
  /** Of `lower_bitrate` and `raise_bitrate`. */
  bitrate_kbps?: number;
  /** Limits what the source sends to `bitrate_kbps`; resolves to how many senders took it. */
  apply?: () => Promise<number>;
}

export interface QualityChange {
  direction: Direction;
  /** True when an episode that has been told of goes on. */
  ongoing: boolean;
  /** The fields of `window` that are above their thresholds. */
  reasons: ("packet_loss_percent" | "jitter_ms" | "rtt_ms")[];
  window: QualityWindow;
  path?: { relayed: boolean; protocol?: string };
  suggestions: Suggestion[];
}

export interface HighPacketLoss {
  stream_id: string;
  since_minutes: number;
  participants: string[];
  count: number;
}

/** A Room of livekit-client, by what is used of it. */
export interface RoomLike {
  localParticipant: object;
}

export type Source =
  | RoomLike
  | Pick<RTCPeerConnection, "getStats">
  | Source[]
  | (() => Source | null | undefined);

export interface QualityReporterOptions {
  source: Source;
  /** For example https://api.example.org */
  apiUrl: string;
  streamId: string;
  /** The access token, or a function that has one; asked again with `refresh` after a 401. */
  token: string | ((why: { refresh: boolean }) => string | Promise<string>);
  /** Default: auto, which is both, as far as there is sound. */
  direction?: "auto" | Direction;
  /** Default: off. Also writes what is sent into the LiveKit attribute `aq`; needs the grant. */
  attribute?: boolean;
  /** Default: off. Every 60 seconds (10 at least), about the last 5 minutes (1 to 60). */
  pollHighPacketLoss?: boolean | { everySeconds?: number; sinceMinutes?: number };
  onWindow?: (window: QualityWindow) => void;
  onDegraded?: (change: QualityChange) => void;
  onRecovered?: (change: QualityChange) => void;
  onHighPacketLoss?: (news: HighPacketLoss) => void;
  /** Windows that the service did not take, as it names them. */
  onRejected?: (rejected: { index?: number; seq?: number; reason: string; field?: string }[]) => void;
  /** A request that was refused (`status`) or never answered (no `status`). */
  onError?: (error: {
    status?: number;
    code?: string;
    windows: number;
    given_up: boolean;
  }) => void;
  onStopped?: (why: { reason: "stopped" | "not_found" | "ended" | "gone" | "forbidden" }) => void;
}

export declare class QualityReporter {
  constructor(options: QualityReporterOptions);
  readonly state: "new" | "running" | "stopped";
  readonly degraded: boolean;
  readonly pending: number;
  start(): void;
  stop(): Promise<void>;
  flush(): Promise<void>;
}

export declare function limitBitrate(senders: RTCRtpSender[], kbps: number): Promise<number>;

export declare const limits: Readonly<Record<string, readonly [number, number]>>;
export declare const thresholds: Readonly<Record<string, number>>;
