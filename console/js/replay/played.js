// Which file of a segment this browser plays: the one that was recorded, or a copy that the server makes of it.

/** What a browser says of a type for certain is asked once. */
const types = new Map();

export function canPlay(mime) {
  if (!types.has(mime)) types.set(mime, Boolean(mime) && MediaSource.isTypeSupported(mime));
  return types.get(mime);
}

/** Whether of a track or segment, as the API tells of it, a copy is played. */
export function isCopied({ mime, copy }) {
  return Boolean(copy) && !canPlay(mime) && canPlay(copy.mime);
}

/** A segment as the API tells of it, with the `mime` of what is played; `playedCopy`: the name of that copy. */
export function played(segment) {
  if (!isCopied(segment)) return segment;
  return { ...segment, mime: segment.copy.mime, playedCopy: segment.copy.codec };
}
