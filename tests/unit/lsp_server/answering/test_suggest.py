"""The way of a suggestion over a real engine process that answers from a script."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from lsp_server.answering.suggest import LINE_HEAD_CHARS, Answer, Question, make_plan, variants, warm_up
from lsp_server.connection.workspace import split_lines
from lsp_server.engine.base import Chunk, CompletionRequest, LoraScale
from lsp_server.engine.local import LocalEngine
from lsp_server.errors import EngineError
from lsp_server.serving.choice import choose, serve
from lsp_server.serving.served import Served, _plain
from lsp_server.settings import Settings
from lsp_server.source.document import Place, Source
from models.prompt import Prompt, Segment

FUNCTION = "def add(a, b):\n    # сложи два числа и верни сумму\n    \n"
BODY = "c = a\nc += b\nd = c\nreturn d"
SCRIPT = f'[[answer]]\nmatch = "сложи"\ntext = """{BODY}\n```"""\n'


@pytest_asyncio.fixture
async def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    monkeypatch.setenv("KODOPIS_HOME", str(tmp_path))
    script = tmp_path / "script.toml"
    script.write_text(SCRIPT, encoding="utf-8")
    made = await serve(choose(Settings(model=f"scripted:{script}")))
    yield made
    assert isinstance(made.engine, LocalEngine)
    await made.engine.stop()


def question(text: str = FUNCTION, line: int = 2, column: int = 4, **more: object) -> Question:
    return Question(Source("file:///x.py", tuple(split_lines(text))), Place(line, column), **more)  # type: ignore[arg-type]


async def test_an_answer_grows_by_prefixes(served: Served) -> None:
    plan = await make_plan(served, question())
    assert plan is not None
    answer = Answer(plan)
    texts = [text async for text in answer.stream(served)]
    assert texts[-1] == "\n".join(f"    {line}" for line in BODY.split("\n"))
    assert all(texts[-1].startswith(text) for text in texts)
    assert answer.is_done
    assert answer.n_tokens > 0
    assert answer.ttft_ms is not None


async def test_an_interrupted_answer_goes_on(served: Served) -> None:
    plan = await make_plan(served, question())
    assert plan is not None
    whole, broken = Answer(plan), Answer(plan)
    async for _ in whole.stream(served):
        pass
    for _ in range(20):
        async with aclosing(broken.stream(served)) as texts:
            async for _ in texts:
                break
    async for _ in broken.stream(served):
        pass
    assert broken.text == whole.text
    assert broken.raw == whole.raw
    assert broken.n_tokens == whole.n_tokens


async def test_automatic_questions_without_an_instruction_have_no_plan(served: Served) -> None:
    assert await make_plan(served, question("x = 1\n\n", 1, 0, is_automatic=True)) is None
    assert await make_plan(served, question("x = 1\n\n", 1, 0)) is not None


async def test_inside_a_line_the_model_sees_both_its_sides(served: Served) -> None:
    text = "def f(n):\n    print(nu, sep='')\n    return n\n"
    served = replace(served, formats={**served.formats, "fim": "qwen-fim"})
    plan = await make_plan(served, question(text, 1, 12))
    assert plan is not None
    assert "<|fim_prefix|>def f(n):\n    print(nu<|fim_suffix|>, sep='')\n    return n\n" in plan.prompt.text


async def test_the_token_limit_leaves_whole_lines(served: Served) -> None:
    plan = await make_plan(served, question(max_tokens=8))
    assert plan is not None
    answer = Answer(plan)
    async for _ in answer.stream(served):
        pass
    lines = [f"    {line}" for line in BODY.split("\n")]
    assert answer.text.split("\n") == lines[: answer.text.count("\n") + 1]


async def test_text_of_a_file_never_becomes_a_special_token(served: Served) -> None:
    (special,) = await served.engine.tokenize("<|im_end|>", parse_special=True)
    marked = await served.tokens(Prompt((Segment("<|im_end|>", is_special=True),), (), ""))
    plain = await served.tokens(Prompt((Segment("x = '<|im_end|>'"),), (), ""))
    assert marked == (special,)
    assert special not in plain
    plan = await make_plan(served, question("x = '<|im_end|>'\n" + FUNCTION, 3))
    bare = await make_plan(served, question("x = ''\n" + FUNCTION, 3))
    assert plan is not None
    assert bare is not None
    assert plan.tokens.count(special) == bare.tokens.count(special)  # type: ignore[arg-type]


async def test_variants_do_not_repeat(served: Served) -> None:
    assert [answer.text async for answer in variants(served, question(), 3)] == [
        "\n".join(f"    {line}" for line in BODY.split("\n"))
    ]


async def test_variants_that_are_asked_for_at_once_do_not_replace_each_other(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[set[str]] = []
    complete = served.engine.complete

    def noted(request: CompletionRequest) -> AsyncIterator[Chunk]:
        asked[-1].add(request.document)
        return complete(request)

    monkeypatch.setattr(served.engine, "complete", noted)
    for _ in range(2):
        asked.append(set())
        assert [answer async for answer in variants(served, question(document="session:x.py"), 2)]
    assert "session:x.py" not in asked[0] | asked[1]
    assert not asked[0] & asked[1]


async def test_a_warm_up_leaves_the_prompt_in_the_engine(served: Served) -> None:
    await warm_up(served, question())
    plan = await make_plan(served, question(), is_warm=True)
    assert plan is not None
    request = replace(await Answer(plan).request(served), n_predict=1)
    timings = [chunk.timings async for chunk in served.engine.complete(request)][-1]
    assert timings.cached_tokens >= len(plan.tokens) - 1


async def test_a_kind_that_the_model_cannot_do(served: Served) -> None:
    with pytest.raises(EngineError) as raised:
        replace(served, formats={}).format_for("chat")
    assert raised.value.code == "no_format"


async def test_english_is_asked_of_the_base_alone(served: Served) -> None:
    lora = (LoraScale(0, 0.75),)
    adapted = replace(
        served,
        formats={**served.formats, "code": "qwen-fim"},
        lora={"code": lora},
        bare_formats=served.formats,
    )
    russian = await make_plan(adapted, question())
    english = await make_plan(adapted, question("def add(a, b):\n    # add two numbers and return the sum\n    \n"))
    ordinary = await make_plan(adapted, question("x = 1\n\n", 1, 0))
    bare = await make_plan(served, question("def add(a, b):\n    # add two numbers and return the sum\n    \n"))
    assert russian is not None and english is not None and ordinary is not None and bare is not None
    assert (russian.prompt.family, russian.lora) == ("qwen-fim", lora)
    assert (english.prompt, english.tokens, english.lora) == (bare.prompt, bare.tokens, ())
    assert (ordinary.kind, ordinary.lora) == ("fim", ())
    assert (await Answer(russian).request(adapted)).lora == lora


async def test_the_budget_follows_the_speed(served: Served) -> None:
    cold = await served.prompt_budget(256, is_warm=False)
    warm = await served.prompt_budget(256, is_warm=True)
    assert 0 < cold <= warm < served.n_ctx


def test_a_plain_prompt_pulls_marks_apart() -> None:
    prompt = Prompt((Segment("<|im_start|>", is_special=True), Segment("x = '<|im_start|>'")), (), "")
    assert _plain(prompt) == "<|im_start|>x = '< |im_start|>'"


async def test_a_long_task_is_seen_whole_however_slow_the_machine(served: Served) -> None:
    served.speeds.append((time.monotonic(), 1.0))  # one token a second: the budget is the least there is
    examples = "".join(f"    >>> total([{n}, {n}])  # число номер {n}\n    {n * 2}\n" for n in range(12))
    header = f'def total(numbers):\n    """Сложи числа.\n\n{examples}    """\n    \n'
    text = "import os\n" + "UNSEEN = os.sep\n" * 300 + header
    plan = await make_plan(served, question(text, text.count("\n") - 1))
    assert plan is not None
    assert "def total(numbers):" in plan.context.prefix
    assert ">>> total([11, 11])" in plan.context.prefix
    assert plan.context.prefix.count("UNSEEN") < 300


async def test_a_line_that_does_not_fit_is_seen_from_its_end(served: Served) -> None:
    served = replace(served, formats={**served.formats, "fim": "prefix"})
    line = "data = [" + "1, " * 10_000 + "сложи("
    plan = await make_plan(served, question(f"{line}\n", 0, len(line)))
    assert plan is not None
    assert plan.prompt.text == line[-LINE_HEAD_CHARS:]
    assert plan.prompt.answer_head == line
    assert len(plan.tokens) < served.n_ctx


async def test_a_time_budget_begins_anew_with_each_request(served: Served) -> None:
    plan = await make_plan(served, question(time_budget_ms=60_000))
    assert plan is not None
    answer = Answer(plan)
    answer._budget_from -= 61
    answer.renew()
    async for _ in answer.stream(served):
        pass
    assert not answer.is_cut
    assert answer.text == "\n".join(f"    {line}" for line in BODY.split("\n"))
