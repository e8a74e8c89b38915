// How one media element is kept with the master clock: a little faster or slower, and sought only when it is far off.
// Pure. Media time is seconds.

/** Nobody sees or hears less. */
const STILL_S = 0.02;
/** Farther off than this, times the speed, it is sought. */
export const LOST_S = 0.25;
const MOST = 0.1;
/** So long it takes to make up for what is missing, where the bound allows. */
const WITHIN_S = 1;

/** `driftS`: how far the element is ahead, `speed` of the clock: {rate, seek}. */
export function trim(driftS, speed) {
  if (Math.abs(driftS) > LOST_S * Math.max(1, speed)) return { rate: speed, seek: true };
  if (Math.abs(driftS) < STILL_S * Math.max(1, speed)) return { rate: speed, seek: false };
  const part = Math.min(MOST, Math.max(-MOST, driftS / (WITHIN_S * speed)));
  // In hundredths: each new rate costs the sound a seam.
  return { rate: speed * (1 - Math.round(part * 100) / 100), seek: false };
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length ? sorted[sorted.length >> 1] : 0;
}
