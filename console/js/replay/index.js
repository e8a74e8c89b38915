// What a recording holds, from the server: its tracks, and their segments by windows of time, asked for as they are
// needed. Times are integer microseconds UTC.

import { ApiError } from "../api.js";
import { Course } from "./course.js";

const WINDOW_US = 30e6;
/** So many answers with segments are asked for of one window at most. */
const MOST_PAGES = 20;
const PAGE = 500;
/** What is being recorded is in a file, and told, within this; a window that holds what is newer is asked for again. */
const WRITTEN_US = 7e6;
const EDGE_US = 30e6;
const AGAIN_MS = 2000;

export class Index {
  #windows = new Map();
  #looked = new Map();
  #courses = new Map();
  /** Of who left and came back, or was recorded by a server that was killed, there are several tracks: they are one. */
  #members = new Map();

  /** `doors`: as in doors.js; `utc()`: the server's clock in ms; `changed()` when more is known. */
  constructor({ doors, utc, changed }) {
    this.doors = doors;
    this.utc = utc;
    this.changed = changed;
    this.recording = null;
    /** What one may do with it. */
    this.rights = new Set();
    this.tracks = [];
    this.fromUs = 0;
    this.toUs = 0;
    this.live = false;
    this.error = "";
  }

  /** Ask what there is, for the first time or again; throws ApiError. */
  async learn() {
    const told = await this.doors.tracks();
    this.recording = told.recording;
    this.rights = new Set(told.rights);
    this.tracks = this.#joined(told.tracks);
    this.fromUs = told.from_us;
    this.toUs = told.to_us;
    this.live = told.live;
  }

  course(track) {
    if (!this.#courses.has(track)) this.#courses.set(track, new Course());
    return this.#courses.get(track);
  }

  /** The server's name of a track at a time: several may be one here. */
  memberAt(track, us) {
    const members = this.#members.get(track) ?? [];
    return (members.find((each) => each.t0_us <= us && us < each.t1_us) ?? members.at(-1))?.track ?? track;
  }

  /** Whether all segments around `us` are known. */
  knows(us) {
    const window = this.#windows.get(windowOf(us));
    return Boolean(window?.known) && us <= window.seenUs;
  }

  /** Have the segments between two times known soon; `now`: monotonic ms. */
  want(fromUs, toUs, now) {
    for (let which = windowOf(fromUs); which <= windowOf(toUs); which += 1) {
      const had = this.#windows.get(which);
      if (had?.asking || (had && now - had.askedAt < AGAIN_MS)) continue;
      if (had?.known && !had.growing) continue;
      if ((which + 1) * WINDOW_US < this.fromUs || which * WINDOW_US > this.toUs + EDGE_US) continue;
      this.#ask(which, had ?? { known: false }, now);
    }
  }

  /** In a hole of a track nobody may have told why, nor when it goes on: the next segment says both. */
  look(track, us, now) {
    const course = this.course(track);
    const had = this.#looked.get(track);
    const isFresh = had && (had.asking || !this.live || now - had.askedAt < AGAIN_MS);
    if (!this.knows(us) || this.#reaches(us, course.after(us))) return;
    if (isFresh && had.fromUs <= us && us < had.untilUs) return;
    const look = { fromUs: us, untilUs: Infinity, askedAt: now, asking: true };
    this.#looked.set(track, look);
    const members = this.#members.get(track) ?? [];
    const member = members.find((each) => each.t1_us > us) ?? members.at(-1);
    const asked = { from_us: us, to_us: this.toUs + EDGE_US, track: member?.track ?? track, limit: 1 };
    this.doors.segments(asked).then(
      ({ items }) => {
        Object.assign(look, { untilUs: items[0]?.t0_us ?? Infinity, asking: false });
        course.add(items);
        if (items.length > 0) this.changed();
      },
      (error) => {
        this.#looked.delete(track);
        this.#failed(error);
      },
    );
  }

  /** Whether all is known from `us` on to a segment: an earlier one may lie in a window that nobody asked for. */
  #reaches(us, next) {
    if (!next) return false;
    for (let which = windowOf(us); which <= windowOf(next.t0_us); which += 1) {
      if (!this.#windows.get(which)?.known) return false;
    }
    return true;
  }

  /** Have told when there is something of each track, for what the strip draws. */
  async survey() {
    try {
      const { tracks } = await this.doors.coverage({ from_us: this.fromUs, to_us: this.toUs });
      for (const [track, some] of this.#grouped(tracks)) this.course(track).sketch(some);
      this.changed();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // The strip shows less; what is played is asked for by itself.
    }
  }

  async #ask(which, window, now) {
    Object.assign(window, { asking: true, askedAt: now });
    this.#windows.set(which, window);
    const fromUs = which * WINDOW_US;
    const seenUs = this.live ? this.utc() * 1000 - WRITTEN_US : Infinity;
    try {
      let cursor = "";
      for (let page = 0; page < MOST_PAGES; page += 1) {
        const asked = { from_us: fromUs, to_us: fromUs + WINDOW_US, cursor, limit: PAGE };
        const { items, next } = await this.doors.segments(asked);
        this.#take(items);
        cursor = next;
        if (!cursor) break;
      }
      Object.assign(window, { known: true, seenUs, growing: fromUs + WINDOW_US > seenUs });
      this.error = "";
      this.changed();
    } catch (error) {
      this.#failed(error);
    } finally {
      window.asking = false;
    }
  }

  #take(items) {
    for (const [track, some] of this.#grouped(items)) this.course(track).add(some);
  }

  /** One track for each picture and each sound of a source, by the name of its first. */
  #joined(tracks) {
    const before = [...this.#members.values()].flat().length;
    const found = new Map();
    for (const each of [...tracks].sort((one, other) => one.t0_us - other.t0_us)) {
      const key = `${each.kind} ${each.source}`;
      found.set(key, [...(found.get(key) ?? []), each]);
    }
    this.#members = new Map([...found.values()].map((members) => [members[0].track, members]));
    // What was told of a track that nobody knew is asked for again.
    if (before > 0 && before < tracks.length) this.#windows.clear();
    return [...this.#members.values()].map((members) => ({
      ...members.at(-1),
      track: members[0].track,
      t0_us: members[0].t0_us,
      t1_us: Math.max(...members.map((each) => each.t1_us)),
    }));
  }

  #grouped(items) {
    const names = new Map([...this.#members].flatMap(([name, members]) => members.map(({ track }) => [track, name])));
    const found = new Map();
    for (const item of items) {
      const name = names.get(item.track) ?? item.track;
      found.set(name, [...(found.get(name) ?? []), item]);
    }
    return found;
  }

  #failed(error) {
    if (!(error instanceof ApiError)) throw error;
    this.error = error.code;
    this.changed();
  }
}

function windowOf(us) {
  return Math.floor(us / WINDOW_US);
}
