"""Where rows come from: files of this machine, sets on the hub, our own corpus."""

from __future__ import annotations

from collections.abc import Iterator

from finetune.data.rows import Dropped, Row, row_of
from finetune.data.sources.corpus import read_corpus
from finetune.data.sources.files import read_items
from finetune.data.sources.hub import read_hub
from finetune.outside import CORPUS, is_local, source_file
from finetune.recipe import Source


def read_rows(source: Source) -> Iterator[Row | Dropped]:
    """All rows of a source, in order; unusable ones as `Dropped`.

    Raises:
        FinetuneError: `data-missing`, `columns-missing`, `not-json`, `hub-unreachable`.
    """
    if source.path == CORPUS:
        yield from read_corpus()
        return
    is_here = is_local(source.path) or source_file(source.path).is_file()
    taken = 0
    for number, item in enumerate(read_items(source.path) if is_here else read_hub(source), 1):
        if source.limit is not None and taken >= source.limit:
            return
        if isinstance(item, str):
            yield Dropped(source.path, number, item)
            continue
        taken += 1
        yield row_of(source, number, item)
