// Places of a list as ranges: small at any size. makeRanges() -> {has, add, toggle, clear, count, list}
function makeRanges() {
  let list = [];

  function add(a, b) {
    let first = Math.min(a, b), last = Math.max(a, b);
    const kept = [];
    for (const range of list) {
      if (range[1] < first - 1 || range[0] > last + 1) kept.push(range);
      else { first = Math.min(first, range[0]); last = Math.max(last, range[1]); }
    }
    kept.push([first, last]);
    list = kept.sort((x, y) => x[0] - y[0]);
  }

  function has(index) {
    let low = 0, high = list.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (index < list[middle][0]) high = middle - 1;
      else if (index > list[middle][1]) low = middle + 1;
      else return true;
    }
    return false;
  }

  function remove(index) {
    list = list.flatMap(([first, last]) => (index < first || index > last ? [[first, last]]
      : [[first, index - 1], [index + 1, last]].filter((part) => part[0] <= part[1])));
  }

  return {
    add, has,
    toggle(index) { if (has(index)) remove(index); else add(index, index); },
    clear() { list = []; },
    get count() { return list.reduce((sum, [first, last]) => sum + last - first + 1, 0); },
    get list() { return list.map((range) => [...range]); },
  };
}

// Notes what is selected for the other views of this dataset: ids while they are few, a filter when it is all of it, else the
// name under which the server keeps it. ask(path, chosen) -> answer of the server. Views hear "tagtrainer:selection".
const FEW = 5000;
async function noteSelection(dataset, chosen, count, filter, ask) {
  const key = 'tagtrainer.selection.' + dataset, mine = noteSelection.ticket = (noteSelection.ticket || 0) + 1;
  let note = null;
  if (chosen.all) note = { filter };
  else if (count && chosen.items && count <= FEW) note = { items: chosen.items };
  else if (count) {
    sessionStorage.setItem(key, '{"pending":true}'); // what was selected before is not what is selected now
    note = await ask(count <= FEW ? 'ids' : 'keep', chosen).catch(() => null);
  }
  if (mine !== noteSelection.ticket) return;
  if (note) sessionStorage.setItem(key, JSON.stringify(note)); else sessionStorage.removeItem(key);
  window.dispatchEvent(new Event('tagtrainer:selection'));
}
