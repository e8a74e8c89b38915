// Who is signed in on this page. The access token is in memory only and renewed in time by the cookie of the sign-in.

import { ApiError, closeSession, openSession, refreshSession } from "./api.js";
import { Backoff } from "./backoff.js";

/** Tokens live ten minutes. */
const LIFE_MS = 10 * 60 * 1000;
const LEAST_MS = 5000;

/**
 * Milliseconds until a token that ends at `untilMs` should be renewed, at `nowMs`: when a fifth of its time is left.
 * Where the clocks disagree about whether it is alive at all, it is taken for fresh. Pure.
 */
export function renewInMs(untilMs, nowMs) {
  const left = untilMs - nowMs;
  const life = left > 0 && left <= LIFE_MS ? left : LIFE_MS;
  return Math.max(LEAST_MS, life * 0.8);
}

export class Account {
  #timer = 0;
  #renewing = null;
  #backoff = new Backoff({ firstMs: 1000, longestMs: 15000 });

  /** `changed()` when `state` or `person` did. */
  constructor(changed) {
    this.changed = changed;
    /** "asking" at first, then "in" or "out". */
    this.state = "asking";
    this.token = "";
    this.person = null;
  }

  /** After a load: whoever was signed in still is. Asks until the server has said so or not. */
  async restore() {
    const answered = await this.renew();
    if (answered || this.state !== "asking") return;
    this.#timer = setTimeout(() => this.restore(), this.#backoff.next());
  }

  /** Sign in; gives the id of the consultation that a one-time link leads to, or "". Throws ApiError. */
  async signIn(given) {
    const got = await openSession(given);
    this.#take(got);
    return got.consultation;
  }

  /** Renew the token, once for all who ask meanwhile; true when the server answered, with yes or no. */
  renew() {
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = null;
    });
    return this.#renewing;
  }

  /**
   * Ask something that wants a token: `asking(token)`. Where it ran out unseen, as while the machine slept, another is
   * had first and the same asked again. Throws ApiError.
   */
  async ask(asking) {
    const { person } = this;
    try {
      return await asking(this.token);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      await this.renew();
      if (this.person?.id !== person?.id) throw error;
      return asking(this.token);
    }
  }

  async signOut() {
    const { token } = this;
    this.#leave();
    try {
      await closeSession(token);
    } catch (error) {
      // The sign-in ends by itself; this page has forgotten it.
      if (!(error instanceof ApiError)) throw error;
    }
  }

  async #renew() {
    const { person } = this;
    try {
      const got = await refreshSession();
      // Signed out meanwhile, or as somebody else.
      if (this.person === person) this.#take(got);
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401 || error.status === 403) {
        if (this.person === person) this.#leave();
        return true;
      }
      if (this.state === "in") this.#later(this.#backoff.next());
      return false;
    }
  }

  #take({ token, untilMs, person }) {
    this.#backoff.reset();
    this.token = token;
    this.person = person;
    this.#later(renewInMs(untilMs, Date.now()));
    this.#say("in");
  }

  #leave() {
    clearTimeout(this.#timer);
    this.token = "";
    this.person = null;
    this.#say("out");
  }

  #later(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.renew(), ms);
  }

  #say(state) {
    const was = this.state;
    this.state = state;
    if (was !== state || state === "out") this.changed();
  }
}
