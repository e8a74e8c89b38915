// What a tile asks the server for: what nobody sees or hears is worth no line, no battery and no place there. Pure.

const MORE = ["nothing", "sound", "all"];

/**
 * Decide between "all", "sound" and "nothing".
 * place: `seen` on the screen, `big` in full view, `aside` while another is, `away` when nobody looks at the page.
 */
export function wanted(place, { paused, muted }) {
  if (paused) return "nothing";
  if (!place.away && !place.aside && (place.seen || place.big)) return "all";
  return muted ? "nothing" : "sound";
}

/** True when `kind` is less than `than`. */
export function isLess(kind, than) {
  return MORE.indexOf(kind) < MORE.indexOf(than);
}
