// One picture on, or one back, of the track that is looked at: the others follow by the clock.

const S = 1e6;
/** A picture is looked for in steps of this: 60 in a second are told apart. */
const STEP_S = 1 / 60;
const FARTHEST_S = 1.5;
const PATIENCE_MS = 1000;

/** The media time of the picture that `element` shows when it has been sought to `atS`. */
function picturedAt(element, atS) {
  return new Promise((told) => {
    const over = (mediaS) => {
      clearTimeout(timer);
      element.cancelVideoFrameCallback?.(asked);
      told(mediaS);
    };
    const timer = setTimeout(() => over(null), PATIENCE_MS);
    const asked = element.requestVideoFrameCallback((_, { mediaTime }) => over(mediaTime));
    element.currentTime = atS;
  });
}

/**
 * Give the UTC of the next (`way` 1) or last (-1) picture of a standing track, or null when there is none near.
 * `track`: as in track.js, its element being paused.
 */
export async function neighbour(track, way) {
  const { element } = track;
  if (track.state !== "shown" || !element.requestVideoFrameCallback) return null;
  const fromS = element.currentTime;
  // Sought again to where it is, it says which picture that is.
  const hereS = await picturedAt(element, fromS + 1e-6);
  if (hereS === null) return null;
  for (let awayS = way > 0 ? STEP_S : 0.002; awayS < FARTHEST_S; awayS += STEP_S) {
    const thereS = await picturedAt(element, way > 0 ? hereS + awayS : hereS - awayS);
    if (thereS !== null && Math.abs(thereS - hereS) > 1e-4) return track.usOf(thereS) + 0.001 * S;
  }
  return null;
}
