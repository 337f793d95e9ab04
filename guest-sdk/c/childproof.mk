# What a Makefile of a guest includes:
#
#     include .../guest-sdk/c/childproof.mk
#     my-guest.wasm: my-guest.c $(CHILDPROOF)
#             $(CHILDPROOF_CC) -o $@ $^
#
# $(CHILDPROOF) are the objects of the library, which this has rules for, and $(CHILDPROOF_CC) is a clang that compiles for
# WASI and links components. It takes one of
#
#     WASI_SDK_PATH   the directory of a wasi-sdk that has wasm32-wasip2
#     (nothing)       clang, lld, wasi-libc and libclang-rt-dev-wasm32 as Debian has them, and the program
#                     wasm-component-ld that comes with Rust. Another: WASM_COMPONENT_LD
#
# and, for the bindings, one of
#
#     BINDINGS        a directory with childproof_bindings.h, .c and _component_type.o that were generated before
#     WIT_BINDGEN     the program wit-bindgen 0.63
#     (nothing)       cargo, which builds the generator of this checkout
#
# BUILD is the directory to build in.

CHILDPROOF_DIR := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
BUILD ?= build

ifdef WASI_SDK_PATH
WASI_CC ?= $(WASI_SDK_PATH)/bin/clang --target=wasm32-wasip2
else
ifndef WASM_COMPONENT_LD
WASM_COMPONENT_LD := $(firstword $(shell command -v wasm-component-ld) \
    $(wildcard $(shell rustc --print sysroot)/lib/rustlib/*/bin/wasm-component-ld))
endif
ifeq ($(WASM_COMPONENT_LD),)
$(error there is no wasm-component-ld: Rust from rustup has it, and `cargo install wasm-component-ld` gets it)
endif
WASI_CC ?= clang --target=wasm32-wasi -nostartfiles -fuse-ld=$(WASM_COMPONENT_LD) -Wno-unused-command-line-argument
childproof_start := childproof_start
endif
CFLAGS ?= -O2 -g0
CHILDPROOF_CC = $(WASI_CC) -std=c11 $(CFLAGS) -I$(CHILDPROOF_DIR) $(LDFLAGS)

childproof_bindings_dir := $(or $(BINDINGS),$(BUILD)/bindings)
childproof_names := childproof childproof_communicate childproof_error childproof_path childproof_stream childproof_text \
    $(childproof_start)
CHILDPROOF := $(childproof_names:%=$(BUILD)/%.o) $(BUILD)/childproof_bindings.o \
    $(childproof_bindings_dir)/childproof_bindings_component_type.o
childproof_generated := $(addprefix $(childproof_bindings_dir)/childproof_bindings,.h .c _component_type.o)

# How it was compiled last: what another compiler made is compiled anew.
childproof_compiler := $(WASI_CC) $(CFLAGS) $(childproof_warnings)
$(BUILD)/compiler: childproof-always
	@mkdir -p $(BUILD)
	@echo '$(childproof_compiler)' | cmp -s - $@ || echo '$(childproof_compiler)' >$@

.PHONY: childproof-always
childproof-always:

$(childproof_names:%=$(BUILD)/%.o): $(BUILD)/%.o: $(CHILDPROOF_DIR)/%.c $(CHILDPROOF_DIR)/childproof.h \
    $(CHILDPROOF_DIR)/childproof_internal.h $(childproof_bindings_dir)/childproof_bindings.h $(BUILD)/compiler
	$(WASI_CC) -std=c11 $(CFLAGS) $(childproof_warnings) -I$(childproof_bindings_dir) -c -o $@ $<

$(BUILD)/childproof_bindings.o: $(childproof_bindings_dir)/childproof_bindings.c \
    $(childproof_bindings_dir)/childproof_bindings.h $(BUILD)/compiler
	$(WASI_CC) -std=c11 $(CFLAGS) -c -o $@ $<

ifndef BINDINGS
# All three at once, by the object.
$(filter-out %.o,$(childproof_generated)): $(filter %.o,$(childproof_generated))
	@touch -c $@
childproof_wit := $(wildcard $(CHILDPROOF_DIR)/childproof.wit $(CHILDPROOF_DIR)/../../wit/0.2/*.wit)
ifdef WIT_BINDGEN
$(filter %.o,$(childproof_generated)): $(childproof_wit)
	rm -rf $(BUILD)/wit
	mkdir -p $(BUILD)/wit/deps/childproof
	cp $(CHILDPROOF_DIR)/childproof.wit $(BUILD)/wit
	cp $(CHILDPROOF_DIR)/../../wit/0.2/*.wit $(BUILD)/wit/deps/childproof
	cp $(CHILDPROOF_DIR)/../../wit/0.2/deps/*.wit $(BUILD)/wit/deps
	$(WIT_BINDGEN) c --out-dir $(childproof_bindings_dir) $(BUILD)/wit
else
$(filter %.o,$(childproof_generated)): $(childproof_wit)
	cargo run --quiet --manifest-path $(CHILDPROOF_DIR)/../../Cargo.toml --package xtask -- \
	    c-bindings $(abspath $(childproof_bindings_dir))
endif
endif

# The first target of the Makefile that includes this is to be its own.
.DEFAULT_GOAL :=
