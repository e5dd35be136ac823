// Shows the API's description with Swagger UI: light or dark as the reader's system, nothing from elsewhere.
"use strict";

const dark = window.matchMedia("(prefers-color-scheme: dark)");
const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", paint);
paint();

const REFERENCE = "#/components/";

// Every component that a part of the description refers to, over others too.
function referred(part, components, found = {}) {
  JSON.stringify(part, (key, value) => {
    if (key === "$ref" && typeof value === "string" && value.startsWith(REFERENCE)) {
      const [kind, name] = value.slice(REFERENCE.length).split("/");
      found[kind] ??= {};
      if (!(name in found[kind]) && components[kind]?.[name]) {
        found[kind][name] = components[kind][name];
        referred(found[kind][name], components, found);
      }
    }
    return value;
  });
  return found;
}

// The description with nothing in it but what one path of keys leads to, and what that refers to.
function narrowed(description, keys) {
  const part = keys.reduce((within, key) => within?.[key], description);
  const components = referred(part, description.components ?? {});
  components.securitySchemes = description.components?.securitySchemes;
  const whole = { ...description, paths: {}, webhooks: {}, components };
  let place = whole;
  keys.slice(0, -1).forEach((key) => (place = place[key] ??= {}));
  place[keys.at(-1)] = part;
  return whole;
}

// Swagger UI reads the whole description anew for each operation that is opened, which takes seconds; a part will do.
const readsParts = (system) => {
  const whole = system.fn.resolveSubtree;
  return { fn: { resolveSubtree: (description, keys, options) => whole(narrowed(description, keys), keys, options) } };
};

SwaggerUIBundle({
  url: document.querySelector("main").dataset.description,
  domNode: document.querySelector("main"),
  deepLinking: true,
  docExpansion: "none",
  defaultModelsExpandDepth: 0,
  filter: true,
  validatorUrl: null,
  persistAuthorization: false,
  tryItOutEnabled: true,
  presets: [SwaggerUIBundle.presets.apis],
  plugins: [readsParts],
});
