// What can be done with a row of the tree, here and now.

import { t } from "../i18n.js";
import { openMenu } from "../menu.js";
import { nameOf } from "../names.js";

/** Items for a row: in a consultation it is called in, otherwise a new one begins with it. */
function itemsOf(desk, { kind, id, record }) {
  const name = nameOf(record);
  const inside = desk.consultation;
  const items = [];
  if (inside) {
    const { room } = inside;
    const may = room.isChair || (room.consultation.may ?? room.short?.may ?? []).includes("invite");
    const reason = may ? "" : t("why.inviteRight");
    const [key, icon] = kind === "endpoint" ? ["tree.bring", "camera"] : ["tree.invite", "add"];
    items.push({ label: t(key), icon, reason, act: () => inside.doing.bringIn({ kind, id, name }) });
  }
  const alone = inside ? t("why.insideAlready") : "";
  if (kind === "unit") {
    const reason = alone || ((record.may ?? []).includes("chair") ? "" : t("why.chairRight"));
    items.push({ label: t("tree.hold"), icon: "grid", reason, act: () => desk.creating.ask({ unit: id }) });
    const unit = { id, name };
    const cannot = (record.may ?? []).includes("record") ? "" : t("why.recordRight");
    const label = desk.emergencies.wordsOf(unit);
    items.push({ label, icon: "record", danger: true, reason: cannot, act: () => desk.emergencies.press(unit) });
  }
  const invited = [{ kind, id, name }];
  items.push({ label: t("tree.call"), icon: "people", reason: alone, act: () => desk.creating.ask({ invited }) });
  if (kind === "endpoint") {
    const reason = record.state === "live" ? "" : t("why.notLive");
    items.push({ label: t("tree.watch"), icon: "enlarge", reason, act: () => desk.watch(id) });
  }
  return items;
}

/** Open the menu of a row at `anchor`, or at `point`. */
export function openTreeMenu(desk, row, anchor, point) {
  openMenu(anchor, itemsOf(desk, row), { title: nameOf(row.record), point });
}
