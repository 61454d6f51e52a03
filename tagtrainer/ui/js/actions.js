// What is done to selected pictures: flag, repeats, delete; one line says what happened and takes it back.
// makeActions(root, {texts, grid, here(path), look(), reload(), onSelect})
function makeActions(root, options) {
  const find = (name) => root.querySelector('.gl-' + name), { texts, grid, here } = options;
  const bar = find('selection'), undo = find('undo'), number = find('repeats-n'), every = find('every');

  function selected(n, total) {
    bar.hidden = n < 1;
    bar.classList.remove('is-asking', 'is-repeating');
    bar.querySelector('span').textContent = fillText(texts.selected, { n });
    every.hidden = n < 1 || n >= total;
    every.textContent = fillText(texts.select_all, { n: total });
  }

  // One line that says what happened, with Undo where there is a change to take back.
  function say(text, entry) {
    undo.hidden = false;
    undo.querySelector('span').textContent = text;
    const back = undo.querySelector('.gl-back');
    back.hidden = !entry;
    back.onclick = () => running || act(async () => {
      const done = await tagtrainer.fetchJson(`history/${encodeURIComponent(options.dataset())}/undo`, { json: { entry } });
      return [fillText(done.conflicts ? texts.undone_but : texts.undone, done), null];
    });
    clearTimeout(say.timer);
    if (!entry) say.timer = setTimeout(() => { undo.hidden = true; }, 8000);
  }

  // What takes long says for how long it has been at it.
  let running = 0;
  function waiting() {
    const since = Date.now();
    return setInterval(() => {
      clearTimeout(say.timer);
      undo.hidden = false;
      undo.querySelector('.gl-back').hidden = true;
      undo.querySelector('span').textContent = fillText(texts.working, { clock: clock((Date.now() - since) / 1000) });
    }, 1000);
  }

  async function act(work) {
    const timer = waiting();
    running++;
    bar.setAttribute('aria-busy', 'true');
    try {
      const [text, entry] = await work();
      await options.reload();
      clearInterval(timer);
      say(text, entry);
    } catch (error) {
      clearInterval(timer);
      say(error.message, null);
      options.reload();
    } finally {
      if (!--running) bar.removeAttribute('aria-busy');
      bar.classList.remove('is-asking', 'is-repeating');
    }
  }

  // On the selection, or on the one picture that is looked at when nothing is selected.
  function send(path, more, text, lone) {
    if (running && grid.count) return undefined; // pressed twice
    const chosen = grid.count || !lone ? grid.selection() : { items: [lone] };
    return act(async () => {
      const done = await tagtrainer.fetchJson(here(path), { json: { ...options.look(), ...chosen, ...more } });
      return [fillText(text, { n: done.count, ...more }), done.count ? done.entry : null];
    });
  }

  function ask(what) {
    if (!grid.count) return;
    bar.hidden = false;
    bar.classList.remove('is-asking', 'is-repeating');
    bar.classList.add(what);
    (what === 'is-asking' ? find('yes') : number).focus();
  }

  // Marks the selection unless all that is known of it is marked already; then the mark goes.
  function flag(item) {
    const on = grid.count ? grid.some((each) => !each.flagged) : item && !item.flagged;
    if (grid.count || item) send('flag', { on }, on ? texts.flagged : texts.unflagged, item && item.id);
  }

  const stop = () => { bar.classList.remove('is-asking', 'is-repeating'); grid.focus(); };
  find('flag').addEventListener('click', () => send('flag', { on: true }, texts.flagged));
  find('unflag').addEventListener('click', () => send('flag', { on: false }, texts.unflagged));
  find('repeats').addEventListener('click', () => ask('is-repeating'));
  find('repeats-go').addEventListener('click', () => {
    const repeats = Math.round(+number.value);
    if (!(repeats >= 1 && repeats <= 10000)) { number.focus(); return; }
    send('repeats', { repeats }, texts.repeated);
    grid.focus();
  });
  number.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') find('repeats-go').click();
    else if (event.key === 'Escape') stop();
  });
  find('delete').addEventListener('click', () => ask('is-asking'));
  find('keep').addEventListener('click', stop);
  find('ask').addEventListener('keydown', (event) => { if (event.key === 'Escape') stop(); });
  find('clear').addEventListener('click', () => grid.clear());
  every.addEventListener('click', () => { grid.all(); grid.focus(); });
  find('yes').addEventListener('click', () => { send('delete', {}, texts.deleted); grid.focus(); });
  undo.querySelector('.gl-close').addEventListener('click', () => { undo.hidden = true; });

  return { selected, say, act, flag, get busy() { return running > 0; }, askDelete: () => ask('is-asking'), hide() { undo.hidden = true; } };
}

// The overlay that lists the keys; Esc or a click closes it and gives the focus back.
function makeHelp(box) {
  let before = null;
  function close() { if (box.hidden) return; box.hidden = true; if (before) before.focus({ preventScroll: true }); }
  box.addEventListener('click', (event) => { if (event.target === box || event.target.closest('button')) close(); });
  box.addEventListener('keydown', (event) => { if (event.key === 'Escape' || event.key === '?') { event.preventDefault(); event.stopPropagation(); close(); } });
  return { open() { before = document.activeElement; box.hidden = false; box.querySelector('button').focus(); }, close };
}
