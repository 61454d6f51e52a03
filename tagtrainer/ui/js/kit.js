// What every view of a dataset is made of. Text only ever enters the page as textContent or value.
// el('button', {class: 'vw-button', text: 'Go', on: {click}, title, hidden, ...}, child, child)
function el(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  if (tag === 'button') made.type = 'button';
  for (const [name, value] of Object.entries(props)) {
    if (name === 'class') made.className = value;
    else if (name === 'text') made.textContent = value;
    else if (name === 'on') for (const [event, act] of Object.entries(value)) made.addEventListener(event, act);
    else if (name === 'style') for (const [rule, is] of Object.entries(value)) made.style.setProperty(rule, is);
    else if (name in made && name !== 'list' && name !== 'form') made[name] = value;
    else if (value !== null && value !== false) made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

// The picture of an item ({id, v}) as an <img>; kind: preview (512), medium (1280), whole (uncropped 1280).
function thumb(dataset, item, kind = 'preview', props = {}) {
  return el('img', { src: tagtrainer.url(`datasets/${encodeURIComponent(dataset)}/${kind}/${encodeURIComponent(item.id)}?v=${item.v}`),
    loading: 'lazy', decoding: 'async', draggable: false, alt: item.name || '', ...props });
}

// What the gallery noted as selected in it: {n: how many or null, scope: {items} or {kept} or {expr}}, null when it is nothing.
function gallerySelection(dataset) {
  try {
    const { items, kept, n, filter, pending } = JSON.parse(sessionStorage.getItem('tagtrainer.selection.' + dataset)) || {};
    if (Array.isArray(items)) return items.length ? { n: items.length, scope: { items: items.map(String) } } : null;
    if (pending) return { n: null, scope: { items: [] } }; // it is on its way
    if (typeof kept === 'string') return { n, scope: { kept } };
    return typeof filter === 'string' ? { n: null, scope: { expr: filter } } : null;
  } catch { return null; }
}

// A view: calls options.show(dataset, kind, {changed}) when it becomes visible with another dataset or a newer revision.
function makeView(element, props, watch, options) {
  const root = element.querySelector('.vw');
  const parse = (name) => { const box = root.dataset[name] ? root : root.querySelector(`[data-${name}]`); return box ? JSON.parse(box.dataset[name]) : {}; };
  const view = {
    root, dataset: '', kind: '', rev: null,
    texts: { ...parse('kit'), ...parse('texts') },
    pick: (name) => root.querySelector('.vw-' + name),
    path: (path) => path.replace('{dataset}', encodeURIComponent(view.dataset)),
    get visible() { return root.clientWidth > 0 && !document.hidden; },
    say(text, { bad = false, undo = null } = {}) { notice(view, text, bad, undo); },
    async fetch(path, details) {
      const mine = view.dataset, answer = await tagtrainer.fetchJson(view.path(path), details);
      if (mine !== view.dataset) throw Object.assign(new Error(''), { stale: true });
      return answer;
    },
    // Runs an action of a button: the button is off meanwhile, errors are said.
    async run(button, act) {
      if (button) button.disabled = true;
      try { return await act(); } catch (error) { if (!error.stale) view.say(error.message, { bad: true }); return undefined; }
      finally { if (button) button.disabled = false; }
    },
  };
  async function look() {
    if (!view.visible || !view.dataset) return;
    const known = await tagtrainer.fetchJson(`datasets/${encodeURIComponent(view.dataset)}/rev`).catch(() => null);
    if (!known || known.rev === view.rev) return;
    const first = view.rev === null;
    view.rev = known.rev;
    Promise.resolve(options.show(view.dataset, view.kind, { first })).catch((error) => { if (!error.stale) view.say(error.message, { bad: true }); });
  }
  view.refresh = () => { view.rev = null; return look(); };
  view.accept = async () => { // our own change: the list on screen is right already
    const known = await tagtrainer.fetchJson(`datasets/${encodeURIComponent(view.dataset)}/rev`).catch(() => null);
    if (known) view.rev = known.rev;
  };
  function apply() {
    const { dataset = '', kind = 'image' } = props.value || {};
    if (dataset !== view.dataset) {
      Object.assign(view, { dataset, kind, rev: null });
      root.querySelectorAll(':scope > .vw-notice').forEach((old) => old.remove());
      if (options.leave) options.leave();
    }
    view.kind = kind;
    root.hidden = !dataset;
    look();
  }
  watch('value', apply);
  new ResizeObserver(look).observe(root);
  if (options.poll !== 0) setInterval(look, options.poll || 4000);
  setTimeout(apply, 0);
  return view;
}

// One line on top of the view that says what happened; `undo` is a change that can be taken back.
function notice(view, text, bad, undo) {
  view.root.querySelectorAll(':scope > .vw-notice').forEach((old) => old.remove());
  if (!text) return;
  const line = el('div', { class: 'vw-notice' + (bad ? ' is-bad' : ''), role: bad ? 'alert' : 'status' }, el('span', { text }));
  if (undo) {
    line.append(el('button', { class: 'vw-link', text: view.texts.undo, on: { click: async (event) => {
      event.target.disabled = true;
      try {
        const done = await view.fetch('history/{dataset}/undo', { json: { entry: undo === true ? null : undo } });
        notice(view, fillText(done.conflicts ? view.texts.undone_but : view.texts.undone, done), false, null);
        view.refresh();
      } catch (error) { notice(view, error.message, true, null); }
    } } }));
  }
  line.append(el('button', { class: 'vw-link', text: view.texts.dismiss, on: { click: () => line.remove() } }));
  view.root.prepend(line);
}

// A job line in `box`: makeJob(view, box, {path, onDone(result), onState(state)}). GET path -> {task, status, n, total, seconds, note,
// result, reason}; POST path + '/stop'. start(json) posts to `path`.
function makeJob(view, box, options) {
  const words = el('span'), bar = el('progress'), stop = el('button', { class: 'vw-link', text: view.texts.stop });
  const line = el('div', { class: 'vw-notice vw-job', role: 'status', hidden: true }, words, bar, stop);
  box.append(line);
  let timer = 0, seen = '', mine = 0;
  const path = () => view.path(typeof options.path === 'function' ? options.path() : options.path);
  stop.addEventListener('click', () => view.run(stop, () => tagtrainer.fetchJson(path() + '/stop', { json: {} })));

  function draw(state) {
    const busy = state.status === 'queued' || state.status === 'running';
    line.hidden = !busy && !(state.status === 'failed' && state.task === seen);
    line.classList.toggle('is-bad', state.status === 'failed');
    bar.hidden = stop.hidden = !busy;
    if (state.total) { bar.max = state.total; bar.value = state.n; } else bar.removeAttribute('value');
    words.textContent = state.status === 'failed' ? state.reason : state.status === 'queued' ? view.texts.waiting
      : fillText(state.total ? view.texts.progress : view.texts.working, { n: state.n, total: state.total, time: clock(state.seconds), note: state.note || '' });
    return busy;
  }
  async function poll(current) {
    clearTimeout(timer);
    let state = null;
    try { state = await tagtrainer.fetchJson(path()); } catch { /* asked again below */ }
    if (current !== mine) return;
    if (state && state.task) {
      const busy = draw(state);
      if (options.onState) options.onState(state);
      if (!busy) {
        if (seen === state.task && options.onDone) { seen = ''; options.onDone(state.result, state); }
        return;
      }
      seen = state.task;
    } else if (state) { line.hidden = true; return; }
    timer = setTimeout(() => poll(current), view.visible ? 700 : 3000);
  }
  return {
    get busy() { return !line.hidden && !bar.hidden; },
    attach() { mine++; seen = ''; line.hidden = true; return poll(mine); },
    async start(json = {}) {
      mine++;
      const { task } = await tagtrainer.fetchJson(path(), { json });
      seen = task;
      draw({ task, status: 'queued' });
      return poll(mine);
    },
  };
}
