"""The questions that are asked about code, word for word: models are trained on what the server asks."""

from __future__ import annotations

EXPLAIN = """Объясни по-русски, что делает этот код на Python: сначала одно предложение о главном, потом по шагам, \
коротко. Если есть ошибки, назови их.
```python
{code}
```"""
FIX = """Исправь этот код на Python.{problems}
```python
{code}
```
Ответь одним блоком кода: весь исправленный код, без объяснений."""
PROBLEMS = " Что с ним не так:\n{listed}"
