// The open page follows the server. Told over a stream of events that something changed, it fetches itself and takes
// over what differs in the parts marked data-live; where no stream can be had it looks every few seconds instead.
// data-live="ADDRESS" names another page that a part comes from. What has a data-shape is taken over as a whole when
// the shape is another one; data-ours marks what scripts have put into it. data-open-as says how the address names a
// fold that is open. A page about deliveries says data-live-activity on its main: it follows everything that is
// received or worked off, others only what changes items.
(() => {
  const live = document.getElementById("live");
  if (!live) return;
  const again = 250; // least time between two fetches, or twice what the last one took
  const calm = 5000; // for what is not the page's subject, and without a stream
  const ages = 60000; // they grow without any event
  const silence = 40000; // the server says something every 15 s
  const patience = 30000; // then it is no longer reconnecting
  const fresh = 60000; // how long a card is shown as moved
  const main = () => document.querySelector("main");

  // ── the mark ─────────────────────────────────────────────────────────────────────────────────────
  let seen = new Date();
  let lost = 0;
  const clock = (parts) => seen.toLocaleTimeString([], { hourCycle: "h23", hour: "2-digit", minute: "2-digit", ...parts });
  const mark = (state, word, rest = "") => {
    live.hidden = false;
    if (live.dataset.state === state && live.textContent === word + rest) return;
    live.dataset.state = state;
    const text = document.createElement("span");
    const more = document.createElement("span");
    more.className = "wide";
    more.textContent = rest;
    text.append(word, ...(rest ? [more] : []));
    live.replaceChildren(text);
  };
  const markLive = () => { lost = 0; mark("connected", "Live"); };
  const markLost = () => {
    lost ||= Date.now();
    if (!navigator.onLine || Date.now() - lost > patience) mark("offline", `Offline since ${clock()}`);
    else mark("reconnecting", "Reconnecting", `, data as of ${clock({ second: "2-digit" })}`);
  };

  // ── taking over what differs: elements stay the same ones, and with them focus, selection, scroll and open folds ──
  const key = (node) => {
    if (node.nodeType !== Node.ELEMENT_NODE) return "";
    if (node.id || node.dataset.key) return node.id || node.dataset.key;
    const inner = node.matches("li, tr, article, details") && node.querySelector("[id]");
    return inner ? `around ${inner.id}` : "";
  };
  // What people or scripts have set on this page, not the server.
  const isOurs = (node, name) => (name === "open" && node.matches("details")) || (name === "hidden" && node.matches("[data-copy]"));
  const morph = (from, to) => {
    if (from.nodeType !== Node.ELEMENT_NODE) {
      if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
      return;
    }
    if (from.isEqualNode(to)) return;
    for (const { name } of [...from.attributes]) if (!to.hasAttribute(name) && !isOurs(from, name)) from.removeAttribute(name);
    for (const { name, value } of to.attributes) if (from.getAttribute(name) !== value && !isOurs(from, name)) from.setAttribute(name, value);
    morphChildren(from, to);
  };
  const isOurNode = (node) => node?.nodeType === Node.ELEMENT_NODE && node.dataset.ours !== undefined;
  const past = (node) => { while (isOurNode(node)) node = node.nextSibling; return node; };
  const morphChildren = (from, to) => {
    const wanted = new Set([...to.childNodes].map(key));
    const keyed = new Map();
    for (const child of [...from.childNodes]) {
      const name = key(child);
      if (!name || isOurNode(child)) continue;
      if (!wanted.has(name) || keyed.has(name)) child.remove();
      else keyed.set(name, child);
    }
    let at = past(from.firstChild);
    for (const next of [...to.childNodes]) {
      const name = key(next);
      const known = name ? keyed.get(name) : at && !key(at) ? at : null;
      if (known?.nodeName !== next.nodeName) { from.insertBefore(next, at); continue; }
      if (known === at) at = past(at.nextSibling);
      else from.insertBefore(known, at);
      // A part with an address of its own is not this page's to say.
      if (!(next.dataset?.live && known.dataset?.live)) morph(known, next);
    }
    while (at) { const rest = past(at.nextSibling); at.remove(); at = rest; }
  };

  // ── cards ────────────────────────────────────────────────────────────────────────────────────────
  const changed = new Map(); // item → until when a card of it that appears is new
  const moved = new Map(); // card → until when it is shown as moved
  const early = new Map(); // item → what a card of it did before the stream has told of the item
  const columnOf = (card) => card.closest("[data-cell]")?.dataset.key ?? "";
  const itemOf = (card) => decodeURIComponent(card.id.slice("card-".length));
  const cards = (root) => [...root.querySelectorAll("[id^='card-']")];
  const drop = (map) => map.forEach((until, name) => { if (until < Date.now()) map.delete(name); });
  const markMoved = (page) => {
    const before = new Map(cards(document).map((card) => [card.id, columnOf(card)]));
    const until = Date.now() + fresh;
    const count = { moved: 0, new: 0, gone: 0 };
    const notYet = (id, what) => early.set(itemOf({ id }), { what, id, until: Date.now() + calm });
    early.forEach((of, item) => { if (of.until < Date.now()) early.delete(item); });
    drop(moved);
    drop(changed);
    for (const card of cards(page)) {
      const was = before.get(card.id);
      before.delete(card.id);
      if (was === undefined && changed.has(itemOf(card))) { count.new += 1; moved.set(card.id, until); }
      else if (was === undefined) notYet(card.id, "new");
      else if (was !== undefined && was !== columnOf(card)) { count.moved += 1; moved.set(card.id, until); }
      if (moved.has(card.id)) card.closest(".card")?.classList.add("card-moved");
    }
    // A further part of a column is fetched by itself: what is only there is not missing here.
    const further = new Set(cards(document).filter((card) => card.closest("[data-ours]")).map((card) => card.id));
    for (const id of before.keys()) {
      if (further.has(id)) continue;
      if (changed.has(itemOf({ id }))) count.gone += 1;
      else notYet(id, "gone");
    }
    return count;
  };

  // ── said once, for those who hear the page ───────────────────────────────────────────────────────
  const said = document.createElement("p");
  said.className = "sr";
  said.setAttribute("role", "status");
  said.id = "said";
  document.body.append(said);
  let total = null;
  let told = false; // whether the stream has named an item of this page since it was last fetched
  let ahead = null; // what was taken over before the stream has told of it
  const tell = (count) => {
    if (total) { for (const name of Object.keys(count)) total[name] += count[name]; return; }
    total = count;
    setTimeout(() => {
      const parts = Object.entries(total).filter(([, n]) => n > 0).map(([name, n]) => `${n} ${name}`);
      said.textContent = parts.length ? `The board changed: ${parts.join(", ")}.` : "The page changed.";
      total = null;
    }, 1000);
  };

  const tellOfAhead = (refs) => {
    const now = Date.now();
    const come = refs.map((ref) => early.get(ref)).filter((of) => of?.until >= now);
    refs.forEach((ref) => early.delete(ref));
    if (!come.length && !(ahead?.until >= now)) return;
    const count = ahead?.until >= now ? ahead.count : { moved: 0, new: 0, gone: 0 };
    ahead = null;
    for (const { what, id } of come) {
      count[what] += 1;
      if (what === "new") moved.set(id, now + fresh);
    }
    tell(count);
  };

  // ── fetching ─────────────────────────────────────────────────────────────────────────────────────
  const fetchPage = async (address) => {
    const answer = await fetch(address, { cache: "no-store", headers: { accept: "text/html" }, signal: AbortSignal.timeout(10000) });
    if (answer.redirected) { location.reload(); throw new Error("signed out"); }
    if (!answer.ok) throw new Error(String(answer.status));
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  };
  const takeOver = (page, parts) => {
    const focused = document.activeElement?.id;
    const differs = parts.filter((part) => {
      const next = page.getElementById(part.id);
      if (!next || part.isEqualNode(next)) return false;
      morph(part, next);
      return true;
    });
    if (focused && document.activeElement?.id !== focused) document.getElementById(focused)?.focus({ preventScroll: true });
    return differs.length > 0;
  };
  // This page, with all folds that are open here.
  const here = () => {
    const address = new URL(location.href);
    const named = new Set(address.searchParams.getAll("open"));
    for (const { dataset } of document.querySelectorAll("[data-open-as][open]")) {
      if (!named.has(dataset.openAs)) address.searchParams.append("open", dataset.openAs);
    }
    return address;
  };
  // What is ticked must not leave under its reader's hand.
  const isHeld = (part) => part.matches("form") && part.querySelector("input:checked");
  const isReshaped = (page, { id, dataset }) => {
    const next = page.getElementById(id);
    return next && next.dataset.shape !== dataset.shape;
  };
  const refresh = async () => {
    const wasTold = told;
    told = false;
    const page = await fetchPage(here()).catch((error) => { told ||= wasTold; throw error; });
    if (page.querySelector("main")?.dataset.page !== main()?.dataset.page) return location.reload();
    const count = markMoved(page);
    const reshaped = [...document.querySelectorAll("[data-shape]")].filter((part) => isReshaped(page, part));
    let differs = takeOver(page, reshaped);
    // What was taken over as a whole is not asked for again: its new nodes have left the fetched page.
    const isDone = (part) => isHeld(part) || reshaped.some((whole) => whole.contains(part));
    const parts = [...document.querySelectorAll("[data-live]")].filter((part) => !isDone(part));
    differs = takeOver(page, parts.filter((part) => !part.dataset.live)) || differs;
    // What the page itself brought is told even if one of its parts can't be had.
    let failed = null;
    for (const part of parts.filter((part) => part.dataset.live && part.isConnected)) {
      const own = await fetchPage(part.dataset.live).catch((error) => { failed = error; });
      if (failed) break;
      differs = takeOver(own, [part]) || differs;
    }
    if (differs && (wasTold || told)) tell(count);
    else if (differs) ahead = { count, until: Date.now() + calm };
    if (failed) throw failed;
  };

  let due = Infinity;
  let timer = 0;
  let busy = false;
  let notBefore = 0;
  const ask = (wait) => {
    const at = Math.max(Date.now() + wait, notBefore);
    if (at >= due || document.hidden) return;
    due = at;
    clearTimeout(timer);
    timer = setTimeout(turn, at - Date.now());
  };
  const turn = async () => {
    due = Infinity;
    if (document.hidden) return;
    if (busy) return ask(again);
    busy = true;
    const begun = Date.now();
    let next = up ? ages : calm;
    try {
      await refresh();
      seen = new Date();
      markLive();
    } catch {
      markLost();
      next = lost && Date.now() - lost > patience ? calm : 1500;
    }
    busy = false;
    notBefore = Date.now() + Math.min(Math.max(again, 2 * (Date.now() - begun)), calm);
    ask(next);
  };

  // ── the stream ───────────────────────────────────────────────────────────────────────────────────
  let stream = null;
  let up = false;
  let heard = 0;
  let tries = 0;
  let retry = 0;
  let revision = "";
  const concerns = ({ refs, more }) => {
    const own = /^\/work-items\/([^/]+)/.exec(location.pathname);
    if (!own || more) return true;
    const linked = [...document.querySelectorAll("main a[href^='/work-items/']")].map((link) => decodeURIComponent(link.pathname.split("/")[2]));
    return refs.some((ref) => ref === decodeURIComponent(own[1]) || linked.includes(ref));
  };
  const close = () => {
    clearTimeout(retry);
    stream?.close();
    stream = null;
    up = false;
  };
  const reopen = () => {
    close();
    const wait = Math.min(1000 * 2 ** tries++, 15000);
    retry = setTimeout(open, wait * (0.5 + Math.random() / 2));
  };
  const open = () => {
    close();
    if (document.hidden || !window.EventSource) return;
    heard = Date.now();
    const source = new EventSource(revision ? `/live?since=${revision}` : "/live");
    stream = source;
    const on = (name, then) => source.addEventListener(name, (event) => {
      heard = Date.now();
      if (event.lastEventId) revision = event.lastEventId;
      then(event.data);
    });
    // The page may be older than the stream.
    const begin = () => { up = true; tries = 0; ask(0); };
    on("hello", begin);
    on("reset", begin);
    on("work-items", (data) => {
      const news = JSON.parse(data);
      if (!concerns(news)) return;
      for (const ref of news.refs) changed.set(ref, Date.now() + calm);
      told = true;
      tellOfAhead(news.refs);
      ask(0);
    });
    on("activity", () => ask(main()?.dataset.liveActivity === undefined ? calm : 0));
    on("stalled", () => { markLost(); ask(calm); });
    on("beat", () => { if (!lost) seen = new Date(); });
    source.onerror = () => {
      if (source !== stream) return;
      up = false;
      ask(0);
      if (source.readyState === EventSource.CLOSED) reopen();
    };
  };

  markLive();
  open();
  if (!stream) ask(calm);
  setInterval(() => {
    if (lost) markLost();
    if (stream && Date.now() - heard > silence) reopen();
  }, 5000);
  const wake = () => { open(); ask(0); };
  document.addEventListener("visibilitychange", () => { if (document.hidden) close(); else wake(); });
  document.addEventListener("change", ({ target }) => { if (target.closest("form[data-live]")) ask(0); });
  addEventListener("online", wake);
  // What is on its way may still arrive, and says nothing about what comes after it.
  addEventListener("offline", () => { markLost(); ask(0); });
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => { if (event.persisted) wake(); });
})();
