# `make lab` and `make test` do the set-up by themselves, as far as it isn't done.
SHELL := /bin/bash
# Who once named a Python need not name it again: the environment remembers it.
PYTHON ?= $(shell p=$$(cat .venv/.enpire/python 2>/dev/null) && [ -x "$$p" ] && echo "$$p" || echo python3)
.DEFAULT_GOAL := help
.PHONY: help setup lab test clean

help:
	@echo 'make lab     a simulated lab of Push-T stations; with any of:'
	@echo '             UNITS=2 TASK=push_t TRIALS=40 SEED=1 REAL_TIME_FACTOR=0 LAB=file.yaml'
	@echo 'make test    all tests but those that need hardware or take long; ARGS=... for pytest'
	@echo 'make setup   only what both do first: environment, packages, build'
	@echo 'make clean   remove build, install and log (the environment .venv stays)'
	@echo 'All take PYTHON=python3.12 (3.10 to 3.13). In a shell: . setup/env.sh'

setup:
	@command -v '$(PYTHON)' >/dev/null || { \
	  echo "Set-up expected a Python called '$(PYTHON)' and found none: install python3 (3.10 to 3.13) or give its name, 'make $(MAKECMDGOALS) PYTHON=...'." >&2; exit 1; }
	@'$(PYTHON)' setup/bootstrap.py

# A name that is not given is not passed: the lab file holds the defaults.
LAB_OPTIONS = $(if $(LAB),'$(LAB)') \
  $(if $(UNITS),--units '$(UNITS)') \
  $(if $(TASK),--task '$(TASK)') \
  $(if $(TRIALS),--trials '$(TRIALS)') \
  $(if $(SEED),--seed '$(SEED)') \
  $(if $(REAL_TIME_FACTOR),--real-time-factor '$(REAL_TIME_FACTOR)')

lab: setup
	@setup/run.sh enpire lab $(LAB_OPTIONS)

test: setup
	@setup/run.sh python -m pytest $(ARGS)

clean:
	rm -rf build install log
