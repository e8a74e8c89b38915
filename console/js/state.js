// What a tile says about its picture, decided from facts. Pure: `now` is an argument, milliseconds of server UTC.

/** A picture that has not moved for this long is called frozen. */
export const FROZEN_AFTER_MS = 2500;

/**
 * Decide the state of a tile: {state, since} with `since` in ms of UTC or null.
 * States: live, connecting, frozen, paused, still, soundOnly, silent, offline, cameraOff, retrying, forbidden.
 *
 * facts: `source` as the server lists it; `refused` when it will not let us watch; `kind` of what is asked for ("all",
 * "sound", "nothing"); `link` of the viewer connection ("connecting", "connected", "retrying"); `frameAt` when the last
 * new frame was seen, null before the first; `audioOnly`; `stillAt` when the still was kept; `pausedAt`, `linkLostAt`,
 * `cameraOffAt` when these began.
 */
export function decide(facts, now) {
  const { source } = facts;
  if (facts.refused) return { state: "forbidden", since: null };
  if (facts.pausedAt) return { state: "paused", since: facts.pausedAt };
  if (source.state === "silent" || source.state === "offline") {
    return { state: source.state, since: Date.parse(source.since) || null };
  }
  if (facts.kind === "nothing") return { state: "still", since: facts.stillAt };
  if (facts.link === "retrying") return { state: "retrying", since: facts.linkLostAt };
  if (facts.link !== "connected") return { state: "connecting", since: null };
  if (facts.audioOnly) return { state: "live", since: null };
  if (facts.kind === "sound") return { state: "soundOnly", since: facts.stillAt };
  if (facts.cameraOffAt) return { state: "cameraOff", since: facts.cameraOffAt };
  if (facts.frameAt === null) return { state: "connecting", since: null };
  if (now - facts.frameAt > FROZEN_AFTER_MS) return { state: "frozen", since: facts.frameAt };
  return { state: "live", since: null };
}

/** True when the server hears the source's sound but gets no picture although it offers one. */
export function isCameraOff(source) {
  if (source.state !== "live") return false;
  const tracks = source.tracks ?? [];
  const video = tracks.filter((track) => track.kind === "video");
  const heard = tracks.some((track) => track.kind === "audio" && track.bitrate_bps > 0);
  return heard && video.length > 0 && video.every((track) => track.bitrate_bps === 0);
}
