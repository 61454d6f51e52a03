// Runs: a list and one run, by polling. Polls only while this tab of a visible page is shown; text goes in as text only.
const root = element.querySelector('.rn'), $ = (name) => root.querySelector('.rn-' + name);
const texts = JSON.parse(root.dataset.texts), fetchJson = tagtrainer.fetchJson;
let chosen = localStorage.getItem('tagtrainer.run') || '', run = null, offset = null, revision = '', curves = [], ticks = 0, acting = '';
const KEEP_LINES = 5000;

const make = (tag, className, text) => { const made = document.createElement(tag); if (className) made.className = className; if (text !== undefined) made.textContent = text; return made; };
const time = (s) => { if (s === null || s === undefined || !isFinite(s)) return '–'; s = Math.round(s); const h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60; return h ? `${h}:${String(m).padStart(2, '0')}:${String(s % 60).padStart(2, '0')}` : `${m}:${String(s % 60).padStart(2, '0')}`; };
const number = (x) => x === null || x === undefined ? '–' : x >= 100 ? x.toFixed(0) : x >= 1 ? x.toFixed(2) : x.toPrecision(3);
const shown = () => !document.hidden && root.isConnected && root.offsetParent !== null;
const put = (node, text) => { if (node.textContent !== text) node.textContent = text; };

function choose(id) {
  if (chosen !== id || !run) { chosen = id; run = null; offset = null; revision = ''; curves = []; acting = ''; $('log').value = ''; $('grid').replaceChildren(); $('grid').dataset.seen = ''; }
  localStorage.setItem('tagtrainer.run', id);
  ticks = 0;
  poll();
}

function drawList(runs) {
  const key = JSON.stringify(runs.map((r) => [r.id, r.status, Math.round((r.share || 0) * 50), r.id === chosen]));
  const list = $('list');
  if (list.dataset.key === key) return;
  list.dataset.key = key;
  const focus = document.activeElement && list.contains(document.activeElement) ? document.activeElement.dataset.id : null;
  list.replaceChildren(...runs.map((r) => {
    const row = make('button', 'rn-row is-' + r.status);
    row.type = 'button'; row.dataset.id = r.id;
    row.setAttribute('aria-current', r.id === chosen);
    const when = new Date(r.created * 1000).toLocaleString(document.documentElement.lang || undefined, { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
    row.append(make('b', '', r.title), make('span', 'rn-kind', r.kind_label + (r.rehearsal ? ' · ' + texts.rehearsal : '') + ' · ' + when), make('em', '', r.status_label));
    if (r.status === 'running' && r.share !== null) { const bar = make('i'); bar.style.width = (r.share * 100).toFixed(1) + '%'; row.append(bar); }
    row.addEventListener('click', () => choose(r.id));
    return row;
  }));
  if (focus) list.querySelector(`[data-id="${CSS.escape(focus)}"]`)?.focus();
}

function drawRun() {
  const view = run.view;
  put($('title'), run.title);
  put($('sub'), [run.kind_label, run.rehearsal ? texts.rehearsal_long : '', run.id].filter(Boolean).join(' · '));
  root.classList.toggle('is-rehearsal', run.rehearsal);
  const stages = $('stages'), key = JSON.stringify(view.stages.map((s) => [s.label, s.state, s.seconds && Math.round(s.seconds)]));
  if (stages.dataset.key !== key) {
    stages.dataset.key = key;
    stages.replaceChildren(...view.stages.map((s) => { const li = make('li', 'is-' + s.state, s.label); if (s.seconds) li.append(make('span', '', ' ' + time(s.seconds))); return li; }));
  }
  const bar = $('bar'), active = run.status === 'running' || run.status === 'queued';
  bar.hidden = !active;
  if (view.total) { bar.max = view.total; bar.value = view.step || 0; } else bar.removeAttribute('value');
  const facts = [[texts.step, view.total ? `${view.step ?? 0} / ${view.total}` : '–']];
  if (run.training) facts.push([texts.epoch, view.epochs ? `${view.epoch ?? 0} / ${view.epochs}` : '–'], [texts.loss, view.loss_text || '–']);
  facts.push([texts.pace, view.seconds_per_step ? (view.seconds_per_step < 1 ? `${number(1 / view.seconds_per_step)} it/s` : `${number(view.seconds_per_step)} s/it`) : '–'], [texts.elapsed, time(view.elapsed)]);
  if (active) facts.push([texts.eta, time(view.eta)]);
  $('facts').replaceChildren(...facts.map(([name, value]) => { const box = make('div'); box.append(make('dt', '', name), make('dd', '', value)); return box; }));
  put($('message'), (run.wish && run.status === 'running') ? texts.stopping : view.message || '');
  $('message').classList.toggle('is-failed', run.status === 'failed');
  if (acting && acting !== run.status) acting = '';
  $('stop').hidden = !run.can_stop; $('stop').disabled = !!acting || run.wish;
  $('stop').title = texts.stop_note;
  $('again').hidden = run.can_stop; $('again').disabled = !!acting;
  $('reuse').hidden = !run.training; $('reuse').title = texts.reuse_note;
  $('delete').hidden = run.can_stop; $('delete').disabled = !!acting;
  put($('again'), run.status === 'pending' ? texts.begin : run.status === 'completed' ? texts.once_more : texts.again);
}

async function readLog(id) {
  for (let piece = 0; piece < 40; piece++) {
    const data = await fetchJson(`runs/${id}/log` + (offset === null ? '' : `?offset=${offset}`));
    if (id !== chosen) return;
    const box = $('log'), atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 30;
    if (offset !== null && data.start !== offset) box.value = '';
    offset = data.end;
    if (data.text) {
      let all = box.value + data.text;
      const lines = all.split('\n');
      if (lines.length > KEEP_LINES * 1.2) all = lines.slice(-KEEP_LINES).join('\n');
      const top = box.scrollTop;
      box.value = all;
      box.scrollTop = atEnd ? box.scrollHeight : top;
    }
    $('bottom').hidden = box.scrollHeight - box.scrollTop - box.clientHeight < 30;
    if (data.end >= data.size || !data.text) return;
  }
}

async function readCurves(id) {
  const data = await fetchJson(`runs/${id}/curves?revision=${encodeURIComponent(revision)}`);
  if (id !== chosen || !data.curves) return;
  revision = data.revision; curves = data.curves;
  $('plots').hidden = !curves.length;
  $('csv').href = tagtrainer.url(`runs/${id}/curves.csv`);
  drawPlots();
}

async function readResults(id) {
  const [samples, saved] = await Promise.all([fetchJson(`runs/${id}/samples`), fetchJson(`runs/${id}/checkpoints`)]);
  if (id !== chosen) return;
  drawSamples(samples); drawCheckpoints(saved);
}

function drawSamples({ prompts, rows }) {
  $('samples').hidden = !rows.length;
  const grid = $('grid'), key = JSON.stringify(rows);
  if (grid.dataset.seen === key) return;
  grid.dataset.seen = key;
  grid.style.gridTemplateColumns = `max-content repeat(${prompts.length}, minmax(110px, 200px))`;
  const head = [make('span')].concat(prompts.map((p) => { const cell = make('span', 'rn-prompt', p); cell.title = p; return cell; }));
  const body = rows.slice().reverse().flatMap((row) => [make('span', 'rn-moment', row.label)].concat(row.cells.map((cell, i) => {
    if (!cell) return make('span', 'rn-hole', '·');
    const src = tagtrainer.url(`runs/${run.id}/sample/${encodeURIComponent(cell.file)}?v=${cell.v}`);
    if (cell.video) { const clip = make('video'); clip.src = src; clip.controls = true; clip.muted = true; return clip; }
    const button = make('button', 'rn-shot'), img = make('img');
    button.type = 'button'; img.loading = 'lazy'; img.alt = `${row.label}: ${prompts[i] || ''}`; img.src = src;
    button.append(img);
    button.addEventListener('click', () => { const large = $('large'); large.querySelector('img').src = src; put(large.querySelector('figcaption'), img.alt); large.hidden = false; });
    return button;
  })));
  grid.replaceChildren(...head, ...body);
}
$('large').addEventListener('click', () => { $('large').hidden = true; });
document.addEventListener('keydown', (event) => { if (event.key === 'Escape') $('large').hidden = true; });

function drawCheckpoints({ checkpoints, states }) {
  $('checkpoints').hidden = !checkpoints.length;
  const body = $('checkpoints').querySelector('tbody'), key = JSON.stringify([checkpoints, states]);
  if (body.dataset.key === key) return;
  body.dataset.key = key;
  body.replaceChildren(...checkpoints.slice().reverse().map((c) => {
    const row = make('tr'), name = make('td'), link = make('a', 'rn-link', c.file);
    link.href = tagtrainer.url(`runs/${run.id}/checkpoint/${encodeURIComponent(c.file)}`); link.download = c.file;
    name.append(c.complete ? link : make('span', '', c.file));
    const moment = c.kind === 'final' ? texts.final : c.epoch !== null && c.epoch !== undefined ? texts.epoch_n.replace('{n}', c.epoch) : c.step ? texts.step_n.replace('{n}', c.step) : '';
    row.append(name, make('td', '', moment), make('td', '', c.size));
    return row;
  }));
  put($('states'), states ? texts.states.replace('{n}', states) : '');
}

// Where the axis ends: a few spikes of single steps must not press all the rest flat. They run out at the top.
function topOf(values, spiky) {
  const sorted = values.sort((a, b) => a - b), most = sorted[sorted.length - 1] ?? -Infinity;
  if (!spiky || sorted.length < 50) return most;
  const usual = sorted[Math.floor(sorted.length * 0.99)], reach = sorted[0] + (usual - sorted[0]) * 1.6;
  return most > reach ? reach : most;
}

function plot(canvas, lines, { logAxis = false } = {}) {
  const ratio = devicePixelRatio || 1, width = canvas.clientWidth, height = Number(canvas.getAttribute('height')) || 200;
  if (!width) return null;
  const tall = canvas.dataset.tall ? Number(canvas.dataset.tall) : (canvas.dataset.tall = height, height);
  canvas.width = width * ratio; canvas.height = tall * ratio; canvas.style.height = tall + 'px';
  const c = canvas.getContext('2d'), style = getComputedStyle(root), left = 58, right = 10, top = 8, bottom = 20;
  c.scale(ratio, ratio);
  const scale = (v) => logAxis ? Math.log10(v) : v, usable = (v) => v !== null && isFinite(v) && (!logAxis || v > 0);
  let low = Infinity, high = -Infinity, first = Infinity, last = -Infinity;
  for (const line of lines) line.steps.forEach((s, i) => { const v = line.values[i]; if (usable(v)) { low = Math.min(low, scale(v)); high = Math.max(high, scale(v)); } first = Math.min(first, s); last = Math.max(last, s); });
  if (!isFinite(low)) return null;
  high = Math.max(low, ...lines.map((line) => topOf(line.values.filter(usable).map(scale), line.spiky)));
  if (high - low < 1e-12) { const pad = Math.abs(high) * 0.1 || 1; low -= pad; high += pad; }
  const x = (s) => left + (last === first ? 0.5 : (s - first) / (last - first)) * (width - left - right);
  const y = (v) => top + (1 - (scale(v) - low) / (high - low)) * (tall - top - bottom);
  c.font = '11px ' + style.fontFamily; c.lineWidth = 1;
  c.fillStyle = style.getPropertyValue('--body-text-color-subdued'); c.strokeStyle = style.getPropertyValue('--border-color-primary');
  const rows = tall > 120 ? 4 : 2;
  for (let i = 0; i <= rows; i++) {
    const v = low + (high - low) * i / rows, at = top + (1 - i / rows) * (tall - top - bottom), value = logAxis ? 10 ** v : v;
    c.beginPath(); c.moveTo(left, at); c.lineTo(width - right, at); c.stroke();
    c.textAlign = 'right'; c.fillText(Math.abs(value) < 1e-3 || Math.abs(value) >= 1e4 ? value.toExponential(1) : value.toPrecision(3), left - 6, at + 4);
  }
  c.textAlign = 'left'; c.fillText(String(first), left, tall - 5); c.textAlign = 'right'; c.fillText(String(last), width - right, tall - 5);
  c.save(); c.beginPath(); c.rect(left, top - 1, width - left - right, tall - top - bottom + 2); c.clip();
  for (const line of lines) {
    c.beginPath(); c.strokeStyle = line.colour; c.globalAlpha = line.alpha ?? 1; c.lineWidth = line.width ?? 1.6;
    let pen = false;
    line.steps.forEach((s, i) => { const v = line.values[i]; if (!usable(v)) { pen = false; return; } pen ? c.lineTo(x(s), y(v)) : c.moveTo(x(s), y(v)); pen = true; });
    c.stroke(); c.globalAlpha = 1;
    if (line.steps.length === 1 && usable(line.values[0])) { c.beginPath(); c.fillStyle = line.colour; c.arc(x(line.steps[0]), y(line.values[0]), 3, 0, 7); c.fill(); }
  }
  c.restore();
  return { first, last, left, right, width };
}

let area = null;
function drawPlots() {
  const accent = getComputedStyle(root).getPropertyValue('--color-accent') || '#0f766e';
  const loss = curves.find((c) => c.kind === 'loss'), rates = curves.filter((c) => c.kind === 'rate');
  if (loss) {
    const lines = [];
    if ($('raw').checked) lines.push({ steps: loss.steps, values: loss.values, colour: accent, alpha: 0.35, width: 1, spiky: true });
    lines.push({ steps: loss.steps, values: loss.ema, colour: accent, width: 2 });
    area = plot($('loss'), lines, { logAxis: $('log-axis').checked });
  }
  if (rates.length) plot($('rate'), rates.map((r, i) => ({ steps: r.steps, values: r.values, colour: i ? '#c98a1b' : accent })));
}
$('raw').addEventListener('change', drawPlots); $('log-axis').addEventListener('change', drawPlots);
new ResizeObserver(() => { if (curves.length) drawPlots(); }).observe($('loss'));
$('loss').addEventListener('pointermove', (event) => {
  const loss = curves.find((c) => c.kind === 'loss');
  if (!loss || !area) return;
  const step = area.first + (event.offsetX - area.left) / (area.width - area.left - area.right) * (area.last - area.first);
  let best = 0;
  loss.steps.forEach((s, i) => { if (Math.abs(s - step) < Math.abs(loss.steps[best] - step)) best = i; });
  put($('hover'), `${texts.step} ${loss.steps[best]}: ${number(loss.values[best])} (${number(loss.ema[best])})`);
});
$('loss').addEventListener('pointerleave', () => put($('hover'), ''));
$('bottom').addEventListener('click', () => { $('log').scrollTop = $('log').scrollHeight; $('bottom').hidden = true; });
$('log').addEventListener('scroll', () => { const box = $('log'); $('bottom').hidden = box.scrollHeight - box.scrollTop - box.clientHeight < 30; });

async function act(name, question) {
  if (!run || acting || (question && !confirm(question))) return;
  acting = run.status;
  drawRun();
  try {
    const data = await fetchJson(`runs/${run.id}/${name}`, { method: 'POST', json: {} });
    if (name === 'delete') { chosen = ''; run = null; }
    else { offset = null; revision = ''; curves = []; $('log').value = ''; chosen = data.run || chosen; }
  } catch (error) { acting = ''; put($('message'), error.message); $('message').classList.add('is-failed'); return; }
  setTimeout(() => { acting = ''; }, 15000);
  ticks = 0;
  poll();
}
$('stop').addEventListener('click', () => act('stop', texts.stop_ask));
$('again').addEventListener('click', () => act('again'));
$('reuse').addEventListener('click', () => {
  localStorage.setItem('tagtrainer.run', run.id);
  document.querySelector('#training_reuse')?.click();
  document.querySelector('#tab_training-button')?.click();
});
$('delete').addEventListener('click', () => act('delete', texts.delete_ask));

let polling = false;
async function poll() {
  if (polling || !shown()) return;
  polling = true;
  try {
    const wanted = localStorage.getItem('tagtrainer.run');
    if (wanted && wanted !== chosen && !run) chosen = wanted;
    const { runs } = await fetchJson('runs');
    $('none').hidden = runs.length > 0;
    if (!runs.some((r) => r.id === chosen)) { chosen = runs.length ? runs[0].id : ''; run = null; offset = null; revision = ''; }
    drawList(runs);
    $('view').hidden = !chosen;
    if (chosen) {
      const id = chosen, before = run && run.status, data = await fetchJson(`runs/${id}`);
      if (id === chosen) {
        run = data; drawRun();
        const live = run.status === 'running' || before !== run.status || ticks === 0;
        if (live) await readLog(id);
        if (run.training && live) { await readCurves(id); if (ticks % 4 === 0 || before !== run.status) await readResults(id); }
        if (!run.training) { $('plots').hidden = $('samples').hidden = $('checkpoints').hidden = true; }
      }
    }
    ticks++;
  } catch (error) { put($('message'), error.message || String(error)); }
  polling = false;
}
window.tagtrainer.showRun = choose;
setInterval(() => {
  const wanted = localStorage.getItem('tagtrainer.run');
  if (shown() && wanted && wanted !== chosen) choose(wanted); else poll();
}, 1000);
document.addEventListener('visibilitychange', () => { ticks = 0; poll(); });
new ResizeObserver(() => { if (shown()) { ticks = 0; poll(); } }).observe(root);
poll();
