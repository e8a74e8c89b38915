// What the page tells the server every ten seconds of what it plays: for drills and disputes. Pure.

/** The server takes no more of a page. */
const MOST_LINES = 64;

/**
 * The `quality` message for a report (a Map of statistics objects), and what is needed for the next: {message, counts}.
 * `before`: the counts of the last time, or null; lines that were not there then are told the next time.
 */
export function qualityOf(report, before) {
  const counts = new Map();
  const lines = [];
  let tripMs = 0;
  for (const entry of report.values()) {
    if (entry.type === "candidate-pair" && entry.nominated) tripMs = (entry.currentRoundTripTime ?? 0) * 1000;
    if (entry.type !== "inbound-rtp" || entry.mid === undefined) continue;
    const now = {
      at: entry.timestamp,
      received: entry.packetsReceived ?? 0,
      lost: Math.max(0, entry.packetsLost ?? 0),
      bytes: entry.bytesReceived ?? 0,
      frames: entry.framesDecoded ?? 0,
    };
    counts.set(entry.mid, now);
    const line = lineOf(entry, now, before?.get(entry.mid));
    if (line && lines.length < MOST_LINES) lines.push(line);
  }
  return { message: { t: "quality", rtt_ms: tripMs, lines }, counts };
}

function lineOf(entry, now, before) {
  const seconds = before ? (now.at - before.at) / 1000 : 0;
  const received = before ? now.received - before.received : 0;
  // Used again for another source, or nothing came.
  if (seconds <= 0 || received <= 0) return null;
  const lost = Math.max(0, now.lost - before.lost);
  return {
    mid: entry.mid,
    loss: lost / (received + lost),
    jitter_ms: (entry.jitter ?? 0) * 1000,
    bitrate_bps: Math.max(0, ((now.bytes - before.bytes) * 8) / seconds),
    fps: Math.max(0, (now.frames - before.frames) / seconds),
  };
}
