// What went wrong, or why there is no picture, in words. A code without words of its own is told by the code.

import { has, t } from "./i18n.js";

/** `error`: what ended the last try to watch, `code` its reason; there is one whenever the state is "retrying". */
export function titleOf(state, error) {
  return t(state === "retrying" && error?.refused ? "state.refused" : `state.${state}`);
}

/** `error` as above. */
export function whyOf(state, error) {
  if (state !== "retrying") return t(`state.${state}.why`);
  const code = error?.code ?? "network";
  return has(`why.${code}`) ? t(`why.${code}`) : t("why.other", { code });
}

/** Why an act was refused, and what to do. */
export function refusalWords(code) {
  return has(`refusal.${code}`) ? t(`refusal.${code}`) : t("refusal.other", { code });
}
