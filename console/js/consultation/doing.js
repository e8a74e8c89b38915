// What is done by hand with those of a consultation: by their menus, by the quick button, by dragging out of the tree.

import { openMenu } from "../menu.js";
import { dropAct } from "./actson.js";
import { menuItems } from "./menuitems.js";

export class Doing {
  /** `page`: {id, room, stage}; `desk`: {acts, question}. */
  constructor(page, { acts, question }) {
    this.page = page;
    this.acts = acts;
    this.question = question;
  }

  /** Do one of `actsOn` to a participant, having asked where it cannot be undone. */
  perform = async (act, participant) => {
    if (act.asks && !(await this.question.ask(act.asks, { name: participant.name }))) return;
    const back = act.back && (() => ({ name: act.name, params: act.back }));
    await this.acts.run(`participant:${participant.id}`, act.name, act.params, back);
  };

  /** Show what can be done with a participant; `seat`: its place on the stage, if it has one. */
  openMenu = (participant, anchor, point = null, seat = this.#seatOf(participant)) => {
    const { room, stage } = this.page;
    const perform = (act) => this.perform(act, participant);
    openMenu(anchor, menuItems({ room, participant, seat, stage, perform }), { title: participant.name, point });
  };

  /** Bring a thing of the tree in: a person or unit is invited, a device's picture is shown. */
  bringIn = (thing) => {
    const { id, room } = this.page;
    const { name, params, back } = dropAct(id, thing);
    // What was in it before stays, whoever takes back having brought it once more.
    const held = room?.present.some((one) => one.source === thing.id) ?? false;
    this.acts.run(`consultation:${id}`, name, params, held ? null : back);
  };

  #seatOf(participant) {
    return this.page.stage.seats.find((seat) => seat.participant === participant);
  }
}
