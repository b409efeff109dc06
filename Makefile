# `make lab` and `make test` do the set-up by themselves, as far as it isn't done.
SHELL := /bin/bash
# Who once named a Python need not name it again: the environment remembers it.
PYTHON ?= $(shell p=$$(cat .venv/.enpire/python 2>/dev/null) && [ -x "$$p" ] && echo "$$p" || echo python3)
.DEFAULT_GOAL := help
# $(call quoted,TEXT): one word for the shell, whatever blanks and quotes TEXT has.
quoted = '$(subst ','\'',$(1))'
.PHONY: help setup lab test clean

help:
	@echo 'make lab     a simulated lab of Push-T stations that improves its policy; with any of:'
	@echo '             UNITS=2 TASK=push_t SEED=1 REAL_TIME_FACTOR=0 LAB=file.yaml'
	@echo '             BUDGET=364 SECRET_FILE=file  of the campaign;  RESUME=run_folder  goes on with one'
	@echo '             TRIALS=40  in its place: so many trials of the policy as it is'
	@echo 'make test    all tests but those that need hardware or take long; ARGS=... for pytest (-n 0: one by one)'
	@echo 'make setup   only what both do first: environment, packages, build; TRAINING=1: with torch'
	@echo 'make clean   remove build, install and log (the environment .venv stays)'
	@echo 'All take PYTHON=python3.12 (3.10 to 3.13). In a shell: . setup/env.sh'

setup:
	@command -v $(call quoted,$(PYTHON)) >/dev/null || { \
	  printf "Set-up expected a Python called '%s' and found none: install python3 (3.10 to 3.13) or give its name, 'make %s PYTHON=...'.\n" \
	    $(call quoted,$(PYTHON)) $(call quoted,$(MAKECMDGOALS)) >&2; exit 1; }
	@$(call quoted,$(PYTHON)) setup/bootstrap.py $(if $(TRAINING),--training)

# A name that is not given is not passed: the lab file holds the defaults.
LAB_OPTIONS = $(if $(LAB),$(call quoted,$(LAB))) \
  $(if $(UNITS),--units $(call quoted,$(UNITS))) \
  $(if $(TASK),--task $(call quoted,$(TASK))) \
  $(if $(TRIALS),--trials $(call quoted,$(TRIALS))) \
  $(if $(BUDGET),--budget $(call quoted,$(BUDGET))) \
  $(if $(SECRET_FILE),--secret-file $(call quoted,$(SECRET_FILE))) \
  $(if $(RESUME),--resume $(call quoted,$(RESUME))) \
  $(if $(SEED),--seed $(call quoted,$(SEED))) \
  $(if $(REAL_TIME_FACTOR),--real-time-factor $(call quoted,$(REAL_TIME_FACTOR)))

lab: setup
	@setup/run.sh enpire lab $(LAB_OPTIONS)

test: setup
	@setup/run.sh python -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

clean:
	rm -rf build install log
