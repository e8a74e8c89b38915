// What a place on the stage says of its picture, from the participant, its source and how it is watched. Pure.

/**
 * Decide {state, since}. `participant`: the record; `source`: the record of what it contributes here, or null; `said`:
 * {state, since} of watching it, null when it is not watched; `own`: null, or {on, heard} of my own
 * picture and sound.
 */
export function seatState({ participant, source, said, own }) {
  if (participant.picture_off) return { state: "cutOff", since: null };
  if (own) return { state: own.on ? "live" : own.heard ? "ownSound" : "ownOff", since: null };
  const left = participant.person !== "" && participant.online === false;
  if (left) return { state: "away", since: null };
  if (!source) return { state: participant.person ? "noCamera" : "offline", since: null };
  const tracks = source.tracks ?? [];
  if (participant.person && !tracks.includes("video")) {
    if (!tracks.includes("audio")) return { state: "noCamera", since: null };
    return { state: participant.sound_off ? "soundCut" : "microphoneOnly", since: null };
  }
  if (said?.state === "live" && !tracks.includes("video")) return { state: "audioOnly", since: null };
  return said ?? { state: "connecting", since: null };
}
