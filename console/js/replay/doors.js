// What a replay asks of the server over HTTP: tracks, segments and their bytes, and what happened.

import { queryOf } from "../admin/doors.js";
import { ApiError, asApiError, request, toError } from "../api.js";
import { played } from "./played.js";

const SLOW_MS = 20000;

export class ReplayDoors {
  /** `account`: its `ask` has a token for who is signed in. */
  constructor(account, recording) {
    this.account = account;
    this.base = `/api/v1/recordings/${encodeURIComponent(recording)}`;
  }

  /** {recording, from_us, to_us, live, tracks}; throws ApiError. */
  tracks() {
    return this.#get("/tracks");
  }

  /** {items, next} of {from_us, to_us, track, cursor, limit}; throws ApiError. */
  async segments(asked) {
    const { items, next } = await this.#get("/segments", asked);
    return { items: items.map(played), next };
  }

  /** {tracks: [{track, spans, gaps}]} of {from_us, to_us}; throws ApiError. */
  coverage(asked) {
    return this.#get("/coverage", asked);
  }

  /** {items, next} of {from_us, to_us, cursor, limit}; throws ApiError. */
  events(asked) {
    return this.#get("/events", asked);
  }

  /** A Response whose body is what is played of a segment; throws ApiError, and AbortError when `signal` says so. */
  open(segment, signal) {
    const { playedCopy } = segment;
    const query = playedCopy ? queryOf({ copy: playedCopy }) : "";
    return this.#fetch(`/segments/${encodeURIComponent(segment.segment)}${query}`, { signal });
  }

  /** A Blob: a track's picture at a time, small; throws ApiError, and AbortError when `signal` says so. */
  async still(track, us, signal) {
    const path = `/tracks/${encodeURIComponent(track)}/still?at_us=${us}`;
    // Whatever is played goes first.
    const response = await this.#fetch(path, { signal, priority: "low" });
    try {
      return await response.blob();
    } catch {
      signal.throwIfAborted();
      throw new ApiError("network");
    }
  }

  #fetch(path, { signal, ...more }) {
    return this.account.ask(async (token) => {
      const headers = { "X-Huishang": "1", Authorization: `Bearer ${token}` };
      let response;
      try {
        response = await fetch(this.base + path, { headers, signal, ...more });
      } catch {
        signal.throwIfAborted();
        throw new ApiError("network");
      }
      if (response.ok) return response;
      throw toError(response, await response.text());
    });
  }

  async #get(path, asked = {}) {
    try {
      const whole = this.base + path + queryOf(asked);
      return await this.account.ask((token) => request(whole, { token, timeoutMs: SLOW_MS }));
    } catch (error) {
      throw asApiError(error);
    }
  }
}
