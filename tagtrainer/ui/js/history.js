// The changes of a dataset from the newest on; one that is opened shows what it did.
const PAGE = 30, ROWS = 40;
const view = makeView(element, props, watch, { show: (dataset, kind, { first }) => load(!first), leave: () => { open.clear(); shown = PAGE; } });
const { texts } = view, list = view.pick('hi-list'), older = view.pick('hi-older');
const open = new Map(); // id of an opened change -> how many of its rows are shown
let shown = PAGE, ticket = 0;
const date = new Intl.DateTimeFormat(tagtrainer.language, { dateStyle: 'medium', timeStyle: 'short' });
const time = new Intl.DateTimeFormat(tagtrainer.language, { timeStyle: 'short' });

function when(seconds) {
  const at = new Date(seconds * 1000), today = new Date().toDateString() === at.toDateString();
  return today ? `${texts.today} ${time.format(at)}` : date.format(at);
}

function who(name) {
  const known = { user: texts.who_user, 'command line': texts.who_cli, cli: texts.who_cli, import: texts.who_import };
  const [kind, of] = [name.split(':')[0], name.split(':').slice(1).join(':')];
  return known[name] || fillText(kind === 'caption' && of ? texts.who_caption : texts.who_other, { name: kind === 'caption' && of ? of : name });
}

async function load(keep) {
  const mine = ++ticket, place = window.scrollY;
  const found = await view.fetch(`history/{dataset}?limit=${Math.min(200, shown)}`);
  while (found.entries.length < Math.min(shown, found.total)) {
    const more = await view.fetch(`history/{dataset}?offset=${found.entries.length}&limit=200`);
    if (!more.entries.length) break;
    found.entries.push(...more.entries);
  }
  if (mine !== ticket) return;
  const lines = found.entries.map(line);
  await Promise.all(lines.map(({ entry, box }) => open.has(entry.id) && fill(entry, box)));
  if (mine !== ticket) return;
  list.replaceChildren(...lines.map(({ node }) => node));
  view.pick('hi-none').hidden = found.total > 0;
  view.pick('hi-count').textContent = found.total ? fillText(texts.count, { n: found.total }) : '';
  older.hidden = found.total <= found.entries.length;
  if (keep) window.scrollTo({ top: place });
}

function line(entry) {
  const box = el('div', { class: 'vw-hi-rows', hidden: !open.has(entry.id) });
  const title = el('button', { class: 'vw-hi-title', text: entry.title, 'aria-expanded': String(open.has(entry.id)), on: { click: toggle } });
  const mark = entry.refused ? texts.is_refused : entry.undone ? texts.is_undone : '';
  const turn = entry.refused ? null : el('button', { class: 'vw-button vw-hi-turn', text: entry.undone ? texts.redo : texts.undo,
    on: { click: (event) => view.run(event.target, () => back(entry)) } });
  const node = el('div', { class: 'vw-hi-entry' + (entry.undone ? ' is-undone' : '') + (entry.refused ? ' is-refused' : ''), 'data-entry': entry.id },
    el('div', { class: 'vw-hi-line' }, title, mark && el('span', { class: 'vw-hi-mark', text: mark }),
      el('span', { class: 'vw-note vw-hi-facts', text: [fillText(texts.items, { n: entry.count }), who(entry.who), when(entry.at)].join(' · ') }), turn), box);
  function toggle() {
    if (open.delete(entry.id)) box.hidden = true; else { open.set(entry.id, ROWS); view.run(null, () => fill(entry, box)); }
    title.setAttribute('aria-expanded', String(open.has(entry.id)));
  }
  return { entry, box, node };
}

async function back(entry) {
  const done = await view.fetch(`history/{dataset}/${entry.undone ? 'redo' : 'undo'}`, { json: { entry: entry.id } });
  const key = (entry.undone ? 'redone' : 'undone') + (done.conflicts ? '_but' : '');
  view.say(fillText(texts[key], done));
  await view.accept();
  await load(true);
}

async function fill(entry, box) {
  const wanted = open.get(entry.id) || ROWS, rows = [];
  let total = 1;
  while (rows.length < Math.min(wanted, total)) {
    const path = `history/{dataset}/entry/${encodeURIComponent(entry.id)}?offset=${rows.length}&limit=${Math.min(200, wanted - rows.length)}`;
    const found = await view.fetch(path);
    total = found.total;
    if (!found.rows.length) break;
    rows.push(...found.rows);
  }
  box.replaceChildren(...rows.map((row) => drawn(entry, row)));
  if (total > rows.length) {
    const n = Math.min(200, total - rows.length);
    box.append(el('button', { class: 'vw-link', text: fillText(texts.more, { n }), on: { click: (event) => view.run(event.target, () => {
      open.set(entry.id, wanted + n);
      return fill(entry, box);
    }) } }));
  }
  box.hidden = false;
}

function drawn(entry, row) {
  const picture = row.v ? thumb(view.dataset, { id: row.item, v: row.v, name: row.name }) : el('span', { class: 'vw-hi-gone', title: texts.gone });
  const said = row.refused ? refused(entry, row) : rowWords(row, texts);
  return el('div', { class: 'vw-hi-row' }, picture, el('div', { class: 'vw-grow' }, el('b', { text: row.name }), said));
}

// Two people saved one caption: the text that was not written is still here, beside the one that was.
function refused(entry, row) {
  const take = el('button', { class: 'vw-button vw-hi-take', text: texts.take, disabled: !row.v, on: { click: (event) => view.run(event.target, async () => {
    await view.fetch('history/{dataset}/take', { json: { entry: entry.id, item: row.item } });
    view.say(texts.took);
    await view.accept();
    await load(true);
  }) } });
  const text = (name, words) => [el('dt', { text: texts[name] }), el('dd', { text: words || texts.empty })];
  return el('div', {}, el('p', { class: 'vw-note', text: texts.refused_why }),
    el('dl', { class: 'vw-hi-both' }, ...text('theirs', row.old), ...text('mine', row.new)), take);
}

older.addEventListener('click', () => { shown += 100; view.run(older, () => load(true)); });
