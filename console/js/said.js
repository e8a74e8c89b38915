// What went wrong, or why there is no picture, in words. A code without words of its own is told by the code.

import { timeOfDay } from "./clock.js";
import { has, t } from "./i18n.js";

/**
 * `since`: since when it is so, or of when a still is. `error`: what ended the last try to watch, `code` its reason;
 * there is one whenever the state is "retrying".
 */
export function titleOf(state, error, since = null) {
  if (state === "stills" && since) return t("state.stillOf", { time: timeOfDay(since) });
  return t(state === "retrying" && error?.refused ? "state.refused" : `state.${state}`);
}

/** `error` and `since` as above. */
export function whyOf(state, error, since = null) {
  const begun = since && state !== "stills" ? t("state.since", { time: timeOfDay(since) }) : "";
  return [begun, reasonOf(state, error)].filter(Boolean).join(" · ");
}

function reasonOf(state, error) {
  if (state !== "retrying") return t(`state.${state}.why`);
  const code = error?.code ?? "network";
  return has(`why.${code}`) ? t(`why.${code}`) : t("why.other", { code });
}

/** Why an act was refused, and what to do. */
export function refusalWords(code) {
  return has(`refusal.${code}`) ? t(`refusal.${code}`) : t("refusal.other", { code });
}
