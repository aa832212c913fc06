// Starts Swagger UI on the API page, in the colours the reader prefers.
"use strict";

const mount = document.getElementById("swagger-ui");
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);

paint();
dark.addEventListener("change", paint);

window.SwaggerUIBundle({
  url: mount.dataset.openapi,
  dom_id: "#" + mount.id,
  deepLinking: true,
  displayRequestDuration: true,
  persistAuthorization: false,
  validatorUrl: null,
  // The page has its own first heading; the title of the document comes below it.
  onComplete: () => mount.querySelector(".info .title")?.setAttribute("aria-level", "2"),
});
