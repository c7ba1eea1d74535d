"use strict";
(() => {
  const root = document.documentElement;
  const toggle = document.getElementById("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme || (dark.matches ? "dark" : "light")) === "dark";
  const name = () => { toggle.textContent = isDark() ? "Light" : "Dark"; };
  toggle.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; name(); });
  dark.addEventListener("change", name);
  toggle.hidden = false;
  name();

  const round = (value, digits) => value.toLocaleString("en", { maximumFractionDigits: digits, useGrouping: false });
  const span = (micros) => micros === null ? "–"
    : micros >= 1e6 ? round(micros / 1e6, 2) + " s"
    : micros >= 1e3 ? round(micros / 1e3, micros < 1e4 ? 1 : 0) + " ms" : micros + " µs";
  const rate = (count, step) => count === null ? "–" : round(count / step, 1) + "/s";
  const cell = (row, text, head) => {
    const one = document.createElement(head ? "th" : "td");
    one.textContent = text;
    row.append(one);
  };

  for (const figure of document.querySelectorAll("figure.timeline")) {
    const data = JSON.parse(figure.querySelector("script").textContent);
    const plot = figure.querySelector(".plot");
    const chart = plot.querySelector("svg");
    const cursor = plot.querySelector(".cursor");
    const tip = plot.querySelector(".tip");
    const shown = data.runs.map(() => true);
    const steps = data.runs[0].due.length;
    let at = null;

    for (const button of figure.querySelectorAll(".legend button")) {
      button.addEventListener("click", () => {
        const run = Number(button.dataset.run);
        shown[run] = !shown[run];
        button.setAttribute("aria-pressed", String(shown[run]));
        figure.classList.toggle("off" + run % 4, !shown[run]);
        if (at !== null) show(at);
      });
    }

    const phase = (run, time) => {
      let now = "";
      for (const [start, word] of run.phases) if (start <= time) now = word;
      return now;
    };
    const show = (step) => {
      at = Math.max(0, Math.min(steps - 1, step));
      const time = data.start + at * data.step;
      const box = chart.getBoundingClientRect();
      const frame = plot.getBoundingClientRect();
      const x = box.left - frame.left + box.width * (at + 0.5) / steps;
      cursor.style.left = x + "px";
      const table = document.createElement("table");
      const head = table.createTHead().insertRow();
      const from = round(time, 1);
      for (const word of [from + " s … " + round(time + data.step, 1) + " s", "good", "due", "completed", "p50", "p95", "p99", "pending", "phase"]) cell(head, word, true);
      const body = table.createTBody();
      data.runs.forEach((run, n) => {
        if (!shown[n]) return;
        const row = body.insertRow();
        cell(row, run.name, true);
        cell(row, rate(run.good[at], data.step));
        cell(row, rate(run.due[at], data.step));
        const completed = run.completed[at];
        cell(row, completed === null || completed === undefined ? "–" : completed + "/s");
        for (const column of [run.p50, run.p95, run.p99]) cell(row, span(column[at]));
        cell(row, run.pending[at] === null ? "–" : run.pending[at]);
        cell(row, phase(run, time));
      });
      tip.replaceChildren(table);
      cursor.hidden = tip.hidden = false;
      const room = frame.width - tip.offsetWidth;
      const left = x < frame.width / 2 ? x + 16 : x - 16 - tip.offsetWidth;
      tip.style.left = Math.max(0, Math.min(room, left)) + "px";
    };
    const hide = () => { at = null; cursor.hidden = tip.hidden = true; };

    plot.addEventListener("pointermove", (event) => {
      const box = chart.getBoundingClientRect();
      const share = (event.clientX - box.left) / box.width;
      if (share < -0.02 || share > 1.02) return hide();
      show(Math.floor(share * steps));
      tip.style.top = Math.max(0, event.clientY - plot.getBoundingClientRect().top + 18) + "px";
    });
    plot.addEventListener("pointerleave", hide);
    plot.addEventListener("blur", hide);
    plot.addEventListener("keydown", (event) => {
      const jump = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key];
      if (event.key === "Escape") return hide();
      if (event.key === "Home") show(0);
      else if (event.key === "End") show(steps - 1);
      else if (jump) show(at === null ? Math.max(0, Math.round(-data.start / data.step)) : at + jump);
      else return;
      event.preventDefault();
    });
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const body = table.tBodies[0];
      const key = (row) => row.cells[Math.min(column, row.cells.length - 1)].dataset.v || "";
      const order = (one, other) => {
        const [a, b] = [key(one), key(other)];
        const both = a !== "" && b !== "" && !isNaN(a) && !isNaN(b);
        return (both ? a - b : a.localeCompare(b)) * (down ? -1 : 1);
      };
      body.append(...[...body.rows].sort(order));
    }));
  }

  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.dataset.was = one.open; one.open = true; }));
  addEventListener("afterprint", () => document.querySelectorAll("details").forEach((one) => { one.open = one.dataset.was === "true"; }));
})();
