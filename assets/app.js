// What script adds to pages that work without it: a live view, copying, filters that apply at once, "/" to search.
(() => {
  const every = 5000;
  const live = document.getElementById("live");

  const say = (state, text) => {
    if (live.dataset.state === state) return;
    live.dataset.state = state;
    live.firstElementChild.textContent = text;
    live.hidden = false;
  };

  // Each part is known by its id. An equal one is left alone, so that a selection or an open menu lives on.
  const swap = (part, next) => {
    if (part.innerHTML === next.innerHTML) return;
    const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
    part.replaceChildren(...next.childNodes);
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  };

  const refresh = async () => {
    const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(10000) });
    if (answer.redirected) return location.reload();
    if (!answer.ok) throw new Error(String(answer.status));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const kind = (root) => root.querySelector("main")?.dataset.page;
    if (kind(page) !== kind(document)) return location.reload();
    for (const part of document.querySelectorAll("[data-live]")) {
      const next = page.getElementById(part.id);
      if (next) swap(part, next);
    }
  };

  let timer = 0;
  let seen = "";
  const turn = async () => {
    clearTimeout(timer);
    if (document.hidden) return;
    try {
      await refresh();
      seen = new Date().toISOString().slice(11, 19);
      say("connected", "Live");
    } catch {
      say("reconnecting", seen ? `Reconnecting, data as of ${seen}` : "Reconnecting");
    }
    clearTimeout(timer);
    timer = setTimeout(turn, every);
  };
  if (live) {
    say("connected", "Live");
    timer = setTimeout(turn, every);
    document.addEventListener("visibilitychange", () => { if (!document.hidden) turn(); });
  }

  const showCopyButtons = () => document.querySelectorAll("[data-copy][hidden]").forEach((button) => { button.hidden = false; });
  if (navigator.clipboard) {
    showCopyButtons();
    new MutationObserver(showCopyButtons).observe(document.body, { childList: true, subtree: true });
  }
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    const field = button && document.getElementById(button.dataset.copy);
    if (!field) return;
    await navigator.clipboard.writeText(field.value);
    const word = button.querySelector("span");
    word.textContent = "Copied";
    setTimeout(() => { word.textContent = "Copy"; }, 1500);
  });

  for (const form of document.querySelectorAll("[data-filter]")) {
    form.addEventListener("change", (event) => { if (event.target.matches("select")) form.requestSubmit(); });
    form.addEventListener("formdata", ({ formData }) => {
      for (const [name, value] of [...formData]) if (!value) formData.delete(name);
    });
  }
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input, select, textarea");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const search = document.querySelector("[data-search]");
    if (search) { event.preventDefault(); search.focus(); }
  });
})();
