// Brings pictures in: dropped or chosen files are uploaded one request each, then imported by a background job.
// makeIntake(root, {texts, dataset(), onChange(), onToggle()})
function makeIntake(root, options) {
  const find = (name) => root.querySelector('.gl-' + name), texts = options.texts;
  const panel = find('add'), job = find('job'), report = find('report'), bar = job.querySelector('progress');
  const words = job.querySelector('span'), stop = job.querySelector('button'), path = find('path'), go = find('path-go');
  const SIDE_BY_SIDE = 3;
  const SEEN = 'tagtrainer.import_seen';
  let run = 0, onStop = null, shown = '';

  for (const [name, folder] of [['files', false], ['folder', true]]) {
    const input = document.createElement('input');
    input.type = 'file';
    input.multiple = true;
    input.webkitdirectory = folder;
    input.className = 'gl-input-' + name;
    input.hidden = true;
    find('choose-' + name).addEventListener('click', () => input.click());
    input.addEventListener('change', () => {
      upload([...input.files].map((file) => ({ file, path: file.webkitRelativePath || file.name })));
      input.value = '';
    });
    panel.append(input);
  }

  let depth = 0;
  const carries = (event) => event.dataTransfer && [...event.dataTransfer.types].includes('Files') && options.dataset();
  const hover = (on) => root.classList.toggle('is-over', on);
  root.addEventListener('dragenter', (event) => { if (carries(event)) { event.preventDefault(); depth++; hover(true); } });
  root.addEventListener('dragover', (event) => { if (carries(event)) event.preventDefault(); });
  root.addEventListener('dragleave', () => { depth = Math.max(0, depth - 1); if (!depth) hover(false); });
  root.addEventListener('drop', async (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    depth = 0;
    hover(false);
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry && item.webkitGetAsEntry()).filter(Boolean);
    const files = [];
    if (entries.length) for (const entry of entries) await walk(entry, '', files);
    else for (const file of event.dataTransfer.files) files.push({ file, path: file.name });
    upload(files);
  });

  async function walk(entry, folder, files) {
    if (entry.isFile) {
      const file = await new Promise((done) => entry.file(done, () => done(null)));
      if (file) files.push({ file, path: folder + file.name });
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((done) => reader.readEntries(done, () => done([])));
      if (!some.length) return;
      for (const child of some) await walk(child, folder + entry.name + '/', files);
    }
  }

  function show(text, n, total, stopper) {
    job.hidden = false;
    words.textContent = text;
    if (total) { bar.max = total; bar.value = n; } else bar.removeAttribute('value');
    stop.hidden = !stopper;
    onStop = stopper;
  }
  stop.addEventListener('click', () => { stop.hidden = true; if (onStop) onStop(); });

  // `shown` is the import that the report is about: once dismissed it does not come back with a reload.
  function tell(sentence, files, again, about = '') {
    shown = about;
    job.hidden = true;
    report.hidden = false;
    const line = document.createElement('p'), close = document.createElement('button');
    line.textContent = sentence;
    close.type = 'button';
    close.className = 'gl-link';
    close.textContent = texts.dismiss;
    close.addEventListener('click', () => { report.hidden = true; if (shown) localStorage.setItem(SEEN, shown); });
    const parts = [line];
    if (files && files.length) {
      const list = document.createElement('ul');
      for (const { file, reason } of files) {
        const row = document.createElement('li'), name = document.createElement('b');
        name.textContent = file;
        row.append(name, ' ', reason);
        list.append(row);
      }
      parts.push(list);
    }
    if (again) {
      const button = document.createElement('button');
      button.type = 'button';
      button.className = 'gl-link';
      button.textContent = texts.again;
      button.addEventListener('click', () => { report.hidden = true; again(); });
      parts.push(button, ' ');
    }
    report.replaceChildren(...parts, close);
  }

  async function upload(files) {
    const dataset = options.dataset(), mine = ++run;
    if (!dataset || !files.length) return;
    report.hidden = true;
    const id = 'u' + Date.now().toString(36) + Math.random().toString(36).slice(2, 10), all = files.reduce((sum, f) => sum + f.file.size, 0);
    const failed = [], cut = new AbortController(), queue = [...files];
    let done = 0, bytes = 0, fatal = '';
    const note = () => show(fillText(texts.uploading, { n: done, total: files.length, done: size(bytes), all: size(all) }), bytes, all || 1,
      () => cut.abort());
    async function one({ file, path }) {
      const to = `imports/${encodeURIComponent(dataset)}/upload/${id}?name=${encodeURIComponent(path)}`;
      for (let attempt = 0; ; attempt++) {
        try {
          await tagtrainer.fetchJson(to, { method: 'PUT', body: file, signal: cut.signal });
          break;
        } catch (error) {
          if (cut.signal.aborted) return;
          if (error.key === 'core.disk_full') { fatal = error.message; cut.abort(); return; }
          if (attempt >= 2 || (error.status && error.status < 500)) { failed.push({ file: path, reason: error.status ? error.message : texts.upload_failed }); break; }
          await new Promise((wait) => setTimeout(wait, 500 * (attempt + 1)));
        }
      }
      done++;
      bytes += file.size;
      note();
    }
    note();
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, async () => { while (queue.length && !cut.signal.aborted) await one(queue.shift()); }));
    if (mine !== run) return;
    if (fatal || cut.signal.aborted) return tell(fatal || texts.upload_stopped);
    if (failed.length === files.length) return tell(texts.nothing_uploaded, failed);
    await begin(dataset, { upload: id }, failed);
  }

  async function begin(dataset, wanted, failed = []) {
    show(texts.starting, 0, 0, null);
    try {
      const { task } = await tagtrainer.fetchJson('imports/' + encodeURIComponent(dataset), { json: wanted });
      watch(dataset, task, failed);
      return true;
    } catch (error) {
      tell(error.message, failed);
      return false;
    }
  }

  async function watch(dataset, task, failed = []) {
    const mine = ++run, base = 'imports/' + encodeURIComponent(dataset);
    let misses = 0, counted = -1;
    while (mine === run && options.dataset() === dataset) {
      let view = null;
      try { view = await tagtrainer.fetchJson(`${base}?task=${encodeURIComponent(task)}`); misses = 0; }
      catch (error) { if (error.status || ++misses > 60) { tell(error.message); return; } }
      if (mine !== run || options.dataset() !== dataset) return;
      if (view && !active(view)) { finish(dataset, view, failed); return; }
      if (view) {
        show(fillText(view.status === 'running' ? texts.importing : texts.waiting, { n: view.n, total: view.total ?? '…', clock: clock(view.seconds) }),
          view.n, view.total, () => tagtrainer.fetchJson(`${base}/stop/${encodeURIComponent(task)}`, { json: {} }).catch(() => {}));
        if (view.n !== counted) { counted = view.n; options.onChange(); }
      }
      await new Promise((wait) => setTimeout(wait, 700));
    }
    job.hidden = true;
  }

  async function finish(dataset, view, failed) {
    await options.onChange(true);
    const again = () => tagtrainer.fetchJson(`imports/${encodeURIComponent(dataset)}/again/${encodeURIComponent(view.task)}`, { json: {} })
      .then(({ task }) => watch(dataset, task), (error) => tell(error.message));
    if (view.status === 'stopped') return tell(texts.stopped, [], again, view.task);
    if (view.status === 'failed') return tell(fillText(texts.failed, { reason: view.reason }), [], again, view.task);
    const seen = view.report || { added: 0, duplicates: 0, captions: 0, skipped: [], more: 0 };
    const skipped = [...failed, ...seen.skipped];
    if (!seen.added && !seen.duplicates && !seen.controls && !skipped.length) return tell(texts.nothing_there, [], null, view.task);
    let text = fillText(texts.done, { added: seen.added, captions: seen.captions, clock: clock(view.seconds) });
    if (seen.took) text += ' ' + seen.took;
    if (seen.controls) text += ' ' + fillText(texts.controls, { n: seen.controls });
    if (seen.duplicates) text += ' ' + fillText(texts.duplicates, { n: seen.duplicates });
    if (skipped.length) text += ' ' + fillText(texts.skipped, { n: skipped.length + seen.more });
    options.onToggle(false);
    tell(text, skipped, null, view.task);
  }

  function active(view) { return ['pending', 'queued', 'running'].includes(view.status); }


  go.addEventListener('click', async () => {
    if (!path.value.trim()) { path.focus(); return; }
    report.hidden = true;
    if (await begin(options.dataset(), { path: path.value })) path.value = '';
  });
  path.addEventListener('keydown', (event) => { if (event.key === 'Enter') { event.preventDefault(); go.click(); } });

  return {
    // Another dataset is shown: its import is watched again, or what came of it is told until that was dismissed.
    async attach(dataset) {
      run++;
      job.hidden = report.hidden = true;
      if (!dataset) return;
      const view = await tagtrainer.fetchJson('imports/' + encodeURIComponent(dataset)).catch(() => null);
      if (!view || !view.task || options.dataset() !== dataset) return;
      if (active(view) || localStorage.getItem(SEEN) !== view.task) watch(dataset, view.task);
    },
  };
}
