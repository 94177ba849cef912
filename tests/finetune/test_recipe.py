"""Recipes: what is refused, and that everything wrong is said at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from finetune.errors import FinetuneError
from finetune.plan import Shape, shape_of
from finetune.recipe import LoraSection, TrainSection
from finetune.recipe_file import RECIPES, from_tree, known_recipes, load, to_yaml
from models.messages import set_language

MODEL = {"base": "tiny:qwen2", "prompt_format": "qwen-fim"}
DATA = {"sources": [{"path": "smoke.jsonl"}]}


@pytest.fixture(autouse=True)
def english() -> Any:
    set_language("en")
    yield
    set_language(None)


def tree(**changes: Any) -> dict[str, Any]:
    return {"description": "a test", "model": MODEL, "data": DATA, **changes}


@pytest.mark.parametrize("name", known_recipes())
def test_every_recipe_of_the_package_is_valid(name: str) -> None:
    assert load(name)


def test_all_mistakes_come_in_one_message() -> None:
    wrong = tree(
        surprise=1,
        model={"base": "x", "prompt_format": "klingon", "precision": "fp8"},
        train={"learning_rate": "fast", "batch": 2},
        lora={"r": 1.5},
    )
    with pytest.raises(FinetuneError) as caught:
        from_tree(wrong, "broken")
    text = str(caught.value)
    assert caught.value.code == "recipe-invalid"
    for part in ("'surprise'", "model.precision", "train.learning_rate", "'batch'", "lora.r"):
        assert part in text


def test_docstrings_may_have_a_format_of_their_own() -> None:
    plain = from_tree(tree(), "plain").model
    assert {plain.format_for(docstring=True), plain.format_for(docstring=False), *plain.formats} == {"qwen-fim"}
    own = from_tree(tree(model={**MODEL, "docstring_format": "prefix"}), "own").model
    assert (own.format_for(docstring=False), own.format_for(docstring=True)) == own.formats == ("qwen-fim", "prefix")


def test_values_are_checked_too() -> None:
    wrong = tree(
        model={**MODEL, "prompt_format": "klingon", "docstring_format": "elvish"},
        train={"learning_rate": 0, "eval_every": 3, "save_every": 4},
    )
    with pytest.raises(FinetuneError) as caught:
        from_tree(wrong, "broken")
    for part in ("model.prompt_format", "model.docstring_format", "train.learning_rate", "train.save_every"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("lora", "way_out"),
    [
        ({"use_dora": True}, "use_dora: false"),
        ({"use_rslora": True, "r": 16, "alpha": 32}, "alpha: 128"),
        ({"alpha_pattern": {"q_proj": 8.0}}, "alpha_pattern: {}"),
        ({"modules_to_save": ["embed_tokens"]}, "modules_to_save: []"),
        ({"target_modules": ["q_proj", "lm_head"]}, "all-linear"),
    ],
)
def test_what_gguf_cannot_carry_is_refused_with_the_way_out(lora: dict[str, Any], way_out: str) -> None:
    with pytest.raises(FinetuneError) as caught:
        from_tree(tree(lora=lora), "broken")
    assert way_out in str(caught.value)


def test_set_changes_one_value() -> None:
    (recipe,) = load("smoke-qwen2", ["train.learning_rate=5e-4", "data.sources=[{path: a.jsonl}]", "seed=3"])
    assert recipe.train.learning_rate == 5e-4
    assert recipe.data.sources[0].path == "a.jsonl"
    assert recipe.seed == 3
    assert recipe.lora.r == 4


@pytest.mark.parametrize(
    ("lora", "where"),
    [
        ({"layers": []}, "lora.layers"),
        ({"layers": [-1]}, "lora.layers"),
        ({"layers": [0], "target_modules": "q_.*"}, "lora.target_modules"),
    ],
    ids=str,
)
def test_layers_that_no_model_has_are_refused(lora: dict[str, Any], where: str) -> None:
    with pytest.raises(FinetuneError) as caught:
        from_tree(tree(lora=lora), "broken")
    assert where in str(caught.value)


def test_a_recipe_that_extends_another_changes_some_keys_of_a_section(tmp_path: Path) -> None:
    path = tmp_path / "мой.yaml"
    path.write_text("extends: smoke-qwen2\nseed: 5\ntrain: {learning_rate: 1e-5}\n", encoding="utf-8")
    (base,), (mine,) = load("smoke-qwen2"), load(str(path), ["train.warmup_steps=1"])
    assert (mine.name, mine.seed, mine.train.learning_rate, mine.train.warmup_steps) == ("мой", 5, 1e-5, 1)
    assert replace(mine.train, learning_rate=0, warmup_steps=0) == replace(base.train, learning_rate=0, warmup_steps=0)
    assert (mine.model, mine.data) == (base.model, base.data)


def test_what_is_extended_may_extend_another(tmp_path: Path) -> None:
    path = tmp_path / "larger.yaml"
    path.write_text("extends: qwen2.5-coder-1.5b\ndata: {budget_tokens: 500}\n", encoding="utf-8")
    (base,), (middle,), (mine,) = load("qwen2.5-coder-0.5b-cpu"), load("qwen2.5-coder-1.5b"), load(str(path))
    assert mine.model == middle.model
    assert mine.train == middle.train
    assert mine.data == replace(base.data, budget_tokens=500)


def test_recipes_that_extend_each_other_are_refused(tmp_path: Path) -> None:
    for name, other in (("a", "b"), ("b", "a")):
        (tmp_path / f"{name}.yaml").write_text(f"extends: {other}.yaml\n", encoding="utf-8")
    with pytest.raises(FinetuneError) as caught:
        load(str(tmp_path / "a.yaml"))
    assert caught.value.code == "recipe-unreadable"
    assert "extends: a.yaml → b.yaml → a.yaml" in str(caught.value)


def test_extending_what_is_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "мой.yaml"
    path.write_text("extends: no-such-recipe\n", encoding="utf-8")
    with pytest.raises(FinetuneError) as caught:
        load(str(path))
    assert caught.value.code == "recipe-missing"


@pytest.mark.parametrize("path", sorted((RECIPES / "ablation").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_arms_of_the_ablation_spend_the_same_tokens(path: Path) -> None:
    (recipe,) = load(str(path))
    assert recipe.data.budget_tokens == 60_000


def test_set_of_something_else_is_refused() -> None:
    with pytest.raises(FinetuneError) as caught:
        load("smoke-qwen2", ["train.learning_rate"])
    assert caught.value.code == "bad-override"


def test_a_resolved_recipe_reads_back_as_itself(tmp_path: Path) -> None:
    (recipe,) = load("qwen2.5-coder-0.5b-cpu")
    path = tmp_path / "saved.yaml"
    path.write_text(to_yaml(recipe), encoding="utf-8")
    assert load(str(path)) == [recipe]


def test_a_section_left_empty_can_be_filled(tmp_path: Path) -> None:
    path = tmp_path / "пустой.yaml"
    path.write_text("extends: smoke-qwen2\ntrain:\n", encoding="utf-8")
    (recipe,) = load(str(path), ["train.epochs=3"])
    assert recipe.train == TrainSection(epochs=3.0)


def test_a_date_that_is_none_is_a_bad_override() -> None:
    with pytest.raises(FinetuneError) as caught:
        load("smoke-qwen2", ["model.title=2024-13-01"])
    assert caught.value.code == "bad-override"


@pytest.mark.parametrize(
    ("text", "code"),
    [("- a list", "recipe-unreadable"), ("a: [", "recipe-unreadable"), ("a: 2024-13-01", "recipe-unreadable")],
)
def test_files_that_are_no_recipe(tmp_path: Path, text: str, code: str) -> None:
    path = tmp_path / "рецепт.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FinetuneError) as caught:
        load(str(path))
    assert caught.value.code == code


def test_several_recipes_are_found_beside_the_file_that_names_them(tmp_path: Path) -> None:
    (tmp_path / "все.yaml").write_text("all_of: [мой.yaml, smoke-mistral]\n", encoding="utf-8")
    (tmp_path / "мой.yaml").write_text("extends: smoke-qwen2\n", encoding="utf-8")
    assert [recipe.name for recipe in load(str(tmp_path / "все.yaml"))] == ["мой", "smoke-mistral"]


@pytest.mark.parametrize("text", ["all_of: []", "all_of: [мой.yaml]"])
def test_several_recipes_that_are_none_or_hold_themselves_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("мой.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(FinetuneError) as caught:
        load("мой.yaml")
    assert caught.value.code == "recipe-unreadable"
    assert "all_of: " in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"name": ".."}, "name"),
        ({"model": {**MODEL, "base": "tiny:none"}}, "model.base"),
        ({"model": {**MODEL, "base": ""}}, "model.base"),
        ({"data": {"sources": [{"path": "corpus", "limit": 0}]}}, "data.sources.limit"),
        ({"seed": -1}, "seed"),
        ({"lora": {"r": -1}}, "lora.r"),
        ({"train": {"max_steps": -1}}, "train.max_steps"),
        ({"train": {"warmup_steps": -1}}, "train.warmup_steps"),
        ({"train": {"weight_decay": -0.1}}, "train.weight_decay"),
        ({"train": {"max_grad_norm": -1}}, "train.max_grad_norm"),
        ({"train": {"patience": 0}}, "train.patience"),
        ({"train": {"threads": -1}}, "train.threads"),
        ({"export": {"quantise": []}}, "export.quantise"),
        ({"export": {"imatrix_tokens": 0}}, "export.imatrix_tokens"),
        ({"verify": {"logit_prompts": 0}}, "verify.logit_prompts"),
        ({"verify": {"perplexity_tokens": 0}}, "verify.perplexity_tokens"),
        ({"evaluate": {"samples": 0}}, "evaluate.samples"),
        ({"evaluate": {"problems": -1}}, "evaluate.problems"),
        ({"evaluate": {"answer_tokens": 4096}}, "evaluate.answer_tokens"),
    ],
)
def test_values_that_no_run_could_start_with(changes: dict[str, Any], where: str) -> None:
    with pytest.raises(FinetuneError) as caught:
        from_tree(tree(**changes), "broken")
    assert f"  - {where}: " in str(caught.value)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(FinetuneError) as caught:
        load("no-such-recipe")
    assert "smoke" in str(caught.value)


def test_a_plan_counts_the_weights_of_the_layers_that_are_named() -> None:
    shape = Shape(hidden=896, n_ff=4864, layers=24, kv_width=128, vocabulary=151_936)
    assert shape.lora(load("qwen2.5-coder-0.5b-cpu")[0].lora) == 4_374_528  # as training says
    assert shape.lora(load(str(RECIPES / "ablation" / "arm-fim.yaml"))[0].lora) == 8_798_208
    assert shape.lora(LoraSection(layers=(0, 1))) == 8_798_208 // 12


@pytest.mark.parametrize("text", ['{"model_type": "gpt2", "n_embd": 8}', "{", None], ids=str)
def test_a_base_of_an_unknown_form_has_no_sizes(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "config.json").write_text(text, encoding="utf-8")
    assert shape_of(str(tmp_path)) is None
