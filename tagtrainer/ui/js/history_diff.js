// What a change did, in words and marks. Text only ever enters the page as textContent.
const MOST_WORDS = 1500;

// Words, each Chinese character and each run of blanks for itself.
const wordsOf = (text) => text.match(/[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|\s+|[\p{L}\p{N}_'’-]+|[^\s]/gu) || [];

// [['=' | '-' | '+', text], ...] that turns one text into the other: longest common subsequence of words.
function compareWords(before, after) {
  const a = wordsOf(before), b = wordsOf(after);
  if (a.length > MOST_WORDS || b.length > MOST_WORDS) return [['-', before], ['+', after]];
  let head = 0, tail = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  const x = a.slice(head, a.length - tail), y = b.slice(head, b.length - tail), wide = y.length + 1;
  const table = new Uint16Array((x.length + 1) * wide);
  for (let i = x.length - 1; i >= 0; i--) {
    for (let j = y.length - 1; j >= 0; j--) {
      table[i * wide + j] = x[i] === y[j] ? table[(i + 1) * wide + j + 1] + 1 : Math.max(table[(i + 1) * wide + j], table[i * wide + j + 1]);
    }
  }
  const parts = [['=', a.slice(0, head).join('')]];
  const put = (kind, word) => { const last = parts[parts.length - 1]; if (last[0] === kind) last[1] += word; else parts.push([kind, word]); };
  let i = 0, j = 0;
  while (i < x.length || j < y.length) {
    if (i < x.length && j < y.length && x[i] === y[j]) { put('=', x[i]); i++; j++; }
    else if (j >= y.length || (i < x.length && table[(i + 1) * wide + j] >= table[i * wide + j + 1])) put('-', x[i++]);
    else put('+', y[j++]);
  }
  put('=', a.slice(a.length - tail).join(''));
  return parts.filter((part) => part[1] !== '');
}

function captionDiff(before, after, texts) {
  const line = el('div', { class: 'vw-hi-text' });
  if (!before && after) line.append(el('ins', { text: after }));
  else if (before && !after) line.append(el('del', { text: before }), el('em', { class: 'vw-note', text: ' ' + texts.empty }));
  else for (const [kind, text] of compareWords(before, after)) line.append(kind === '=' ? text : el(kind === '-' ? 'del' : 'ins', { text }));
  return line;
}

function cropWords(crop, texts) {
  if (!crop) return texts.whole;
  const [x, y, width, height] = crop;
  return fillText(texts.cropped, { x, y, width, height });
}

// Flags, crops, repeats and control images as sentences.
function itemWords(before, after, texts) {
  const said = [], names = (rows) => (rows || []).map((row) => row.name).join(', ') || texts.no_controls;
  if ('flagged' in after) said.push(after.flagged ? texts.flagged : texts.unflagged);
  if ('repeats' in after) said.push(fillText(texts.repeats, { old: before.repeats, new: after.repeats }));
  if ('crop' in after) said.push(fillText(texts.crop, { old: cropWords(before.crop, texts), new: cropWords(after.crop, texts) }));
  if ('controls' in after) said.push(fillText(texts.controls, { old: names(before.controls), new: names(after.controls) }));
  return said.join(' · ');
}

function rowWords(row, texts) {
  if (row.kind === 'captions') return captionDiff(row.old || '', row.new || '', texts);
  const plain = row.kind === 'items' ? itemWords(row.old || {}, row.new || {}, texts)
    : row.kind === 'delete' ? texts.deleted : row.kind === 'restore' ? texts.restored : texts.added;
  return el('div', { class: 'vw-hi-text', text: plain });
}
