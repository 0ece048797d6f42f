"use strict";
// Sorting, filtering, choosing a seed, and arrow keys along words. Without it the page says the same.

// Tables: a click, Enter or Space on a heading sorts by it, the better end first; again, the other way round.

const FIRST_NUMBER = /^[<>+]?\s*([-−]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?|∞|[-−]∞)/i;

function numberIn(text) {
  const found = FIRST_NUMBER.exec(text.trim());
  if (!found) return null;
  const plain = found[1].replace(/,/g, "").replace("−", "-").replace("∞", "Infinity");
  return Number(plain);
}

function inOrder(one, other, sign) {
  const numbers = [numberIn(one), numberIn(other)];
  const known = numbers.filter((each) => each !== null).length;
  if (known === 2) return sign * (numbers[0] - numbers[1]) || 0;
  // a cell without a number comes last, whichever way the others stand
  if (known === 1) return numbers[0] === null ? 1 : -1;
  return sign * one.localeCompare(other);
}

function sort(table, place, heading) {
  const better = heading.textContent.includes("↑") ? "descending" : "ascending";
  const worse = better === "ascending" ? "descending" : "ascending";
  const direction = heading.getAttribute("aria-sort") === better ? worse : better;
  for (const each of table.tHead.rows[0].cells) each.setAttribute("aria-sort", "none");
  heading.setAttribute("aria-sort", direction);
  const sign = direction === "ascending" ? 1 : -1;
  const body = table.tBodies[0];
  const rows = [...body.rows];
  rows.sort((one, other) => inOrder(one.cells[place].textContent, other.cells[place].textContent, sign));
  body.append(...rows);
}

for (const table of document.querySelectorAll("table")) {
  [...table.tHead.rows[0].cells].forEach((heading, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    heading.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => sort(table, place, heading));
  });
}

// Filters: rows stay that contain every word typed.

for (const filter of document.querySelectorAll(".filter")) {
  const told = filter.querySelector("output");
  filter.querySelector("input").addEventListener("input", (event) => {
    const wanted = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = [...filter.parentElement.querySelectorAll("tbody tr")];
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !wanted.every((word) => text.includes(word));
    }
    const shown = rows.filter((row) => !row.hidden).length;
    told.textContent = wanted.length ? `${shown} of ${rows.length} rows` : "";
  });
  filter.hidden = false;
}

// Words: the same numbers that the page came with, as another seed sees them.

const LEVELS = 8;

function shade(score, most) {
  const level = Math.floor((LEVELS * Math.abs(score)) / most + 0.5);
  return level ? `w ${score > 0 ? "pro" : "con"} s${level}` : "w";
}

function shown(score, decimals) {
  const sign = score > 0 ? "+" : score < 0 ? "−" : "";
  return ` ${sign}${(Math.abs(score) / 10 ** decimals).toFixed(decimals)}`;
}

function show(article, text, view) {
  article.querySelector(".explained").textContent = text.explained[view];
  article.querySelectorAll(".words").forEach((paragraph, place) => {
    const { decimals, views } = text.rows[place];
    const scores = views[view];
    const most = Math.max(1, ...(scores ?? []).map(Math.abs));
    paragraph.querySelectorAll(".w").forEach((word, at) => {
      word.className = scores ? shade(scores[at], most) : "w";
      word.querySelector(".number").textContent = scores ? shown(scores[at], decimals) : " no score";
    });
  });
}

for (const picker of document.querySelectorAll(".picker")) {
  const section = picker.parentElement;
  const texts = JSON.parse(section.querySelector(".scores").textContent);
  const articles = section.querySelectorAll(":scope > .text");
  picker.querySelector("select").addEventListener("change", (event) => {
    texts.forEach((text, place) => show(articles[place], text, Number(event.target.value)));
  });
  picker.hidden = false;
}

// One stop of the Tab key for each method; the arrows, Home and End move along its words.

const STEPS = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 };

for (const paragraph of document.querySelectorAll(".words")) {
  paragraph.addEventListener("keydown", (event) => {
    const words = [...paragraph.querySelectorAll(".w")];
    const at = words.indexOf(document.activeElement);
    const ends = { Home: 0, End: words.length - 1 };
    const to = ends[event.key] ?? at + (STEPS[event.key] ?? NaN);
    if (at < 0 || !words[to]) return;
    event.preventDefault();
    words[at].tabIndex = -1;
    words[to].tabIndex = 0;
    words[to].focus();
  });
}

// Paper cannot be unfolded.

let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open])")];
  for (const each of folded) each.open = true;
});
addEventListener("afterprint", () => {
  for (const each of folded) each.open = false;
});
