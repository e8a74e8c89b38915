// Roles and rights in words; those of a newer node are told by their code.

import { has, t } from "../i18n.js";

const words = (table, code) => (has(`admin.${table}.${code}`) ? t(`admin.${table}.${code}`) : code);

export function roleWords(role) {
  return words("role", role);
}

export function rightWords(right) {
  return words("right", right);
}
