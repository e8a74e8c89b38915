// One track in one media element: has the segments around the master clock's position fetched and appended, keeps the
// element with the clock, and says what is there. It never seeks into a hole.

import { ApiError } from "../api.js";
import { Buffer } from "./buffer.js";
import { canPlay } from "./played.js";
import { trim } from "./sync.js";

const S = 1e6;
/** Media kept ready ahead of the position; more at speed, because it is used up faster. */
const AHEAD_S = 8;
const AHEAD_WALL_S = 4;
/** Kept behind it, for who looks again. */
const BEHIND_S = 12;
/** A file may begin so long before the recording: media time is never negative. */
const LEAD_US = 3600 * S;
const AGAIN_MS = 2000;
/** A decoder is so far ahead of what is shown. */
const BLAMED_US = 0.2 * S;
/** What may be otherwise the next time. */
const PASSING = new Set(["network", "full"]);
/** From an edge of a segment: times in files are rounded. */
const EDGE_S = 0.001;
/** A picture of a still position need not be sought again for less. */
const SAME_S = 0.0005;
const SOON_US = 0.5 * S;
/** From here on a running clock is caught up with by going faster. */
const NEAR_S = 0.2;

export class Track {
  /** id -> {segment, state, error, failedAt} of what is in the buffer: "loading", "whole", "part" of it, "failed". */
  #have = new Map();
  #buffer = null;
  #abort = null;
  #loading = "";
  #aimS = -1;
  #broken = 0;
  #found = 0;
  /** id -> code of segments that will never be had or cannot be decoded. */
  #bad = new Map();

  /** `about`: as the API tells of a track; `course`; `baseUs`: where the recording begins. */
  constructor(about, { course, loader, baseUs, element }) {
    this.about = about;
    this.course = course;
    this.loader = loader;
    this.zeroUs = baseUs - LEAD_US;
    this.element = element;
    /** Shown or heard: only then is anything fetched. */
    this.wanted = false;
    /** "rest", "hole", "loading", "seeking", "shown", "cannot" or "failed". */
    this.state = "rest";
    /** Of a hole, or of pictures that are there and not whole: {why, t0, t1}, or null. */
    this.gap = null;
    /** The bound of the error of what `shownUs` says; -1 where nobody knows. */
    this.errorUs = 0;
    /** Code of what went wrong. */
    this.error = "";
    element.addEventListener("error", () => this.#fail());
  }

  get isPicture() {
    return this.about.kind === "video";
  }

  /** UTC of the picture in the element. */
  get shownUs() {
    return this.usOf(this.element.currentTime);
  }

  usOf(mediaS) {
    return Math.round(mediaS * S) + this.zeroUs;
  }

  mediaOf(us) {
    return (us - this.zeroUs) / S;
  }

  /** How far the element is ahead of `us`, in seconds; null where it does not run with it. */
  driftAt(us) {
    if (this.state !== "shown" || this.element.paused) return null;
    return this.element.currentTime - this.mediaOf(us);
  }

  /**
   * Be at `us`. `runs`: the clock does; `known`: so is the index there; `now`: monotonic ms; `first`: only pictures of
   * the moment itself are fetched now.
   */
  follow(us, { runs, speed, now, known, first }) {
    if (!this.wanted) {
      this.release();
      return;
    }
    const segment = this.course.at(us);
    const near = segment ?? this.#coming(us, speed);
    this.gap = this.course.gapAt(us);
    if (near && !canPlay(near.mime)) {
      this.#rest("cannot");
      return;
    }
    this.#fetch(us, segment, { speed, now, first });
    if (!segment && !known) this.#rest("loading");
    else if (!segment) this.#cue(near);
    else if (this.#errorOf(segment)) this.#rest("failed");
    else if (!this.#buffer) this.#rest("loading");
    else this.#show(us, segment, { runs, speed });
  }

  #errorOf({ segment }) {
    const had = this.#have.get(segment);
    this.error = this.#bad.get(segment) ?? (had?.state === "failed" ? had.error : "");
    return this.error;
  }

  /** What is shown is no longer what is to be shown. */
  leave() {
    if (this.state === "shown") this.state = "seeking";
  }

  /** Not wanted: nothing of it stays. */
  release() {
    this.state = "rest";
    if (!this.#buffer) return;
    this.#giveUp();
    this.#buffer.close();
    this.#buffer = null;
    this.#have.clear();
    this.#aimS = -1;
  }

  #coming(us, speed) {
    const next = this.course.after(us);
    return next && next.t0_us - us < AHEAD_WALL_S * speed * S ? next : null;
  }

  #rest(state) {
    this.state = state;
    if (!this.element.paused) this.element.pause();
  }

  /** In a hole: stand at the beginning of what comes next, so that it is there at once. */
  #cue(next) {
    this.#rest("hole");
    this.error = "";
    if (!next || !this.#buffer) return;
    const atS = this.mediaOf(next.t0_us) + EDGE_S;
    if (this.#buffer.holds(atS)) this.#seek(atS);
  }

  #show(us, segment, { runs, speed }) {
    const { element } = this;
    this.errorUs = segment.error_us ?? -1;
    const lastS = this.mediaOf(segment.t1_us) - EDGE_S;
    const atS = Math.min(Math.max(this.mediaOf(us), this.mediaOf(segment.t0_us) + EDGE_S), lastS);
    const isThere = this.#buffer.holds(atS, Math.min(0.1, Math.max(0, lastS - atS)));
    const driftS = element.currentTime - atS;
    if (!runs || element.paused || !isThere) {
      if (!element.paused) element.pause();
      // What stands still is shown to the frame; what is about to run is only to be near. Chromium takes what begins
      // within a second after a time that is not there for it, so that is not sought.
      const farS = runs ? NEAR_S * Math.max(1, speed) : SAME_S;
      if (isThere && Math.abs(driftS) > farS && !(runs && element.seeking)) this.#seek(atS);
      const isDecoded = !element.seeking && element.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA;
      const isReady = isThere && (isDecoded || this.#ends(us));
      this.state = isReady ? "shown" : isThere ? "seeking" : "loading";
      if (!runs || !isReady) return;
      element.playbackRate = speed;
      this.#play();
      return;
    }
    this.state = element.seeking ? "seeking" : "shown";
    if (element.seeking) return;
    const { rate, seek } = trim(driftS, speed);
    if (seek) this.#seek(atS);
    if (element.playbackRate !== rate) element.playbackRate = rate;
  }

  /** Of sound that ends soon Chromium waits for more before it says that it is there. */
  #ends(us) {
    return !this.isPicture && this.course.at(us + SOON_US) === null;
  }

  #seek(atS) {
    if (Math.abs(atS - this.#aimS) < SAME_S && (this.element.seeking || this.element.paused)) return;
    this.#aimS = atS;
    this.element.currentTime = atS;
  }

  #play() {
    this.#aimS = -1;
    this.element.play().catch((error) => {
      // Without a press of somebody's there may be no sound. Other errors: it was stopped before it began.
      if (error.name === "NotAllowedError") this.blocked?.();
    });
  }

  /** See that what is needed is there or on its way. */
  #fetch(us, segment, { speed, now, first }) {
    const aheadUs = Math.max(AHEAD_S, AHEAD_WALL_S * speed) * S;
    const wanted = first ? [] : this.course.within(us, us + aheadUs).filter((one) => canPlay(one.mime));
    if (segment && (this.isPicture || !first) && !wanted.includes(segment)) wanted.unshift(segment);
    this.#tidy(us, us + aheadUs);
    const missing = wanted.find((one) => this.#isMissing(one, now));
    const isUrgent = segment && missing === segment;
    if (this.#loading) {
      const isUseful = wanted.some((one) => one.segment === this.#loading);
      if (isUseful && !isUrgent) return;
      this.#giveUp();
    }
    if (!missing) return;
    this.#buffer ??= new Buffer(this.element);
    const rank = (isUrgent ? 0 : 10 + (missing.t0_us - us) / S) + (this.isPicture ? 0 : 1);
    this.#load(missing, rank);
  }

  #isMissing(one, now) {
    if (this.#bad.has(one.segment)) return false;
    const had = this.#have.get(one.segment);
    return !had || had.state === "part" || (had.state === "failed" && now - had.failedAt > AGAIN_MS);
  }

  async #load(segment, rank) {
    const abort = new AbortController();
    const { signal } = abort;
    const entry = { segment, state: "loading", error: "", failedAt: 0 };
    this.#abort = abort;
    this.#loading = segment.segment;
    this.#have.set(segment.segment, entry);
    const buffer = this.#buffer;
    const take = async (bytes) => {
      if (!entry.begun) await buffer.begin(segment.mime, this.mediaOf(segment.t0_us));
      entry.begun = true;
      signal.throwIfAborted();
      await buffer.append(bytes);
      if (this.state === "loading") this.grown?.();
    };
    try {
      await this.loader.load({ segment, rank, signal, take });
      entry.state = "whole";
    } catch (error) {
      if (signal.aborted || error.name === "AbortError") return;
      const code = codeOf(error);
      // By policy, while we look: what the index says from now on.
      if (code === "segment-deleted") this.course.add([{ ...segment, deleted_us: segment.t1_us }]);
      Object.assign(entry, { state: "failed", failedAt: performance.now(), error: code });
      if (!PASSING.has(code)) this.#bad.set(segment.segment, code);
      if (code === "damaged") this.#found = performance.now();
    } finally {
      if (this.#abort === abort) {
        this.#abort = null;
        this.#loading = "";
      }
    }
  }

  #giveUp() {
    this.#abort?.abort();
    const begun = this.#have.get(this.#loading);
    if (begun) begun.state = "part";
    this.#abort = null;
    this.#loading = "";
  }

  /** Whole segments go, so that what stays can be played from its beginning. */
  #tidy(us, untilUs) {
    if (!this.#buffer) return;
    const fromUs = us - BEHIND_S * S;
    for (const [id, { segment, state }] of this.#have) {
      if (state === "loading" || (segment.t1_us > fromUs && segment.t0_us < untilUs + BEHIND_S * S)) continue;
      this.#have.delete(id);
      const later = [...this.#have.values()].map((other) => other.segment.t0_us).filter((t0) => t0 > segment.t0_us);
      const endUs = Math.min(segment.t1_us, ...later);
      this.#buffer.remove(this.mediaOf(segment.t0_us), this.mediaOf(endUs)).catch(() => {});
    }
  }

  /** The element has given up: once more from nothing; and again, without what it had come to. */
  #fail() {
    if (!this.#buffer || !this.element.error) return;
    const now = performance.now();
    const culprit = this.course.at(this.shownUs + BLAMED_US);
    // What could not even be read was found where it was appended.
    const isKnown = now - this.#found < AGAIN_MS;
    if (culprit && !isKnown && now - this.#broken < 5 * AGAIN_MS) this.#bad.set(culprit.segment, "damaged");
    this.#broken = now;
    this.release();
  }
}

function codeOf(error) {
  // A server that is in trouble is asked again.
  if (error instanceof ApiError) return error.status >= 500 ? "network" : error.code;
  return error.name === "QuotaExceededError" ? "full" : "damaged";
}
