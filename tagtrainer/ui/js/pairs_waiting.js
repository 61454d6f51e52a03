// The pictures without a target: why, and pairing them by hand: by name, by the target they nearly went to, by dragging.
// makeWaiting(view, box, {src(entry), pair(item, entry), onCount(n)})
function makeWaiting(view, box, options) {
  const texts = view.texts;
  let entries = [], open = false, shown = 60;

  async function load() {
    const mine = view.dataset, found = await view.fetch('pairs/{dataset}/waiting');
    if (mine !== view.dataset) return;
    entries = found.entries;
    draw();
    options.onCount(entries.length);
  }

  function draw() {
    box.hidden = !open;
    if (!open) return;
    const tiles = el('div', { class: 'vw-pairs-loose' }, ...entries.slice(0, shown).map(tile));
    const more = entries.length > shown && el('button', { class: 'vw-link', text: fillText(texts.more, { n: entries.length - shown }),
      on: { click: () => { shown += 60; draw(); } } });
    box.replaceChildren(el('p', { text: entries.length ? texts.waiting_how : texts.waiting_none }), tiles, ...(more ? [more] : []));
  }

  function tile(entry) {
    const made = el('article', { class: 'vw-pairs-entry', draggable: true, tabIndex: -1 });
    const actions = el('div', { class: 'vw-pairs-actions' });
    if (entry.target) {
      actions.append(el('button', { class: 'vw-link', text: fillText(entry.key === 'pairs.reason.too_many' ? texts.instead_of : texts.pair_with, { name: entry.target_name }),
        on: { click: (event) => give(event.target, entry.target, entry) } }));
    }
    actions.append(
      el('button', { class: 'vw-link', text: texts.pair, on: { click: () => search(made, entry) } }),
      el('button', { class: 'vw-link', text: texts.promote, on: { click: (event) => promote(event.target, entry) } }),
      el('button', { class: 'vw-link', text: texts.discard, on: { click: (event) => discard(event.target, entry) } }));
    made.append(el('img', { src: options.src(entry), alt: '', loading: 'lazy', draggable: false }),
      el('div', {}, el('b', { text: entry.label, title: entry.label }), el('small', { text: entry.reason }), actions));
    made.addEventListener('dragstart', (event) => {
      event.dataTransfer.setData('application/x-tagtrainer-waiting', entry.id);
      event.dataTransfer.effectAllowed = 'move';
    });
    return made;
  }

  // A field for the target's name, and the pictures that have it.
  function search(made, entry) {
    made.querySelector('.vw-pairs-search')?.remove();
    const field = el('input', { type: 'search', placeholder: texts.find_target, 'aria-label': texts.find_target });
    const hits = el('div', { class: 'vw-pairs-hits' });
    let ticket = 0;
    async function look() {
      const mine = ++ticket;
      const found = await view.fetch('datasets/{dataset}/items?' + new URLSearchParams({ text: field.value, limit: 6 })).catch(() => null);
      if (!found || mine !== ticket) return;
      hits.replaceChildren(...found.items.map((item) => el('button', { class: 'vw-pairs-hit', title: item.name,
        on: { click: (event) => give(event.currentTarget, item.id, entry) } }, thumb(view.dataset, item), el('span', { text: item.name }))));
      if (!found.items.length) hits.append(el('span', { class: 'vw-note', text: texts.no_target }));
    }
    field.addEventListener('input', look);
    field.value = entry.name.replace(/\.[^.]*$/, '').replace(/_(control|source|before)?_?\d*$/, '');
    made.append(el('div', { class: 'vw-pairs-search' }, field, hits));
    field.focus();
    field.select();
    look();
  }

  async function give(button, item, entry) {
    if (await view.run(button, () => options.pair(item, entry))) await view.run(null, load);
  }

  async function promote(button, entry) {
    const done = await view.run(button, () => view.fetch('pairs/{dataset}/promote', { json: { id: entry.id } }));
    if (!done) return;
    view.say(fillText(texts.promoted, { name: entry.name }), { undo: done.entry });
    view.refresh();
  }

  async function discard(button, entry) {
    const done = await view.run(button, () => view.fetch('pairs/{dataset}/discard', { json: { id: entry.id } }));
    if (!done) return;
    await view.run(null, load);
    view.say(fillText(texts.discarded, { name: entry.name }));
    view.root.querySelector(':scope > .vw-notice')?.prepend(el('button', { class: 'vw-link', text: texts.take_back, on: { click: async (event) => {
      if (await view.run(event.target, () => view.fetch('pairs/{dataset}/recall', { json: { id: entry.id } }))) { view.say(''); view.run(null, load); }
    } } }));
  }

  return {
    load, get entries() { return entries; }, get open() { return open; },
    toggle(on) { open = on; draw(); },
    clear() { entries = []; open = false; shown = 60; box.hidden = true; },
  };
}
