"use strict";

const DATA = JSON.parse(document.getElementById("data").textContent);

// ---- small makers: text only ever enters as text -------------------------------------------------------------------

function element(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function drawing(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function percent(probability) {
  return `${(100 * probability).toFixed(1)} %`;
}

function mark(network) {
  const index = DATA.networks[network];
  return drawing("svg", { class: `mark n${index}`, viewBox: "-8 -8 16 16", "aria-hidden": "true" },
    drawing("path", { d: DATA.shapes[index] }));
}

/** Report the pointer's place in a node, 0 left to 1 right, until it is released. */
function followPointer(node, start, report) {
  const box = node.getBoundingClientRect();
  const move = (event) => report((event.clientX - box.left) / box.width);
  const stop = () => {
    node.removeEventListener("pointermove", move);
    node.removeEventListener("pointerup", stop);
    node.removeEventListener("pointercancel", stop);
  };
  node.setPointerCapture(start.pointerId);
  node.addEventListener("pointermove", move);
  node.addEventListener("pointerup", stop);
  node.addEventListener("pointercancel", stop);
  move(start);
}

// ---- links into what is folded -----------------------------------------------------------------------------------------

function unfoldTarget() {
  const target = document.getElementById(location.hash.slice(1));
  const folded = target?.closest("details:not([open])");
  if (!folded) return;
  folded.open = true;
  target.scrollIntoView();
}

addEventListener("hashchange", unfoldTarget);
unfoldTarget();

// ---- light and dark ---------------------------------------------------------------------------------------------------

const themeButton = document.querySelector(".theme");
const prefersDark = matchMedia("(prefers-color-scheme: dark)");

function themeNow() {
  return document.documentElement.dataset.theme ?? (prefersDark.matches ? "dark" : "light");
}

function nameTheme() {
  themeButton.textContent = themeNow() === "dark" ? "Light" : "Dark";
  themeButton.setAttribute("aria-label", `Show the page ${themeNow() === "dark" ? "light" : "dark"}`);
}

themeButton.hidden = false;
themeButton.addEventListener("click", () => {
  document.documentElement.dataset.theme = themeNow() === "dark" ? "light" : "dark";
  nameTheme();
});
prefersDark.addEventListener("change", nameTheme);
nameTheme();
