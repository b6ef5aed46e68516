# Two commands do all the set-up themselves on a fresh Debian machine, as root: `make demo` and `make test`.
VENV ?= .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export ANSIBLE_HOME := $(CURDIR)/.cache/ansible
BED := molecule/internet
INVENTORY := $(BED)/inventory
PLAYBOOK := ansible-playbook -i $(INVENTORY)
LINK := .cache/collections/ansible_collections/homeserver/exposure

.PHONY: help setup images demo demo-down test lint unit integration scenario coverage-of-needs bench bench-engines build docs clean

help:  ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 26

$(VENV)/.done: requirements-dev.txt
	@echo "Setting up Python packages ..."
	@python3 -m venv $(VENV) 2>/dev/null || { apt-get update -q && apt-get install -qy python3-venv && python3 -m venv $(VENV); }
	@$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements-dev.txt
	@touch $@

$(LINK):
	@mkdir -p $(dir $@) && ln -sfn ../../../.. $@

setup: $(VENV)/.done $(LINK)  ## Python packages and the collection's own path

demo: setup  ## The internet in a box, with two real Home Assistants in it, proven from a phone
	@echo "An internet in a box. Its images take about five minutes the first time, then seconds:"
	@$(BED)/engine.sh && python $(BED)/images.py
	@ansible-playbook -i localhost, $(BED)/create.yml
	@$(PLAYBOOK) $(BED)/prepare.yml
	@$(PLAYBOOK) playbooks/site.yml
	@echo; echo "It keeps running. Look around: 'docker exec -it phone curl https://home.casa.example/', and end it with 'make demo-down'."

demo-down: setup  ## End the demo
	@ansible-playbook -i localhost, $(BED)/destroy.yml

test: lint unit  ## Everything that must hold
	@$(MAKE) --no-print-directory -j2 integration scenario || python tests/failures.py
	@$(MAKE) --no-print-directory coverage-of-needs

lint: setup  ## Style and types
	yamllint --strict .
	ruff check .
	ruff format --check .
	mypy plugins/module_utils
	ansible-lint --offline
	python docs/tables.py --check

images: setup
	@apt-get -q update >/dev/null && $(BED)/engine.sh && python $(BED)/images.py

unit: images  ## What can be told without the internet in a box
	pytest tests/unit -n 2 --dist loadfile --junit-xml=.cache/unit.xml

integration: images  ## Real servers in containers of their own
	pytest tests/integration --junit-xml=.cache/integration.xml

scenario: images  ## The whole path on the internet in a box, with one engine and then the other
	molecule destroy -s caddy
	molecule test -s caddy --destroy never || python tests/failures.py
	molecule test -s nginx || python tests/failures.py

coverage-of-needs: setup  ## Which requirement is proven by which test
	@python tests/coverage_of_needs.py

bench: setup  ## Timings, as ratios, over a running demo
	python benchmarks/run.py

bench-engines: setup  ## Our proxies beside other nginx configurations, as ratios, in a container of its own
	@$(BED)/engine.sh && python $(BED)/images.py
	python benchmarks/engines.py

docs: setup  ## README of each role, from its argument spec
	@python docs/tables.py

build: setup  ## The archive for Galaxy
	ansible-galaxy collection build --force --output-path .cache/dist

clean: demo-down  ## Forget images, environment and results
	rm -rf .cache $(BED)/.cache $(VENV)
