// Comfort only: every page works without this file.
"use strict";

// A button that shows the password. Its name stays "Show password"; its
// pressed state says whether the password is shown.
for (const input of document.querySelectorAll('input[type="password"]')) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "reveal";
  button.textContent = "Show";
  button.setAttribute("aria-label", "Show password");
  button.setAttribute("aria-controls", input.id);

  const show = (shown) => {
    input.type = shown ? "text" : "password";
    input.spellcheck = false;
    input.autocapitalize = "none";
    button.setAttribute("aria-pressed", String(shown));
  };
  button.addEventListener("click", () => show(input.type === "password"));
  // Password managers expect a password field when the form leaves.
  input.form?.addEventListener("submit", () => show(false));

  show(false);
  input.after(button);
}

// One submit per click. The button comes back with the page, or after a while
// in case the answer never arrives.
const busy = new Map();

function release() {
  for (const [button, words] of busy) {
    button.disabled = false;
    button.textContent = words;
  }
  busy.clear();
}

document.addEventListener("submit", (event) => {
  const button = event.target.querySelector('button[type="submit"]');
  if (!button || busy.has(button)) return;
  busy.set(button, button.textContent);
  button.disabled = true;
  if (button.dataset.busy) button.textContent = button.dataset.busy;
  setTimeout(release, 15000);
});
window.addEventListener("pageshow", release);

// A browser keeps the page that was left and shows it again on "back", also to
// whoever sits there next. What shows somebody signed in is hidden when left,
// and asked for anew.
if (document.querySelector('form[action$="/logout"]')) {
  window.addEventListener("pagehide", () => { document.documentElement.hidden = true; });
  window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
}

// Times in the reader's own language and time zone; the original words stay
// as a tooltip.
const format = new Intl.DateTimeFormat(undefined, {
  day: "numeric", month: "long", year: "numeric",
  hour: "2-digit", minute: "2-digit", timeZoneName: "short",
});
for (const time of document.querySelectorAll("time[datetime]")) {
  const date = new Date(time.dateTime);
  if (Number.isNaN(date.getTime())) continue;
  time.title = time.textContent;
  time.lang = format.resolvedOptions().locale;
  time.textContent = format.format(date);
}

// After a form came back with a problem, start reading there.
document.getElementById("problem")?.focus();
