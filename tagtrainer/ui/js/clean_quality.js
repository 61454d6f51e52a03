// Quality: a list per flaw with its count, a threshold that cuts the list, pictures from the worst on, what to do with them.
function makeQuality(view, root) {
  const PAGE = 60, texts = view.texts;
  const pick = (name) => root.querySelector('.vw-clean-' + name);
  const slider = pick('threshold'), side = pick('side'), grid = pick('tiles'), foot = pick('foot'), none = pick('none');
  const tabs = [...root.querySelectorAll('.vw-clean-list')];
  let lists = null, name = 'blurry', places = {}, all = false, marked = new Set(), loaded = 0, total = 0, mine = 0, busy = false;

  const pixels = () => Math.min(100000, Math.max(16, Math.round(+side.value) || 1024));
  const threshold = (list) => lists[list].lowest + (lists[list].highest - lists[list].lowest) * places[list] / 100;
  const usual = (rule) => Math.round((rule.usual - rule.lowest) / (rule.highest - rule.lowest) * 100);
  const query = (more) => new URLSearchParams({ threshold: threshold(name), side: pixels(), ...more });

  async function load() {
    const now = ++mine, answer = await view.fetch(`clean/{dataset}/quality?side=${pixels()}`);
    if (now !== mine) return;
    lists = answer.lists;
    for (const [list, rule] of Object.entries(lists)) if (!(list in places)) places[list] = usual(rule);
    const looked = answer.known > 0;
    pick('known').textContent = lookedAt(texts, answer);
    pick('find').classList.toggle('is-main', answer.pending > 0);
    pick('find').disabled = !answer.pending;
    root.classList.toggle('is-new', !looked);
    await open();
  }
  async function open() { // the chosen list from its beginning
    const now = ++mine;
    clearMarks();
    drawTabs();
    const answer = await view.fetch(`clean/{dataset}/quality/${name}?${query({ offset: 0, limit: Math.min(200, Math.max(PAGE, loaded)) })}`);
    if (now !== mine) return;
    busy = false;
    total = answer.total;
    loaded = answer.rows.length;
    grid.replaceChildren(...answer.rows.map(tile));
    none.hidden = total > 0;
    none.textContent = root.classList.contains('is-new') && name !== 'small' ? texts.quality_hint : texts['none_' + name];
    drawFoot();
  }
  async function more() {
    if (busy || !lists || loaded >= total) return;
    busy = true;
    const now = mine, answer = await view.fetch(`clean/{dataset}/quality/${name}?${query({ offset: loaded, limit: PAGE })}`).catch(() => null);
    if (now !== mine) return;
    busy = false;
    if (!answer) return;
    loaded += answer.rows.length;
    grid.append(...answer.rows.map(tile));
  }
  function drawTabs() {
    const rule = lists[name];
    tabs.forEach((tab) => {
      const list = tab.dataset.list, on = list === name;
      tab.classList.toggle('is-on', on);
      tab.setAttribute('aria-selected', String(on));
      tab.querySelector('small').textContent = counted(lists[list].counts[places[list]]);
    });
    grid.classList.toggle('is-whole', name === 'borders');
    slider.value = places[name];
    slider.closest('label').hidden = name === 'small';
    side.closest('label').hidden = name !== 'small';
    pick('hint').textContent = texts['hint_' + name];
    pick('limit').textContent = fillText(texts['limit_' + name], { value: Math.round(threshold(name) * 10) / 10 });
    pick('number').textContent = fillText(texts.pictures, { n: counted(rule.counts[places[name]]) });
  }
  function tile(row) {
    const is = () => all !== marked.has(row.id);
    const toggle = () => { if (!marked.delete(row.id)) marked.add(row.id); drawFoot(); return is(); };
    const made = pictureTile(view, row, { facts: facts(row), on: is(), toggle, mark: (on) => (on ? texts.chosen : row.flagged ? texts.flagged : '') });
    made.row = row;
    return made;
  }
  function facts(row) {
    const value = name === 'small' ? `${row.width} × ${row.height}` : fillText(texts['fact_' + name], { value: Math.round(row.value * 10) / 10 });
    const clipped = (name === 'dark' || name === 'bright') && row.clipped >= 0.01;
    return clipped ? [value, fillText(texts.clipped, { value: Math.round(row.clipped * 100) })] : [value];
  }
  const count = () => (all ? total - marked.size : marked.size);
  function drawFoot() {
    const n = count();
    foot.hidden = !total;
    pick('all').textContent = fillText(texts.select_all, { n: counted(total) });
    pick('all').hidden = n === total;
    pick('nothing').hidden = !n;
    pick('sum').textContent = n ? fillText(texts.selected, { n: counted(n) }) : texts.select_how;
    for (const act of ['remove', 'flag', 'cut']) {
      pick(act).textContent = fillText(texts[act], { n: counted(n) });
      pick(act).disabled = !n;
    }
    pick('cut').hidden = name !== 'borders';
  }
  function clearMarks(everything = false) {
    all = everything;
    marked = new Set();
    [...grid.children].forEach((made) => made.draw(everything));
    if (lists) drawFoot();
  }
  const act = (what, said) => pick(what).addEventListener('click', () => view.run(pick(what), async () => {
    const json = { all, items: [...marked], threshold: threshold(name), side: pixels() };
    const done = await view.fetch(`clean/{dataset}/quality/${name}/${what}`, { json });
    view.say(fillText(texts[said], { n: counted(done.count) }), { undo: done.count ? done.entry : null });
    await view.refresh();
  }));

  const fail = (error) => { if (!error.stale) view.say(error.message, { bad: true }); };
  const again = later(() => open().catch(fail), 160), reload = later(() => load().catch(fail), 300);
  tabs.forEach((tab) => tab.addEventListener('click', () => { if (lists) { name = tab.dataset.list; loaded = 0; open().catch(fail); } }));
  slider.addEventListener('input', () => { if (lists) { places[name] = +slider.value; loaded = 0; drawTabs(); again(); } });
  side.addEventListener('input', reload);
  pick('all').addEventListener('click', () => clearMarks(true));
  pick('nothing').addEventListener('click', () => clearMarks(false));
  act('remove', 'removed');
  act('flag', 'was_flagged');
  act('cut', 'was_cut');
  onEnd(pick('end'), more);
  return { load, find: pick('find'), clear() { lists = null; loaded = total = 0; mine++; marked = new Set(); all = false; grid.replaceChildren(); foot.hidden = none.hidden = true; } };
}
