// What a tile says about its picture, decided from facts. Pure: `now` is an argument, milliseconds of server UTC.

/** A picture that has not moved for this long is called frozen. */
export const FROZEN_AFTER_MS = 2500;

/**
 * Decide the state of a tile: {state, since} with `since` in ms of UTC or null.
 * States: live, connecting, frozen, paused, cutOff, noRoom, still, soundOnly, silent, offline, cameraOff, retrying,
 * forbidden, stills (a still every few seconds instead of a moving picture), soundMode (no picture was chosen).
 *
 * facts: `source` as the server lists it; `refused` when it will not let us watch; `asks` {video, audio} of what is
 * asked for; `link` of the viewer ("connecting", "connected", "retrying"); `held` when the server holds the picture
 * back; `frameAt` when the last new frame was seen, null before the first; `audioOnly`; `stillAt` when the still was
 * kept; `thin` "stills" or "sound" where no moving picture is taken by choice, else ""; `takenAt` when the still was
 * taken that is shown instead, null without one; `pausedAt`, `linkLostAt`, `heldAt`, `noRoomAt`, `cameraOffAt` when
 * these began.
 */
export function decide(facts, now) {
  const { source, asks } = facts;
  if (facts.refused) return { state: "forbidden", since: null };
  if (facts.pausedAt) return { state: "paused", since: facts.pausedAt };
  if (source.state === "silent" || source.state === "offline") {
    return { state: source.state, since: source.since_us / 1000 || null };
  }
  if (facts.cameraOffAt) return { state: "cameraOff", since: facts.cameraOffAt };
  const heard = asks.audio && facts.link === "retrying";
  if (facts.thin && !asks.video && !heard) {
    return facts.thin === "sound" ? { state: "soundMode", since: null } : { state: "stills", since: facts.takenAt };
  }
  if (!asks.video && !asks.audio) return { state: "still", since: facts.stillAt };
  if (facts.link === "retrying") return { state: "retrying", since: facts.linkLostAt };
  if (facts.link !== "connected") return { state: "connecting", since: null };
  if (facts.held) return { state: "cutOff", since: facts.heldAt };
  if (facts.noRoomAt && facts.takenAt) return { state: "stills", since: facts.takenAt };
  if (facts.noRoomAt) return { state: "noRoom", since: facts.noRoomAt };
  if (facts.audioOnly) return { state: "live", since: null };
  if (!asks.video) return { state: "soundOnly", since: facts.stillAt };
  if (facts.frameAt === null) return { state: "connecting", since: null };
  if (now - facts.frameAt > FROZEN_AFTER_MS) return { state: "frozen", since: facts.frameAt };
  return { state: "live", since: null };
}

/** So long somebody's page that went away is missed; a device is missed until it is back. */
const MISSED_MS = 120_000;

/** True for what a person's page sent that is long closed: with each sign-in comes another one. `now` as above. */
export function isPast(source, now) {
  return source.state === "offline" && Boolean(source.person) && now - source.since_us / 1000 > MISSED_MS;
}

/** True when a person's page sends sound and no picture: a camera that is off, not a device without one. */
export function isCameraOff(source) {
  const tracks = source.tracks ?? [];
  return source.state === "live" && Boolean(source.person) && tracks.includes("audio") && !tracks.includes("video");
}
