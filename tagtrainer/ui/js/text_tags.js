// The tag table: search, sort, choose several, and what a tag goes with. view comes from text.js.
function makeTextTags(view, { onRename, onMerge, onRemove }) {
  const pick = (name) => view.pick('text-' + name), texts = view.texts, STEP = 200;
  const search = pick('search'), order = pick('order'), list = pick('list'), numbers = pick('numbers'), bar = pick('chosen'), about = pick('tag');
  const suggestions = el('datalist', { id: 'vw_text_known' });
  view.root.append(suggestions);
  const chosen = new Set();
  let mine = 0, timer = 0, most = 1, rows = 0, total = 0, loading = false, opened = [];

  const query = (more) => new URLSearchParams({ search: search.value.trim(), order: order.value, ...more });

  async function load() {
    const current = ++mine;
    const found = await view.fetch('text/{dataset}/tags?' + query({ offset: 0, limit: Math.max(STEP, Math.min(1000, rows)) }));
    if (current !== mine) return;
    most = Math.max(1, ...found.rows.map((row) => row.count));
    total = found.total;
    rows = found.rows.length;
    if (!search.value.trim() && order.value === 'count') suggestions.replaceChildren(...found.rows.map((row) => el('option', { value: row.tag })));
    const top = list.scrollTop, focused = document.activeElement && list.contains(document.activeElement) ? document.activeElement.dataset.tag : null;
    list.replaceChildren(...found.rows.map(line));
    list.scrollTop = top;
    if (focused !== null) { const again = [...list.querySelectorAll('.vw-text-name')].find((one) => one.dataset.tag === focused); if (again) again.focus(); }
    if (!rows) list.replaceChildren(el('p', { class: 'vw-note', text: found.different ? texts.no_tag_found : texts.no_tags }));
    numbers.textContent = fillText(texts.numbers, found) + (found.sentences ? ' ' + fillText(texts.numbers_sentences, found) : '');
    if (opened.length) open(opened, false);
  }

  async function more() {
    if (loading || rows >= total) return;
    loading = true;
    const current = mine;
    try {
      const found = await view.fetch('text/{dataset}/tags?' + query({ offset: rows, limit: STEP }));
      if (current === mine) { rows += found.rows.length; list.append(...found.rows.map(line)); }
    } catch (error) { if (!error.stale) view.say(error.message, { bad: true }); } finally { loading = false; }
  }

  function line(row) {
    const box = el('input', { type: 'checkbox', checked: chosen.has(row.tag), 'aria-label': fillText(texts.choose, { tag: row.tag }), on: { change: () => {
      if (box.checked) chosen.add(row.tag); else chosen.delete(row.tag);
      tally();
    } } });
    const name = el('button', { class: 'vw-text-name', text: row.tag, title: row.tag, on: { click: () => open([row.tag]) } });
    name.dataset.tag = row.tag;
    return el('div', { class: 'vw-text-row' + (opened[0] === row.tag ? ' is-open' : ''), style: { '--share': row.count / most } }, box, name, el('span', { text: row.count.toLocaleString() }));
  }

  function tally() {
    bar.hidden = !chosen.size;
    bar.firstElementChild.textContent = fillText(texts.chosen, { n: chosen.size });
    pick('rename').disabled = chosen.size !== 1;
    pick('merge').disabled = chosen.size < 2;
  }

  // Pictures that have the tags, and what goes with the first of them.
  async function open(tags, scroll = true) {
    opened = tags;
    list.querySelectorAll('.vw-text-row').forEach((one) => one.classList.toggle('is-open', one.children[1].dataset.tag === tags[0]));
    try {
      const found = await view.fetch('text/{dataset}/tag?' + new URLSearchParams(tags.map((tag) => ['tag', tag])));
      if (opened !== tags) return;
      about.hidden = false;
      about.replaceChildren(head(tags, found), tiles(found), ...partners(tags, found));
      if (scroll) about.scrollIntoView({ block: 'nearest' });
    } catch (error) { if (!error.stale) view.say(error.message, { bad: true }); }
  }

  function head(tags, found) {
    const shown = el('button', { class: 'vw-link', text: texts.in_pictures, on: { click: () => look(tags) } });
    const close = el('button', { class: 'vw-link', text: texts.close, on: { click: shut } });
    return el('div', { class: 'vw-row' }, el('b', { class: 'vw-grow', text: fillText(texts.pictures_with, { tag: tags.join(' + '), n: found.count.toLocaleString() }) }), shown, close);
  }

  function tiles(found) {
    return el('div', { class: 'vw-tiles vw-text-tiles' }, found.items.map((item) => el('div', { class: 'vw-tile', title: item.name }, thumb(view.dataset, item))));
  }

  function partners(tags, found) {
    if (!found.partners.length) return [];
    return [el('div', { class: 'vw-note', text: texts.together }), el('div', { class: 'vw-text-partners' }, found.partners.map((one) => el('button', {
      class: 'vw-text-partner', title: fillText(texts.partner, { n: one.together, share: Math.round(one.jaccard * 100), lift: one.lift.toFixed(1) }),
      on: { click: () => open([tags[0], one.tag]) },
    }, one.tag, el('span', { text: one.together.toLocaleString() }))))];
  }

  function shut() {
    opened = [];
    about.hidden = true;
    about.replaceChildren();
    list.querySelectorAll('.is-open').forEach((one) => one.classList.remove('is-open'));
  }

  function look(tags) { // the gallery takes the filter over when it is shown
    sessionStorage.setItem('tagtrainer.look.' + view.dataset, `tag:"${tags.join(', ').replaceAll('"', '')}"`);
    document.getElementById('view_pictures-button')?.click();
  }

  const all = () => [...chosen];
  const done = () => { chosen.clear(); list.querySelectorAll('input').forEach((box) => { box.checked = false; }); tally(); };
  pick('rename').addEventListener('click', () => { onRename(all()[0]); done(); });
  pick('merge').addEventListener('click', () => { onMerge(all()); done(); });
  pick('remove').addEventListener('click', () => { onRemove(all()); done(); });
  pick('clear').addEventListener('click', done);
  const reload = () => { rows = 0; list.scrollTop = 0; load().catch((error) => { if (!error.stale) view.say(error.message, { bad: true }); }); };
  search.addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(reload, 200); });
  order.addEventListener('change', reload);
  list.addEventListener('scroll', () => { if (list.scrollTop + list.clientHeight > list.scrollHeight - 400) more(); });
  list.addEventListener('keydown', (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key], row = event.target.closest('.vw-text-row');
    if (!step || !row) return;
    const next = step > 0 ? row.nextElementSibling : row.previousElementSibling;
    if (next) next.children[[...row.children].indexOf(event.target)]?.focus();
    event.preventDefault();
  });

  return {
    refresh: load,
    leave() { chosen.clear(); tally(); shut(); rows = 0; search.value = ''; list.replaceChildren(); numbers.textContent = ''; },
  };
}
