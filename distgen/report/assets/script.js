"use strict";
(function () {
  const prefix = "distgen-reviewed-";
  const kept = {
    get(key) { try { return window.localStorage.getItem(key); } catch (error) { return null; } },
    set(key, value) {
      try {
        if (value === null) window.localStorage.removeItem(key);
        else window.localStorage.setItem(key, value);
      } catch (error) { /* a browser that keeps nothing shows everything all the same */ }
    },
  };

  // The overview: which changes were reviewed.
  for (const row of document.querySelectorAll("tr[data-review]")) {
    row.classList.toggle("reviewed", kept.get(prefix + row.dataset.review) === "1");
  }

  // A change: mark it, and go on by keyboard.
  const review = document.querySelector("p[data-review]");
  const button = review && review.querySelector("button");
  function toggle() {
    const key = prefix + review.dataset.review;
    const isReviewed = kept.get(key) !== "1";
    kept.set(key, isReviewed ? "1" : null);
    button.setAttribute("aria-pressed", String(isReviewed));
  }
  if (review) {
    review.hidden = false;
    button.setAttribute("aria-pressed", String(kept.get(prefix + review.dataset.review) === "1"));
    button.addEventListener("click", toggle);
  }
  function follow(rel) {
    const link = document.querySelector('link[rel="' + rel + '"]');
    if (link) window.location.href = link.href;
  }
  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input[type=search], textarea, select")) return;
    if (event.key === "j") follow("next");
    else if (event.key === "k") follow("prev");
    else if (event.key === "x" && review) toggle();
  });

  // The view that was chosen stays chosen.
  for (const input of document.querySelectorAll("input[name=view]")) {
    if (kept.get("distgen-view") === input.id) input.checked = true;
    input.addEventListener("change", function () { kept.set("distgen-view", input.id); });
  }

  // Tables: show the rows that hold what is typed.
  for (const table of document.querySelectorAll("table[data-filter]")) {
    const label = document.createElement("label");
    const input = document.createElement("input");
    label.className = "filter";
    input.type = "search";
    label.append("Filter " + table.dataset.filter + ": ", input);
    table.parentElement.before(label);
    input.addEventListener("input", function () {
      const words = input.value.toLowerCase();
      for (const row of table.tBodies[0].rows) {
        row.hidden = !row.textContent.toLowerCase().includes(words);
      }
    });
  }
})();
