// The page: a model, and a view for each of its abilities.

import { directionsView } from "./directions.js";
import { element } from "./dom.js";
import { encodeView } from "./encode.js";
import { mixView } from "./mix.js";
import { listModels, loadModel } from "./model.js";
import { Parents } from "./parents.js";
import { pathView } from "./path.js";
import { seedsView } from "./seeds.js";
import { Stage } from "./stage.js";
import { translateView } from "./translate.js";

const main = document.querySelector("main");
const select = document.querySelector("#model");
// The views of the selected model.
let shown = null;

async function start() {
  const models = await listModels();
  select.append(...models.map(({ name }) => element("option", { value: name }, name)));
  select.addEventListener("change", () => (location.hash = select.value));
  const open = () => {
    const name = decodeURIComponent(location.hash.slice(1));
    const found = models.find((model) => model.name === name) ?? models[0];
    select.value = found.name;
    return openModel(found.name);
  };
  addEventListener("hashchange", () => open().catch(fail));
  addEventListener("keydown", pressed);
  addEventListener("unhandledrejection", (event) => fail(event.reason));
  // A picture dropped outside of the drop zone must not replace the page.
  for (const type of ["dragover", "drop"]) addEventListener(type, (event) => event.preventDefault());
  await open();
}

async function openModel(name) {
  shown?.leave();
  main.dataset.state = "loading";
  main.dataset.model = name;
  main.setAttribute("aria-busy", "true");
  main.replaceChildren(element("p", { class: "status", role: "status" }, `Loading ${name} …`));
  const model = await loadModel(name);
  document.title = `${name} – keras_genzoo`;
  await model.prepare();
  // A translator may have latents too: those of its styles.
  const samples = model.abilities.includes("sample");
  const opened = samples ? await openLatentModel(model) : openTranslator(model);
  // Another model may have been selected in the meantime.
  if (main.dataset.model !== name) return;
  shown = opened;
  main.replaceChildren(aboutOf(model), ...shown.elements);
  await shown.start();
  main.dataset.state = "ready";
  main.setAttribute("aria-busy", "false");
}

function aboutOf({ description, license }) {
  // Every other part is code.
  const parts = (description ?? "").split("`").map((part, i) => (i % 2 ? element("code", {}, part) : part));
  return element(
    "div",
    { class: "about" },
    element("p", {}, ...parts),
    license ? element("p", { class: "license" }, `License of the weights: ${license}`) : "",
  );
}

function openTranslator(model) {
  const view = translateView(model);
  return { elements: [view.element], start: view.start, leave: () => model.release(), keys: () => ({}) };
}

async function openLatentModel(model) {
  const stage = new Stage(model);
  const parents = new Parents(model, stage);
  const views = [
    seedsView(model, stage),
    ...(model.directions ? [directionsView(model, stage)] : []),
    mixView(model, stage, parents),
    pathView(model, stage, parents),
    ...(model.canEncode ? [await encodeView(model, stage)] : []),
    ...(model.abilities.includes("translate") ? [translateView(model)] : []),
  ];
  const tabs = tabsOf(views);
  return {
    elements: [element("div", { class: "studio" }, stage.element, tabs.element)],
    start: async () => {
      for (const view of views) await view.start?.();
    },
    leave: () => {
      tabs.current.leave?.();
      return model.release();
    },
    keys: () => tabs.current.keys ?? {},
  };
}

/** Tabs as the ARIA Authoring Practices describe them. */
function tabsOf(views) {
  let current = views[0];
  const buttons = views.map((view, i) =>
    element(
      "button",
      { type: "button", role: "tab", id: `tab-${i}`, "aria-controls": `panel-${i}`, onclick: () => open(view) },
      view.title,
    ),
  );
  const panels = views.map((view, i) =>
    element("div", { role: "tabpanel", id: `panel-${i}`, "aria-labelledby": `tab-${i}` }, view.element),
  );
  const open = (view) => {
    if (current !== view) current.leave?.();
    current = view;
    views.forEach((each, i) => {
      each.isShown = each === view;
      panels[i].hidden = each !== view;
      buttons[i].setAttribute("aria-selected", each === view);
      buttons[i].tabIndex = each === view ? 0 : -1;
    });
    view.enter?.();
  };
  const list = element("div", { role: "tablist", "aria-label": "What to do with the picture" }, ...buttons);
  list.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const i = (views.indexOf(current) + step + views.length) % views.length;
    open(views[i]);
    buttons[i].focus();
  });
  open(views[0]);
  return {
    element: element("section", { class: "tabs" }, list, ...panels),
    get current() {
      return current;
    },
  };
}

/** Keyboard shortcuts of the current view, unless a control handles the key. */
function pressed(event) {
  const takesKeys = event.target.closest?.("input, select, textarea, canvas, button, a");
  const action = shown?.keys()[event.key];
  if (!action || takesKeys || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  action();
}

function fail(error) {
  main.dataset.state = "failed";
  main.setAttribute("aria-busy", "false");
  main.replaceChildren(
    element("p", { class: "status error", role: "alert" }, `Error: ${error.message ?? error}`),
  );
  console.error(error);
}

start().catch(fail);
