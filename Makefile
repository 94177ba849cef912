# `make run` does the main job, `make test` passes the tests. Everything is in dev.py, for people without make too.
PYTHON ?= python3

.PHONY: run test check format vsix setup
run test check format vsix setup:
	@$(PYTHON) dev.py $@ $(ARGS)
