// Lines of a connection: which formats they offer, and which of its statistics are theirs. Pure.

/** Formats that say nothing the server would use: they only make offers long. */
const UNUSED = /\/(?:red|ulpfec|flexfec-03|CN|telephone-event)$/iu;
/** Only one variant of these has decoders everywhere. */
const VARIANTS = {
  "video/H264": /packetization-mode=1/u,
  "video/VP9": /profile-id=0/u,
  "video/AV1": /profile=0/u,
};

/** The browser's codecs as we offer them: H.264 first, as terminals, recorders and phones all speak it. */
export function offerable(codecs) {
  const rank = (codec) => (codec.mimeType === "video/H264" ? 0 : 1);
  const used = codecs.filter(({ mimeType, sdpFmtpLine = "" }) => {
    if (UNUSED.test(mimeType)) return false;
    return VARIANTS[mimeType]?.test(sdpFmtpLine) ?? true;
  });
  return used.sort((a, b) => rank(a) - rank(b));
}

/** What a report (a Map of statistics objects) says of some received lines and of the connection they share. */
export function partOf(report, mids) {
  const part = new Map();
  for (const entry of report.values()) {
    const whole = entry.type === "codec" || entry.type === "candidate-pair";
    if (whole || (entry.type === "inbound-rtp" && mids.has(entry.mid))) part.set(entry.id, entry);
  }
  for (const entry of report.values()) {
    if (entry.type === "remote-outbound-rtp" && part.has(entry.localId)) part.set(entry.id, entry);
  }
  return part;
}

/** What a report says of published lines, all layers together; counts since their beginning, null where unknown. */
export function sentOf(report, mids) {
  const found = { at: 0, bytes: 0, packets: 0, frames: 0, lost: null, tripMs: null, jitterMs: null };
  const ids = new Set();
  for (const entry of report.values()) {
    if (entry.type !== "outbound-rtp" || !mids.has(entry.mid)) continue;
    ids.add(entry.id);
    found.at = Math.max(found.at, entry.timestamp);
    found.bytes += entry.bytesSent ?? 0;
    found.packets += entry.packetsSent ?? 0;
    found.frames = Math.max(found.frames, entry.framesEncoded ?? 0);
  }
  for (const entry of report.values()) {
    if (entry.type !== "remote-inbound-rtp" || !ids.has(entry.localId)) continue;
    found.lost = (found.lost ?? 0) + (entry.packetsLost ?? 0);
    found.jitterMs = Math.max(found.jitterMs ?? 0, (entry.jitter ?? 0) * 1000);
    if (entry.roundTripTime !== undefined) found.tripMs = entry.roundTripTime * 1000;
  }
  return found;
}
