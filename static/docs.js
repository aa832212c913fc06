// Starts Swagger UI on the API page, in the colours the reader prefers, and
// mends what its markup leaves out for readers with a keyboard or a voice.
"use strict";

const mount = document.getElementById("swagger-ui");
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);

paint();
dark.addEventListener("change", paint);

// The path of an operation stands inside the button that opens it. A link has
// no place in there; the button does the same and sets the same address.
const PlainPath = (system) => ({
  components: { DeepLink: ({ text }) => system.React.createElement("span", null, text) },
});

const mends = [
  // The page has its own first heading; the title of the document comes below it.
  [".info .title", (title) => title.setAttribute("aria-level", "2")],
  [".modal-ux", (dialog) => {
    dialog.setAttribute("role", "dialog");
    dialog.setAttribute("aria-modal", "true");
    dialog.setAttribute("aria-label", "Available authorizations");
  }],
  [".close-modal", (button) => button.setAttribute("aria-label", "Close")],
  // Its hidden names say something else than the buttons do.
  [".auth-btn-wrapper [aria-label]", (button) => button.removeAttribute("aria-label")],
  ["textarea.body-param__text", (text) => text.setAttribute("aria-label", "Request body")],
  [".copy-to-clipboard button", (button) => button.setAttribute("aria-label", "Copy")],
  // As a region it was no table any more.
  [".responses-table[role]", (table) => table.removeAttribute("role")],
  // What scrolls must be reached by keyboard to be read.
  [".microlight", (example) => { example.tabIndex = 0; }],
];

const observer = new MutationObserver(() => {
  for (const [selector, act] of mends) mount.querySelectorAll(selector).forEach(act);
  // Our own changes are not news.
  observer.takeRecords();
});
observer.observe(mount, { childList: true, subtree: true, attributeFilter: ["aria-label"] });

window.SwaggerUIBundle({
  url: mount.dataset.openapi,
  dom_id: "#" + mount.id,
  deepLinking: true,
  displayRequestDuration: true,
  persistAuthorization: false,
  validatorUrl: null,
  // The first of its themes in which every colour stands out enough.
  syntaxHighlight: { theme: "monokai" },
  plugins: [PlainPath],
});
