"""Ghost text in a real Neovim: it comes, grows, keeps to what is typed, is taken, and goes."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from .editor import NAMESPACES, Editor, Settings, StartEditor

pytestmark = pytest.mark.editor

ADD = "def add(a, b):\n    total = a + b\n    return total"
COMMENT = "# сложи два числа"
SLOW = "# сложи два числа, по шагам"


def ask(editor: Editor, comment: str = COMMENT) -> None:
    editor.keys(f"i{comment}<CR>")


def test_a_comment_becomes_code_that_runs(editor: Editor) -> None:
    path = editor.open("сумма.py")
    ask(editor)
    editor.wait_for_ghost(ADD)
    assert editor.lines == [COMMENT, ""]
    editor.keys("<Tab>")
    editor.wait(lambda: editor.lines[1:] == ADD.split("\n"), "code in the buffer")
    assert editor.ghosts == []
    editor.keys("<Esc>:write<CR>")
    editor.wait(lambda: path.read_text(encoding="utf-8") == f"{COMMENT}\n{ADD}\n", "file on the disk")
    program = f"import runpy; print(runpy.run_path({str(path)!r})['add'](2, 3))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "5"


def test_the_ghost_text_grows(editor: Editor) -> None:
    editor.open("рост.py")
    ask(editor)
    seen: list[str] = []

    def grown() -> bool:
        ghost = editor.ghost
        if ghost and (not seen or seen[-1] != ghost):
            seen.append(ghost)
        return ghost == ADD

    editor.wait(grown, "whole ghost text")
    assert len(seen) >= 2
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(seen))


def test_typing_what_it_says_keeps_it(editor: Editor) -> None:
    editor.open("набор.py")
    ask(editor)
    editor.wait_for_ghost(ADD)
    editor.keys("def add")
    editor.wait_for_ghost(ADD.removeprefix("def add"))
    editor.keys("<Tab>")
    editor.wait(lambda: editor.lines[1:] == ADD.split("\n"), "code in the buffer")


def test_typing_ahead_while_it_grows(editor: Editor) -> None:
    editor.open("вперёд.py")
    ask(editor, SLOW)
    editor.wait(lambda: editor.ghost.startswith("def slow"), "first words")
    editor.keys("def slow(a, b):<CR>")
    assert editor.lines[1] == "def slow(a, b):"
    editor.keys("<C-u>    fir")
    editor.wait_for_ghost("st = a\n    second = b\n    return first + second")


def test_typing_something_else_drops_it(editor: Editor) -> None:
    editor.open("иначе.py")
    ask(editor)
    editor.wait_for_ghost(ADD)
    editor.keys("x")
    editor.wait(lambda: editor.lines[1] == "x", "typed text")
    assert editor.ghosts == []
    editor.keys("<Tab>")
    editor.wait(lambda: editor.lines[1] != "x", "a tab")
    assert editor.lines[1].strip() == "x"


def test_typing_something_else_while_it_grows_stops_it(editor: Editor) -> None:
    editor.open("стоп.py")
    ask(editor, SLOW)
    editor.wait(lambda: editor.ghost, "first words")
    editor.keys("import os")
    editor.wait(lambda: editor.lines[1] == "import os", "typed text")
    assert editor.ghosts == []
    editor.wait(lambda: not editor.requests, "no question on its way")
    assert editor.ghosts == []


@pytest.mark.parametrize("key", ["<Esc>", "<C-c>"])
def test_leaving_insert_mode_stops_it(editor: Editor, key: str) -> None:
    editor.open("выход.py")
    ask(editor, SLOW)
    editor.wait(lambda: editor.ghost, "first words")
    editor.keys(key)
    editor.wait(lambda: editor.mode == "n", "normal mode")
    assert editor.ghosts == []
    editor.wait(lambda: not editor.requests, "no question on its way")
    assert editor.ghosts == []
    editor.keys("S")  # the engine is free: the same place is answered again
    editor.wait_for_ghost("def slow(a, b):\n    first = a\n    second = b\n    return first + second")


def test_leaving_before_it_is_asked_shows_nothing(editor: Editor) -> None:
    editor.open("рано.py")
    editor.keys(f"i{COMMENT}<CR><Esc>")
    editor.wait(lambda: editor.mode == "n", "normal mode")
    assert editor.ghosts == []
    editor.keys("S")
    editor.wait_for_ghost(ADD)
    editor.wait(lambda: not editor.requests, "whole answer")
    assert editor.statistics["shown"] == 1  # this one, and none after insert mode was left


def test_taken_while_it_grows_the_rest_follows(editor: Editor) -> None:
    editor.open("частями.py")
    ask(editor, SLOW)
    editor.wait(lambda: "first" in editor.ghost, "second line")
    editor.keys("<Tab>")
    editor.wait(lambda: any("first" in line for line in editor.lines), "the part that was shown")
    editor.wait(lambda: editor.ghost.endswith("return first + second"), "the rest")
    editor.keys("<Tab>")
    whole = [SLOW, "def slow(a, b):", "    first = a", "    second = b", "    return first + second"]
    editor.wait(lambda: editor.lines == whole, "all of it")


def test_line_by_line(editor: Editor) -> None:
    editor.open("построчно.py")
    ask(editor)
    editor.wait_for_ghost(ADD)
    editor.wait(lambda: not editor.requests, "whole answer")
    editor.keys("<M-Right>")
    editor.wait(lambda: editor.lines[1:] == ["def add(a, b):"], "first line")
    editor.keys("<M-Right>")
    editor.wait(lambda: editor.lines[1:] == ["def add(a, b):", "    total = a + b"], "second line")
    assert editor.ghost == "\n    return total"


def test_undo_takes_back_the_answer_alone(editor: Editor) -> None:
    editor.open("отмена.py")
    ask(editor)
    editor.wait_for_ghost(ADD)
    editor.keys("<Tab><Esc>")
    editor.wait(lambda: len(editor.lines) == 4 and editor.mode == "n", "code in the buffer")
    editor.keys("u")
    editor.wait(lambda: editor.lines == [COMMENT, ""], "the comment alone")


def test_inside_a_block_and_with_windows_line_ends(editor: Editor) -> None:
    path = editor.open("блок.py", "class Ёлка:\r\n    pass\r\n")
    editor.keys(f"ggo{COMMENT}<CR>")
    editor.wait(lambda: editor.ghost.startswith("def add") and not editor.requests, "whole answer")
    editor.keys("<Tab><Esc>:write<CR>")
    editor.wait(lambda: editor.mode == "n" and len(editor.lines) == 6, "code in the buffer")
    editor.wait(lambda: "total" in path.read_text(encoding="utf-8"), "file on the disk")
    written = path.read_bytes()
    assert written.decode().count("\r\n") == written.count(b"\n") == 6
    compile(written, "блок.py", "exec")


def test_asking_by_hand_needs_no_comment(editor: Editor) -> None:
    editor.open("рука.py", f"{COMMENT}\n\nx = 1\n")
    editor.keys("Gk$a<M-CR>")
    editor.wait(lambda: editor.mode == "i", "insert mode")
    editor.wait_for_ghost(ADD)


def test_nothing_comes_by_itself_when_switched_off(editor: Editor) -> None:
    editor.open("тихо.py")
    editor.command("Kodopis automatic")
    ask(editor)
    editor.wait(lambda: editor.lines == [COMMENT, ""], "typed text")
    assert editor.ghosts == []
    editor.keys("<M-CR>")
    editor.wait_for_ghost(ADD)
    editor.wait(lambda: not editor.requests, "whole answer")
    assert editor.statistics["shown"] == 1  # the answer that was asked for by hand, and none before it


@pytest.mark.parametrize("off", [["false"], ["false", "true"]], ids=["off", "off-and-on"])
def test_switched_off_in_neovim_itself(start: StartEditor, off: list[str]) -> None:
    editor = start()
    editor.open("выключено.py")
    ask(editor)
    editor.wait_for_ghost(ADD)
    editor.wait(lambda: not editor.requests, "whole answer")
    editor.keys("<C-c>")
    editor.wait(lambda: editor.mode == "n", "normal mode")
    for on in off:
        editor.lua(f"vim.lsp.inline_completion.enable({on})")
    editor.keys("Sx")
    editor.wait(lambda: editor.lines[1:] == ["x"], "typed text")
    assert not editor.nvim.vvars["errmsg"]
    if off[-1] == "true":
        editor.keys("<BS>")
        editor.wait_for_ghost(ADD)
    assert not editor.nvim.vvars["errmsg"]


def test_leaving_the_buffer_in_insert_mode_stops_it(editor: Editor) -> None:
    """As the mouse does, with a click into another window."""
    editor.open("мышь.py")
    ask(editor, SLOW)
    editor.wait(lambda: editor.ghost, "first words")
    left = editor.nvim.current.buffer.number
    editor.lua("vim.cmd('split другое.txt')")
    assert editor.mode == "i"
    namespaces = [editor.nvim.api.create_namespace(name) for name in NAMESPACES]
    assert [editor.nvim.api.buf_get_extmarks(left, namespace, 0, -1, {}) for namespace in namespaces] == [[], []]
    assert editor.lua("return #require('kodopis.session').of(...).suggestions", left) == 0
    editor.wait(lambda: not editor.requests, "no question on its way")


@pytest.mark.parametrize("hidden", [False, True], ids=["native", "fallback"])
def test_a_comment_that_was_there_before_the_server(start: StartEditor, script: Path, *, hidden: bool) -> None:
    settings = Settings(server={"model": f"scripted:{script}"}, hidden=hidden, enable="")
    editor = start(settings)
    editor.command("edit раньше.py")
    ask(editor)
    editor.wait(lambda: editor.lines == [COMMENT, ""], "typed text")
    editor.lua("vim.lsp.enable('kodopis')")
    editor.wait_for_ghost(ADD)


def test_other_buffers_modes_are_not_ours(start: StartEditor) -> None:
    editor = start()
    editor.open("наш.py")
    ask(editor, SLOW)
    editor.wait(lambda: editor.ghost, "first words")
    editor.lua(
        "_G.dropped = 0 local session = require('kodopis.session').of(vim.api.nvim_get_current_buf()) "
        "session.drop = function() _G.dropped = _G.dropped + 1 end"
    )
    editor.lua(
        "local other = vim.api.nvim_create_buf(false, true) "
        "vim.api.nvim_buf_call(other, function() "
        "vim.api.nvim_exec_autocmds('ModeChanged', { pattern = 'i:n', modeline = false }) end)"
    )
    assert editor.lua("return _G.dropped") == 0


def test_no_other_variants(editor: Editor) -> None:
    editor.open("один.py")
    ask(editor)
    editor.wait_for_ghost(ADD)
    editor.wait(lambda: not editor.requests, "whole answer")
    editor.keys("<M-Down>")
    editor.wait(lambda: any("Других вариантов нет" in notice for notice in editor.notices), "message")
    assert editor.ghost == ADD


def test_variants(editor: Editor, tmp_path: Path) -> None:
    """The scripted engine says the same to everybody, so that the second answer comes from a second script."""
    other = tmp_path / "другие ответы.toml"
    other.write_text('[[answer]]\nmatch = "сложи"\ntext = "add = sum"\n', encoding="utf-8")
    editor.open("варианты.py")
    ask(editor)
    editor.wait_for_ghost(ADD)
    editor.wait(lambda: not editor.requests, "whole answer")
    editor.configure(model=f"scripted:{other}")

    def second() -> bool:
        is_idle = not editor.requests
        if "(2/2)" in editor.ghost:
            return True
        if is_idle:  # not asked yet, or answered by the first script still
            editor.keys("<M-Down>")
        return False

    editor.wait(second, "second variant")
    assert editor.ghost == "add = sum (2/2)"
    editor.keys("<M-Up>")
    editor.wait_for_ghost(f"{ADD} (1/2)")
    editor.keys("<M-Down>add")
    editor.wait_for_ghost(" = sum")
    editor.keys("<Tab>")
    editor.wait(lambda: editor.lines == [COMMENT, "add = sum"], "second variant in the buffer")


@pytest.mark.parametrize("back", ["<Left>", "<Home>"])
def test_the_cursor_inside_what_was_typed_takes_nothing_twice(editor: Editor, back: str) -> None:
    editor.open("назад.py")
    ask(editor)
    editor.wait_for_ghost(ADD)
    editor.keys("def add")
    editor.wait_for_ghost(ADD.removeprefix("def add"))
    editor.keys(back)
    editor.wait(lambda: not editor.ghosts, "no ghost text")
    editor.keys("<Tab>")
    editor.wait(lambda: editor.lines[1] != "def add", "a tab")
    assert len(editor.lines) == 2


def test_a_bracket_that_the_editor_closed_is_not_kept(editor: Editor) -> None:
    """As nvim-autopairs and others do: the closing one stands after the cursor as soon as the opening one is typed."""
    editor.open("пары.py")
    editor.command("inoremap <buffer> ( ()<Left>")
    ask(editor)
    editor.wait_for_ghost(ADD)
    editor.keys("def add(")
    editor.wait_for_ghost(ADD.removeprefix("def add("))
    editor.keys("<M-Right>")
    editor.wait(lambda: editor.lines[1:] == ["def add(a, b):"], "first line")
    editor.keys("<Tab>")
    editor.wait(lambda: editor.lines[1:] == ADD.split("\n"), "code in the buffer")


def test_typing_ahead_before_text_that_is_replaced(editor: Editor) -> None:
    editor.open("скобки.py", "# внутри скобок\nx = foo()\n")
    editor.keys("2G$i<M-CR>")
    editor.wait_for_ghost("a, b)")  # what stays after it too: Neovim draws over it
    editor.keys("a")
    editor.wait_for_ghost(", b)")
    editor.keys("<Tab>")
    editor.wait(lambda: editor.lines[1] == "x = foo(a, b)", "code in the buffer")


def test_the_line_of_the_ghost_text_is_deleted(editor: Editor) -> None:
    editor.open("стёрта.py")
    ask(editor)
    editor.wait_for_ghost(ADD)
    editor.keys("<BS>")
    editor.wait(lambda: editor.nvim.api.get_mode()["blocking"] or editor.lines == [COMMENT], "one line")
    assert not editor.nvim.api.get_mode()["blocking"]  # by an error's message
    assert editor.ghosts == []
    assert not editor.nvim.funcs.execute("messages").strip()


def test_keys_in_quick_succession_take_nothing_that_does_not_fit(editor: Editor) -> None:
    editor.open("быстро.py")
    ask(editor)
    editor.wait_for_ghost(ADD)
    editor.keys("def add<Left><Tab>")
    editor.wait(lambda: editor.lines[1].split() == ["def", "ad", "d"], "a tab")


@pytest.mark.parametrize("key", ["<Tab>", "<M-Right>"])
def test_taken_while_a_menu_is_open_typing_deletes_nothing(editor: Editor, key: str) -> None:
    editor.open("меню.py")
    editor.command("set completeopt=menuone,noselect")
    ask(editor)
    editor.wait_for_ghost(ADD)
    editor.keys("de")
    editor.wait_for_ghost(ADD.removeprefix("de"))
    editor.wait(lambda: not editor.requests, "whole answer")
    editor.lua("vim.fn.complete(1, { 'default', 'delta' })")
    editor.wait(lambda: editor.nvim.funcs.pumvisible() == 1, "menu")
    editor.keys(f"{key}z")
    editor.wait(lambda: editor.lines[-1].endswith("z"), "typed text")
    taken = ADD if key == "<Tab>" else "def add(a, b):"
    assert editor.lines == [COMMENT, *f"{taken}z".split("\n")]


@pytest.mark.parametrize("function", ["accept", "accept_line"])
def test_taken_by_a_mapping_with_an_expression(editor: Editor, function: str) -> None:
    """As other plugins map their keys: the text must not be changed at once."""
    editor.open("выражение.py")
    editor.lua(
        f"vim.keymap.set('i', '<C-g>', function() return require('kodopis').{function}() and '' or 'нечего' end, "
        "{ buffer = true, expr = true })"
    )
    ask(editor)
    editor.wait_for_ghost(ADD)
    editor.wait(lambda: not editor.requests, "whole answer")
    editor.keys("<C-g>")
    taken = ADD if function == "accept" else "def add(a, b):"
    editor.wait(lambda: editor.nvim.api.get_mode()["blocking"] or editor.lines[1:] != [""], "code in the buffer")
    assert not editor.nvim.api.get_mode()["blocking"]  # by an error's message
    assert editor.lines == [COMMENT, *taken.split("\n")]


def test_a_diagnostic_of_the_line_is_shown_beside_it(editor: Editor) -> None:
    editor.open("рядом.py")
    editor.lua("vim.diagnostic.config({ virtual_text = true, update_in_insert = true })")
    ask(editor)
    editor.wait_for_ghost(ADD)
    editor.wait(lambda: not editor.requests, "whole answer")
    editor.lua(
        "vim.diagnostic.set(vim.api.nvim_create_namespace('test'), 0, "
        "{ { lnum = 1, col = 0, message = 'пусто', severity = 1 } })"
    )

    def line() -> str:
        editor.command("redraw")
        return str(
            editor.lua(
                "local cells = {} for column = 1, 60 do cells[column] = vim.fn.screenstring(2, column) end "
                "return table.concat(cells)"
            )
        )

    editor.wait(lambda: "пусто" in line(), "diagnostic")
    assert "def add(a, b):" in line()
    editor.keys("def ")
    editor.wait_for_ghost(ADD.removeprefix("def "))
    assert "def add(a, b):" in line()
    assert "пусто" in line()


def test_what_is_taken_is_not_folded_away(editor: Editor) -> None:
    editor.open("складки.py")
    editor.command("setlocal foldmethod=indent foldlevel=0")
    ask(editor)
    editor.wait_for_ghost(ADD)
    editor.wait(lambda: not editor.requests, "whole answer")
    editor.keys("<Tab>")
    editor.wait(lambda: len(editor.lines) == 4, "code in the buffer")
    assert editor.nvim.funcs.foldclosed(".") == -1


def test_a_buffer_that_may_not_be_changed(editor: Editor) -> None:
    editor.open("нельзя.py")
    ask(editor)
    editor.wait_for_ghost(ADD)
    editor.command("setlocal nomodifiable")
    assert editor.lua("return require('kodopis').accept()") is False
    assert editor.lines == [COMMENT, ""]


def test_a_buffer_without_a_name(editor: Editor) -> None:
    editor.command("enew | set filetype=python")
    editor.wait(lambda: editor.lua("return #vim.lsp.get_clients({ name = 'kodopis', bufnr = 0 })") == 1, "attached")
    n_buffers = len(editor.nvim.buffers)
    ask(editor)
    editor.wait_for_ghost(ADD)
    editor.wait(lambda: not editor.requests, "whole answer")
    editor.keys("<Tab>")
    editor.wait(lambda: editor.lines[1:] == ADD.split("\n"), "code in the buffer")
    assert len(editor.nvim.buffers) == n_buffers
