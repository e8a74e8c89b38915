// The id under which this tab publishes: the same after a reload, and never that of another tab.

const KEEP = "huishang.publish.id";

/** Hold `id` until this page is gone; false if another page holds it. */
function hold(id) {
  // Browsers have locks on https and on this computer only; elsewhere a copied tab cannot be told from its original.
  if (!navigator.locks) return true;
  return new Promise((held) => {
    const keep = (lock) => {
      held(lock !== null);
      return lock && new Promise(() => {});
    };
    navigator.locks.request(`${KEEP}.${id}`, { ifAvailable: true }, keep).catch(() => held(true));
  });
}

function newId() {
  const random = crypto.getRandomValues(new Uint8Array(5));
  return `page-${Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** Take this tab's id. A tab that was copied brings its original's along, and gets one of its own. */
export async function claimId() {
  const kept = sessionStorage.getItem(KEEP);
  if (kept && (await hold(kept))) return kept;
  const id = newId();
  sessionStorage.setItem(KEEP, id);
  await hold(id);
  return id;
}
