// Dark or light: what the person chose, else what the system says.

const KEEP = "huishang.theme";
const system = matchMedia("(prefers-color-scheme: light)");

function show() {
  document.documentElement.dataset.theme = localStorage.getItem(KEEP) ?? (system.matches ? "light" : "dark");
}

/** Follow the system until somebody chooses. */
export function startTheme() {
  system.addEventListener("change", show);
  show();
}

export function toggleTheme() {
  localStorage.setItem(KEEP, document.documentElement.dataset.theme === "dark" ? "light" : "dark");
  show();
}
