// What a tile asks the server for: what nobody sees or hears is worth no line, no battery and no place there. Pure.

/**
 * Decide {video, audio}. place: `seen` on the screen, `big` in full view, `aside` while another is, `away` when nobody
 * looks at the page. moves: moving pictures are taken at all. tracks: what there is ("video", "audio"). A source
 * without picture is shown as its sound; in full view the sound comes along, as with it the browser knows exactly when
 * the picture was taken.
 */
export function wanted(place, { paused, muted, tracks, moves = true }) {
  if (paused) return { video: false, audio: false };
  const shown = !place.away && !place.aside && (place.seen || place.big);
  const drawn = shown && !tracks.includes("video");
  const along = shown && place.big;
  const audio = tracks.includes("audio") && (!muted || drawn || along);
  return { video: moves && shown && tracks.includes("video"), audio };
}

/** True when `asks` is nowhere more than `than`, and somewhere less. */
export function isLess(asks, than) {
  const more = (asks.video && !than.video) || (asks.audio && !than.audio);
  return !more && ((than.video && !asks.video) || (than.audio && !asks.audio));
}
