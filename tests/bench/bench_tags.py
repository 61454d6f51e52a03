"""The tag table of 100,000 captions: counting, partners of a tag, and the edits sort and dedupe.

    python -m tests.bench.bench_tags [COUNT]

Prints seconds of CPU and, as a ratio, how many times the cost of splitting every caption at its commas (str.split) each one is.
Aim: table under 20 times, top list and partners under 0.2 s.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from typing import Any

from tagtrainer.datasets.text import tag_table, tags


def captions(count: int, tags_each: int = 20, known: int = 20_000) -> list[str]:
    """Tag captions whose tags are spread as in real sets: few are frequent, many are rare; each tenth is a sentence."""
    chance = random.Random(1)
    words = ["hat", "hair", "sky", "tree", "smile", "dress", "light", "street", "water", "eyes"]
    names = [f"{chance.choice(words)} {chance.choice(words)} {n}" for n in range(known)]
    weights = [1 / (n + 5) for n in range(known)]
    drawn = iter(chance.choices(names, weights, k=count * tags_each))
    texts = [", ".join(next(drawn) for _ in range(tags_each)) for _ in range(count)]
    for n in range(0, count, 10):
        texts[n] = f"zwx, A woman in a {names[n % known]}, standing in the street and looking at the camera."
    return texts


def timed(label: str, work: Callable[[], Any], base: float = 0.0) -> tuple[Any, float]:
    """Run and print; the ratio when there is something to compare with."""
    began = time.process_time()
    result = work()
    took = time.process_time() - began
    print(f"{label:32} {took:7.3f} s" + (f"   {took / base:5.1f} x" if base else ""))
    return result, took


def main(count: int = 100_000) -> None:
    """Make captions, count, look, edit, print."""
    texts = captions(count)
    print(f"{count} captions of {sum(map(len, texts)) / count:.0f} characters")
    _, base = timed("str.split alone", lambda: [[tag.strip() for tag in text.split(",")] for text in texts])
    table, _ = timed("tag table", lambda: tag_table.build(texts), base)
    rows, _ = timed("100 most frequent tags", lambda: table.top(100))
    timed("tags that hold a word, by name", lambda: table.top(100, search="hat", order="name"))
    timed("partners of the most frequent", lambda: table.partners(rows[0].tag))
    timed("captions with two tags", lambda: table.rows_with([rows[0].tag, rows[1].tag]))
    timed("sort all", lambda: [tags.sort(text) for text in texts], base)
    timed("dedupe all", lambda: [tags.dedupe(text) for text in texts], base)
    print(f"{len(table.names)} different tags, {table.sentences} captions with sentences")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
