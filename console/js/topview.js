// What the bar at the top shows, gathered from the desk. Changes nothing.

import { nameOf } from "./names.js";

/** What of mine goes on where I do not look: {state, name, since, recorded}, or null. */
function airOf({ consultation, frame, link, media, now, own }) {
  if (consultation) {
    if (frame.page === consultation) return null;
    const joined = consultation.room?.own?.joined_us;
    return { state: "consulting", name: consultation.title(), since: joined ? joined / 1000 : now() };
  }
  if (!own || own.sources.length === 0) return null;
  const recorded = own.sources.some((source) => link.store.of("overview", "source").get(source)?.recording);
  return { state: media.state === "retrying" ? "retrying" : "live", name: own.name(), since: own.since, recorded };
}

/** Modes that show less than there is: the sign says that they are on. */
const SAID = new Set(["slow", "stills", "sound"]);

/** How the link is: what the way of the media is like is said only while there is something to say. */
function linkOf({ account, link, media, signIn }) {
  if (account.state !== "in") return account.state === "asking" && signIn.isAsking ? "asking" : "none";
  if (link.state !== "up") return link.state;
  const { mode, moves } = media.thin;
  const way = media.way?.state ?? "good";
  if (moves && way !== "good") return way;
  if (SAID.has(mode)) return mode;
  return media.way?.repair ? "lossy" : "up";
}

/** The view of `Top.render`; `unit`: the record of my unit, or null. */
export function topView(desk, unit) {
  const { account, frame, link, media, overview } = desk;
  const { tiles } = overview.wall;
  return {
    now: desk.now(),
    title: frame.page?.title() ?? "",
    link: linkOf(desk),
    way: media.way,
    mode: media.thin.mode,
    lostAt: link.lostAt,
    retryInMs: Math.max(0, link.retryAt - performance.now()),
    heard: frame.page === overview ? tiles.some((tile) => !tile.muted) : null,
    person: account.person,
    unit: unit ? nameOf(unit) : "",
    sides: frame.sides,
    calls: frame.page?.sideCalls ?? 0,
    air: airOf(desk),
    admin: desk.admin.rights.any,
  };
}
