// From RTCPeerConnection statistics to the few figures people read. Pure.

const NTP_TO_UNIX_MS = 2208988800000;
/** Statistics count some times from 1900, as NTP does; no session of ours is older than this. */
const CERTAINLY_NTP_MS = 3e12;

/** Milliseconds since 1970 from a statistics time that may count from 1900. */
export function toUnixMs(ms) {
  return ms > CERTAINLY_NTP_MS ? ms - NTP_TO_UNIX_MS : ms;
}

/** Pick what we need out of a report (a Map of statistics objects), as plain numbers. */
export function sample(report) {
  const found = { at: 0, video: null, audio: null, tripMs: null, codecs: {}, senders: {} };
  let pair = null;
  for (const entry of report.values()) {
    if (entry.type === "inbound-rtp") {
      found[entry.kind] = entry;
      found.at = Math.max(found.at, entry.timestamp);
    } else if (entry.type === "codec") found.codecs[entry.id] = entry;
    else if (entry.type === "remote-outbound-rtp") found.senders[entry.kind] = entry;
    else if (entry.type === "candidate-pair" && (entry.nominated || pair === null)) pair = entry;
  }
  if (pair?.currentRoundTripTime !== undefined) found.tripMs = pair.currentRoundTripTime * 1000;
  return found;
}

const grown = (now, before, name) => Math.max(0, (now?.[name] ?? 0) - (before?.[name] ?? 0));

function codecName(now, kind) {
  const mime = now.codecs[now[kind]?.codecId]?.mimeType;
  return mime ? mime.split("/")[1].replace("H264", "H.264").replace("H265", "H.265").replace("opus", "Opus") : null;
}

/**
 * UTC of capture of what is shown now, {utc, exact} or null. The server's sender reports carry UTC of capture, so the
 * browser's estimated playout time is exact. The browser estimates it only when picture and sound come together;
 * otherwise the newest report, carried on to now and taken back by the time frames wait in the buffer, is close.
 */
export function captureTime(now) {
  const inbound = now.video ?? now.audio;
  if (!inbound) return null;
  if (inbound.estimatedPlayoutTimestamp) return { utc: toUnixMs(inbound.estimatedPlayoutTimestamp), exact: true };
  const sender = now.senders[inbound.kind];
  if (!sender?.remoteTimestamp) return null;
  const age = now.at - sender.timestamp;
  return { utc: toUnixMs(sender.remoteTimestamp) + age - bufferMs(inbound), exact: false };
}

function bufferMs(inbound) {
  const emitted = inbound.jitterBufferEmittedCount;
  return emitted ? (inbound.jitterBufferDelay / emitted) * 1000 : 0;
}

/** Figures of the time between two samples; null where unknown. Rates per second, delay in ms, loss 0-1. */
export function figures(now, before) {
  const seconds = before ? (now.at - before.at) / 1000 : 0;
  const rate = (count) => (seconds > 0.2 ? count / seconds : null);
  const bytes = ["video", "audio"].reduce((sum, kind) => sum + grown(now[kind], before?.[kind], "bytesReceived"), 0);
  const main = now.video?.packetsReceived ? "video" : "audio";
  const received = grown(now[main], before?.[main], "packetsReceived");
  const lost = grown(now[main], before?.[main], "packetsLost");
  return {
    videoCodec: now.video?.framesDecoded ? codecName(now, "video") : null,
    audioCodec: now.audio?.packetsReceived ? codecName(now, "audio") : null,
    width: now.video?.frameWidth ?? null,
    height: now.video?.frameHeight ?? null,
    framesPerSecond: rate(grown(now.video, before?.video, "framesDecoded")),
    newFrames: grown(now.video, before?.video, "framesDecoded"),
    newPackets: received,
    bitsPerSecond: rate(bytes * 8),
    loss: received + lost > 0 ? lost / (received + lost) : null,
    jitterMs: now[main]?.jitter !== undefined ? now[main].jitter * 1000 : null,
    tripMs: now.tripMs,
    bufferMs: now[main] ? bufferMs(now[main]) : null,
    capture: captureTime(now),
  };
}

/** Quality as 3, 2, 1 bars, or 0 when nothing is known. */
export function bars({ loss, delayMs, framesPerSecond, audioOnly }) {
  if (loss === null && delayMs === null) return 0;
  const slow = !audioOnly && framesPerSecond !== null && framesPerSecond < 5;
  if ((loss ?? 0) > 0.05 || (delayMs ?? 0) > 1000 || slow) return 1;
  if ((loss ?? 0) > 0.01 || (delayMs ?? 0) > 400) return 2;
  return 3;
}
