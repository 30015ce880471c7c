// What script adds to the board: further parts of a column in place, lanes fetched when opened, arrow keys between
// cards. Everything is a link without it. Parts outlive a live swap: they are fetched anew after it.
(() => {
  const board = document.getElementById("board");
  if (!board) return;

  const fetched = async (address) => {
    const answer = await fetch(address, { cache: "no-store", signal: AbortSignal.timeout(10000) });
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  };

  // ── parts: what a cell shows beyond its first cards stands outside of the live part ──
  const loaded = new Map(); // id of the live part → how many parts beyond it
  const partsOf = (live) => live.parentElement.querySelector(":scope > .parts");

  const load = async (live, count) => {
    const list = document.createElement("ul");
    list.className = "cards";
    list.setAttribute("aria-label", `${live.querySelector(".cards")?.getAttribute("aria-label") ?? ""}, more`);
    let link = live.querySelector("[data-more]");
    let next = null;
    const seen = new Set([...live.querySelectorAll(".card-title a")].map((a) => a.id));
    for (let part = 0; part < count && link; part += 1) {
      const page = await fetched(link.href);
      for (const card of page.querySelectorAll("[data-cell] .cards > li")) {
        const id = card.querySelector(".card-title a")?.id;
        if (!seen.has(id)) { seen.add(id); list.append(document.adoptNode(card)); }
      }
      link = page.querySelector("[data-cell] [data-more]");
      next = link && document.adoptNode(link.closest(".more"));
    }
    const parts = document.createElement("div");
    parts.className = "parts";
    parts.dataset.ours = "";
    parts.append(list, ...(next ? [next] : []));
    return parts;
  };

  const show = async (live, count) => {
    const parts = await load(live, count);
    if (!live.isConnected) return;
    const old = partsOf(live);
    const focused = old?.contains(document.activeElement) ? document.activeElement.id : "";
    const had = old?.querySelectorAll(".cards > li").length ?? 0;
    old ? old.replaceWith(parts) : live.after(parts);
    loaded.set(live.id, count);
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    return { parts, had };
  };

  board.addEventListener("click", async (event) => {
    const link = event.target.closest("[data-more]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const live = link.closest("[data-cell]")?.querySelector("[data-live]");
    if (!live) return;
    event.preventDefault();
    if (link.getAttribute("aria-busy")) return;
    link.setAttribute("aria-busy", "true");
    try {
      const { parts, had } = await show(live, (loaded.get(live.id) ?? 0) + 1);
      parts.querySelectorAll(".card-title a")[had]?.focus();
    } catch { location.assign(link.href); }
  });

  // ── lanes: a closed one is fetched when it is opened, and stays in the address ──
  const openLane = async (lane) => {
    const link = lane.querySelector("[data-open-lane]");
    if (!link || lane.dataset.busy) return;
    lane.dataset.busy = "true";
    try {
      const cells = (await fetched(link.href)).getElementById(lane.id)?.querySelector(":scope > .cells");
      if (!cells) return;
      const address = link.href;
      link.closest(".more").replaceWith(document.adoptNode(cells));
      history.replaceState(history.state, "", address);
      // The other lanes' links lead to what is open by now, too.
      const key = new URL(address).searchParams.getAll("open").at(-1);
      for (const other of board.querySelectorAll("[data-open-lane]")) {
        const url = new URL(other.href);
        url.searchParams.append("open", key);
        other.href = url;
      }
    } catch { location.assign(link.href); } finally { delete lane.dataset.busy; }
  };
  board.addEventListener("toggle", (event) => {
    if (event.target.matches?.("details.lane[open]")) openLane(event.target);
  }, true);

  // ── after a live swap: parts anew ──
  let timer = 0;
  const stale = new Set();
  const renew = async () => {
    for (const live of [...stale]) {
      stale.delete(live);
      const count = loaded.get(live.id);
      if (count && live.isConnected) { try { await show(live, count); } catch { stale.add(live); } }
    }
  };
  new MutationObserver((changes) => {
    for (const { target } of changes) {
      const live = (target.nodeType === 1 ? target : target.parentElement)?.closest("[data-live]");
      if (live && loaded.has(live.id)) stale.add(live);
    }
    if (!stale.size) return;
    clearTimeout(timer);
    timer = setTimeout(renew, 1000);
  }).observe(document.getElementById("main"), { childList: true, subtree: true, characterData: true });

  // ── arrow keys: up and down in a column, left and right to the next column with cards ──
  const cells = (card) => [...card.closest(".columns").querySelectorAll(":scope > [data-cell]")];
  const cardsIn = (cell) => [...cell.querySelectorAll(".card-title a")];
  const beside = (from, step) => {
    const cell = from.closest("[data-cell]");
    const all = cells(from);
    const at = from.getBoundingClientRect().top;
    for (let i = all.indexOf(cell) + step; i >= 0 && i < all.length; i += step) {
      const cards = cardsIn(all[i]);
      const distance = (card) => Math.abs(card.getBoundingClientRect().top - at);
      if (cards.length) return cards.reduce((a, b) => (distance(b) < distance(a) ? b : a));
    }
    return null;
  };
  board.addEventListener("keydown", (event) => {
    const card = event.target.closest(".card-title a");
    if (!card || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const all = [...board.querySelectorAll(".card-title a")];
    const column = cardsIn(card.closest("[data-cell]"));
    const at = column.indexOf(card);
    const next = {
      ArrowDown: () => column[at + 1],
      ArrowUp: () => column[at - 1],
      ArrowLeft: () => beside(card, -1),
      ArrowRight: () => beside(card, 1),
      Home: () => all[0],
      End: () => all.at(-1),
    }[event.key]?.();
    if (!next) return;
    event.preventDefault();
    next.focus();
    next.closest(".card").scrollIntoView({ block: "nearest", inline: "nearest" });
  });

  // A menu closes on Escape and when something else is pressed.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = document.querySelector("details.pop[open]");
    if (!open) return;
    open.open = false;
    open.querySelector("summary").focus();
  });
  document.addEventListener("click", (event) => {
    for (const open of document.querySelectorAll("details.pop[open]")) {
      if (!open.contains(event.target)) open.open = false;
    }
  });
})();
