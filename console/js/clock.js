// Time as people here read it: UTC+8, whatever zone the computer is set to. Pure, except that ServerClock remembers.

const OFFSET_MS = 8 * 3600 * 1000;
const KEEP_SAMPLES = 16;

const two = (number) => String(number).padStart(2, "0");

/** `HH:MM:SS` in UTC+8 of `ms` since 1970. */
export function timeOfDay(ms) {
  const date = new Date(ms + OFFSET_MS);
  return `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
}

/** `YYYY-MM-DD` in UTC+8 of `ms` since 1970. */
export function dateOf(ms) {
  return new Date(ms + OFFSET_MS).toISOString().slice(0, 10);
}

/** The server's clock, from its answers: the sample with the shortest round trip of the last few is believed. */
export class ServerClock {
  #samples = [];

  /** Another server, or the same one after a step of its clock: what was learnt before does not hold any more. */
  restart() {
    this.#samples = [];
  }

  /** `serverMs`: the answer's UTC; `sentMs`, `receivedMs`: local monotonic time around the request. */
  sample(serverMs, sentMs, receivedMs) {
    if (!Number.isFinite(serverMs)) return;
    this.#samples.push({ trip: receivedMs - sentMs, offset: serverMs - (sentMs + receivedMs) / 2 });
    if (this.#samples.length > KEEP_SAMPLES) this.#samples.shift();
  }

  /** Server's UTC in ms at local monotonic `nowMs`; `fallback` (local UTC) until the server has spoken. */
  utc(nowMs, fallback) {
    if (this.#samples.length === 0) return fallback;
    const best = this.#samples.reduce((least, sample) => (sample.trip < least.trip ? sample : least));
    return nowMs + best.offset;
  }
}
