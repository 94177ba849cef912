"""The commands `python -m models …`, which `kodopis models …` mounts too.

Owns: what these commands print. `add_commands` hangs them under any `Parser`; each sets `run`, a function of the
parsed arguments that gives the exit code (0 done, 1 failed). For programs: `--json`, and `get --progress json`, which
prints one event a line.
"""

from __future__ import annotations

import argparse
import errno
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from models.catalog import Catalog
from models.console import Parser, guarded, print_json, survive_any_console
from models.entry import ModelEntry
from models.errors import ModelError
from models.messages import (
    ADDED,
    CANNOT_WRITE,
    DISK_FULL,
    FILE_IN_USE,
    HELP_ADD,
    HELP_ADD_BASE,
    HELP_ADD_ID,
    HELP_ADD_PATH,
    HELP_EXIT_CODES,
    HELP_GET,
    HELP_JSON,
    HELP_LIST,
    HELP_MODEL,
    HELP_MODELS,
    HELP_PATH,
    HELP_PROGRESS,
    HELP_REMOVE,
    HELP_REMOVED_MODEL,
    HELP_VERIFY,
    LIST_AUTO,
    LIST_INSTALLED,
    MEGABYTES,
    NOTHING_REMOVED,
    REMOVED,
    UNKNOWN_MODEL,
    VERIFIED,
    Message,
)
from models.store import Store


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command of `python -m models`; give its exit code."""
    survive_any_console()
    return guarded(lambda: _main(argv))


def _main(argv: Sequence[str] | None) -> int:
    parser = Parser(prog="python -m models", description=HELP_MODELS(), epilog=HELP_EXIT_CODES())
    add_commands(parser)
    args = parser.parse_args(argv)
    run: Callable[[argparse.Namespace], int] = args.run
    return run(args)


def add_commands(parser: Parser) -> None:
    """Hang all commands about models under `parser`."""
    commands = parser.add_commands()

    def command(name: str, help_text: Message, run: Callable[[argparse.Namespace], int]) -> Parser:
        sub = commands.add_parser(name, help=help_text(), description=help_text(), epilog=HELP_EXIT_CODES())
        sub.set_defaults(run=_reporting_errors(run))
        return sub

    command("list", HELP_LIST, _list).options.add_argument("--json", action="store_true", help=HELP_JSON())
    get = command("get", HELP_GET, _get)
    get.arguments.add_argument("model", nargs="?", default="auto", help=HELP_MODEL())
    get.options.add_argument("--progress", choices=("bar", "json", "none"), default="bar", help=HELP_PROGRESS())
    for name, help_text, run in (("verify", HELP_VERIFY, _verify), ("path", HELP_PATH, _path)):
        sub = command(name, help_text, run)
        sub.arguments.add_argument("model", nargs="?", default="auto", help=HELP_MODEL())
        sub.options.add_argument("--json", action="store_true", help=HELP_JSON())
    add = command("add", HELP_ADD, _add)
    add.arguments.add_argument("path", type=Path, help=HELP_ADD_PATH())
    add.options.add_argument("--id", default="", help=HELP_ADD_ID())
    add.options.add_argument("--base", default="", help=HELP_ADD_BASE())
    add.options.add_argument("--json", action="store_true", help=HELP_JSON())
    remove = command("remove", HELP_REMOVE, _remove)
    remove.arguments.add_argument("model", help=HELP_REMOVED_MODEL())
    remove.options.add_argument("--json", action="store_true", help=HELP_JSON())


def _reporting_errors(run: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    def reporting(args: argparse.Namespace) -> int:
        try:
            return run(args)
        except BrokenPipeError:  # nobody reads any more: for `guarded`
            raise
        except (ModelError, OSError) as error:
            told = error if isinstance(error, ModelError) else _as_model_error(error)
            if getattr(args, "json", False):
                print_json({"error": {"code": told.code, "message": str(told)}})
            else:
                print(told, file=sys.stderr)
            return 1

    return reporting


def _as_model_error(error: OSError) -> ModelError:
    folder = Store().folder
    if error.errno == errno.ENOSPC:
        return ModelError("no-space", DISK_FULL, folder=folder)
    if isinstance(error, PermissionError):  # on Windows also for a file that an engine has open
        return ModelError("in-use", FILE_IN_USE, reason=error)
    return ModelError("cannot-write", CANNOT_WRITE, folder=folder, reason=error)


def _list(args: argparse.Namespace) -> int:
    catalog, store = Catalog.load(), Store()
    chosen = catalog.resolve("auto")
    if args.json:
        print_json([_as_json(entry, store, chosen) for entry in catalog.entries])
        return 0
    for entry in catalog.entries:
        marks = [MEGABYTES(size=round(entry.size_bytes / 1e6)), entry.licence]
        marks += [LIST_INSTALLED()] if store.is_installed(entry) else []
        print(f"{entry.id}  [{', '.join(mark for mark in marks if mark)}]\n    {entry.title}. {entry.description()}")
    print(LIST_AUTO(id=chosen.id))
    return 0


def _as_json(entry: ModelEntry, store: Store, chosen: ModelEntry) -> dict[str, object]:
    return {
        "id": entry.id,
        "title": entry.title,
        "description": entry.description(),
        "installed": store.is_installed(entry),
        "auto": entry.id == chosen.id,
        "path": str(store.path(entry)),
        "size_bytes": entry.size_bytes,
        "licence": entry.licence,
        "licence_url": entry.licence_url,
        "source_url": entry.source_url,
    }


def _get(args: argparse.Namespace) -> int:
    from models.get import get_model  # noqa: PLC0415 - brings httpx; --help does without

    return get_model(args.model, args.progress)


def _verify(args: argparse.Namespace) -> int:
    entry, store = Catalog.load().resolve(args.model), Store()
    store.verify(entry, again=True)
    if args.json:
        print_json({"id": entry.id, "path": str(store.path(entry)), "whole": True})
    else:
        print(VERIFIED(path=store.path(entry)))
    return 0


def _path(args: argparse.Namespace) -> int:
    entry, store = Catalog.load().resolve(args.model), Store()
    store.require(entry)
    if args.json:
        print_json({"id": entry.id, "path": str(store.path(entry))})
    else:
        print(store.path(entry))
    return 0


def _add(args: argparse.Namespace) -> int:
    from models.own import add_file  # noqa: PLC0415 - brings tomlkit

    added = add_file(args.path, Catalog.load(), Store(), own_id=args.id, base=args.base)
    if args.json:
        print_json({"kind": added.kind, "id": added.id, "path": str(added.path)})
    else:
        print(ADDED[added.kind](id=added.id))
    return 0


def _remove(args: argparse.Namespace) -> int:
    from models.own import forget  # noqa: PLC0415 - brings tomlkit

    store, removed_id = Store(), args.model
    if not removed_id.strip():  # an empty variable of a script: not what `auto` means
        raise ModelError("unknown-model", UNKNOWN_MODEL, name="", known=", ".join(e.id for e in Catalog.load().entries))
    # What was downloaded goes before the entry that says where it lies. Else an entry of the user's own goes first: it
    # may stand before one of ours with the same id.
    removed = _remove_download(removed_id, store) or forget(removed_id, store)
    if not removed:
        entry = Catalog.load().resolve(removed_id)
        removed, removed_id = store.remove(entry), entry.id
    if args.json:
        print_json({"id": removed_id, "removed": removed})
    else:
        print((REMOVED if removed else NOTHING_REMOVED)(id=removed_id))
    return 0 if removed else 1


def _remove_download(model_id: str, store: Store) -> bool:
    """Delete what was downloaded for an entry; False where it is no such entry, or the catalog has mistakes."""
    try:
        entry = Catalog.load().get(model_id)
    except ModelError:  # an entry can be forgotten for what is wrong with it
        return False
    return entry is not None and not entry.is_local and store.remove(entry)
