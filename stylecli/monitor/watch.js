"use strict";
const NAMES = ["total", "content", "style"];
const byId = (id) => document.getElementById(id);
let shown = -1;

function curve(points, index, low, high) {
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  const last = Math.max(1, points.length - 1);
  const place = (point, i) => {
    const share = (Math.log10(Math.max(point[index], low)) - Math.log10(low)) /
      (Math.log10(high) - Math.log10(low) || 1);
    return `${(800 * i) / last},${236 - 232 * share}`;
  };
  line.setAttribute("points", points.map(place).join(" "));
  line.setAttribute("class", NAMES[index]);
  return line;
}

function plot(points) {
  const values = points.flat().filter((value) => value > 0);
  if (!values.length) return;
  const high = Math.max(...values);
  const low = Math.max(Math.min(...values), high / 1e6);
  byId("plot").replaceChildren(...NAMES.map((_, index) => curve(points, index, low, high)));
}

async function refresh() {
  try {
    const state = await (await fetch("state.json", { cache: "no-store" })).json();
    byId("where").textContent = state.where;
    byId("done").value = state.fraction;
    plot(state.losses);
    if (state.picture !== shown) {
      shown = state.picture;
      byId("picture").src = `picture.jpg?${shown}`;
      byId("picture").className = state.width < 400 ? "small" : "";
    }
    if (state.finished) return;
  } catch {
    byId("where").textContent += " (the run has ended)";
    return;
  }
  setTimeout(refresh, 1000);
}

refresh();
