# SPDX-License-Identifier: Apache-2.0
# make | check | check-unit | check-system | kernels | demo | demo-compare | lint | fmt | install | clean; SANITIZE=1, V=1

PREFIX ?= /usr/local
DESTDIR ?=
BUILD ?= build
CC ?= cc
CLANG ?= clang
BPFTOOL ?= $(or $(wildcard /usr/sbin/bpftool),bpftool)
PKG_CONFIG ?= pkg-config
V ?= 0
ifeq ($(V),0)
say = @printf '  %-8s %s\n' $(1) $(2);
else
say =
endif

VERSION := 0.1.0
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wundef -Wvla -Wformat=2 -Werror=implicit-function-declaration -Werror=unused-function
CFLAGS ?= -O2 -g
ALL_CFLAGS := -std=gnu11 $(WARNINGS) $(CFLAGS) -D_GNU_SOURCE -I. -I$(BUILD) \
	-DFAULTD_VERSION='"$(VERSION)"' -DFAULTD_PREFIX='"$(PREFIX)"' -fPIE -fstack-protector-strong
ALL_LDFLAGS := -pie -Wl,-z,relro,-z,now $(LDFLAGS)
ifeq ($(SANITIZE),1)
BUILD := $(BUILD)/sanitize
ALL_CFLAGS += -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined
ALL_LDFLAGS += -fsanitize=address,undefined
endif

# Target architecture of the kernel programs, for the headers of the UAPI.
MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)
BPF_CFLAGS := -std=gnu11 -O2 -g -target bpf -mcpu=v3 -Wall -Wextra -Wno-unused-parameter -Werror=implicit-function-declaration \
	-Wno-address-of-packed-member -I. -I/usr/include/$(MULTIARCH)

# What each program links. A foreign library is used by one room only.
EXPERIMENT_LIBS := libfyaml
PROTOCOL_LIBS := jansson
GATE_LIBS := openssl libnghttp2
DAEMON_LIBS := libbpf libnl-3.0 libnl-idiag-3.0 libnl-route-3.0 libmicrohttpd libseccomp libcap libsystemd
CONTROLLER_LIBS := libcurl
pkg_cflags = $(shell $(PKG_CONFIG) --cflags $(1) 2>/dev/null)
pkg_libs = $(shell $(PKG_CONFIG) --libs $(1) 2>/dev/null)
ALL_CFLAGS += $(call pkg_cflags,$(EXPERIMENT_LIBS) $(PROTOCOL_LIBS) $(GATE_LIBS) $(DAEMON_LIBS) \
	$(CONTROLLER_LIBS))

BASE_SRC := $(wildcard user/base/*.c)
EXPERIMENT_SRC := $(wildcard user/experiment/*.c)
PROTOCOL_SRC := $(wildcard user/protocol/*.c)
GATE_SRC := $(wildcard user/gate/*.c)
DAEMON_SRC := $(wildcard user/daemon/*.c)
CONTROLLER_SRC := $(wildcard user/controller/*.c)
# Rooms as archives without their main, so that the tests link the same objects.
DAEMON_MAIN := user/daemon/main.c
CONTROLLER_MAIN := user/controller/main.c
object = $(patsubst %.c,$(BUILD)/%.o,$(1))
LIB_BASE := $(BUILD)/libbase.a
LIB_EXPERIMENT := $(BUILD)/libexperiment.a
LIB_PROTOCOL := $(BUILD)/libprotocol.a
LIB_GATE := $(BUILD)/libgate.a
LIB_DAEMON := $(BUILD)/libdaemon.a
LIB_CONTROLLER := $(BUILD)/libcontroller.a

BPF_SRC := $(wildcard kernel/*.bpf.c)
BPF_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(BPF_SRC))
SKELETON := $(BUILD)/kernel/faultd.skel.h

PROGRAMS := $(BUILD)/faultd $(BUILD)/faultctl
UNIT_SRC := $(shell find tests/unit -name 'test_*.c' 2>/dev/null | sort)
UNIT_BIN := $(patsubst tests/%.c,$(BUILD)/tests/%,$(UNIT_SRC))
BPF_TEST_SRC := $(wildcard tests/bpf/test_*.c)
BPF_TEST_BIN := $(patsubst tests/%.c,$(BUILD)/tests/%,$(BPF_TEST_SRC))
HARNESS_SRC := $(wildcard tests/harness/*.c)
HARNESS_BIN := $(patsubst tests/%.c,$(BUILD)/tests/%,$(HARNESS_SRC))

all: $(PROGRAMS)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# -MMD does not see what the assembler includes.
$(BUILD)/user/controller/page_style.o: user/controller/page.css

# -MMD works with clang's bpf target too: editing contract.h rebuilds every program.
$(BUILD)/kernel/%.bpf.o: kernel/%.bpf.c
	@mkdir -p $(@D)
	$(call say,BPF,$<)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/kernel/faultd.bpf.linked.o: $(BPF_OBJ)
	$(call say,BPFLINK,$@)$(BPFTOOL) gen object $@ $^

$(SKELETON): $(BUILD)/kernel/faultd.bpf.linked.o
	$(call say,SKELETON,$@)$(BPFTOOL) gen skeleton $< name faultd_bpf > $@.tmp && mv $@.tmp $@

$(call object,$(DAEMON_SRC)) $(call object,$(BPF_TEST_SRC)): | $(SKELETON)

define archive
$(1): $(call object,$(2))
	$$(call say,AR,$$@)rm -f $$@ && ar rcs $$@ $$^
endef
$(eval $(call archive,$(LIB_BASE),$(BASE_SRC)))
$(eval $(call archive,$(LIB_EXPERIMENT),$(EXPERIMENT_SRC)))
$(eval $(call archive,$(LIB_PROTOCOL),$(PROTOCOL_SRC)))
$(eval $(call archive,$(LIB_GATE),$(GATE_SRC)))
$(eval $(call archive,$(LIB_DAEMON),$(filter-out $(DAEMON_MAIN),$(DAEMON_SRC))))
$(eval $(call archive,$(LIB_CONTROLLER),$(filter-out $(CONTROLLER_MAIN),$(CONTROLLER_SRC))))

COMMON_LIBS := $(LIB_PROTOCOL) $(LIB_EXPERIMENT) $(LIB_GATE) $(LIB_BASE)

$(BUILD)/faultd: $(call object,$(DAEMON_MAIN)) $(LIB_DAEMON) $(COMMON_LIBS)
	$(call say,LINK,$@)$(CC) $(ALL_LDFLAGS) -o $@ $^ \
		$(call pkg_libs,$(DAEMON_LIBS) $(PROTOCOL_LIBS) $(EXPERIMENT_LIBS) $(GATE_LIBS)) -lm

$(BUILD)/faultctl: $(call object,$(CONTROLLER_MAIN)) $(LIB_CONTROLLER) $(COMMON_LIBS)
	$(call say,LINK,$@)$(CC) $(ALL_LDFLAGS) -o $@ $^ \
		$(call pkg_libs,$(CONTROLLER_LIBS) $(PROTOCOL_LIBS) $(EXPERIMENT_LIBS) $(GATE_LIBS)) -lm

# A unit test's room tells what it links: tests/unit/ROOM/test_FILE.c.
$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(LIB_DAEMON) $(LIB_CONTROLLER) $(COMMON_LIBS)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(ALL_LDFLAGS) -o $@ $< \
		$(if $(findstring /daemon/,$@),$(LIB_DAEMON)) \
		$(if $(findstring /controller/,$@),$(LIB_CONTROLLER)) $(COMMON_LIBS) \
		$(if $(findstring /daemon/,$@),$(call pkg_libs,$(DAEMON_LIBS))) \
		$(if $(findstring /controller/,$@),$(call pkg_libs,$(CONTROLLER_LIBS))) \
		$(call pkg_libs,$(PROTOCOL_LIBS) $(EXPERIMENT_LIBS) $(GATE_LIBS) cmocka) -lm

$(BUILD)/tests/bpf/%: $(BUILD)/tests/bpf/%.o $(COMMON_LIBS) $(LIB_DAEMON)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(ALL_LDFLAGS) -o $@ $< $(LIB_DAEMON) $(COMMON_LIBS) \
		$(call pkg_libs,$(DAEMON_LIBS) $(PROTOCOL_LIBS) $(EXPERIMENT_LIBS) $(GATE_LIBS) cmocka) -lm

$(BUILD)/tests/harness/%: $(BUILD)/tests/harness/%.o $(LIB_GATE) $(LIB_BASE)
	@mkdir -p $(@D)
	$(call say,LINK,$@)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(call pkg_libs,$(GATE_LIBS)) -lpthread

tests: $(UNIT_BIN) $(BPF_TEST_BIN) $(HARNESS_BIN)

check: all tests
	./tests/run all
check-unit: all tests
	./tests/run unit
check-bpf: all tests
	./tests/run bpf
check-system: all tests
	./tests/run system

# How exactly effects and probes keep to what is asked of them; needs root, takes minutes.
bench: all
	for script in ./tests/bench/accuracy*.sh ./tests/bench/gate.sh ./tests/bench/probes.sh; do $$script || exit 1; done

# The effects on older kernels under qemu; needs root, takes a quarter of an hour.
kernels: all
	BUILD=$(BUILD) ./tests/kernels/run

demo: all
	./scripts/run-demo

# Naive retries against jittered backoff, then a cliff against a staged release, 5 runs of
# each: about 6 minutes.
demo-compare: all
	./scripts/run-demo --compare 5 experiments/compare-naive-cliff.yaml \
		experiments/compare-jittered-cliff.yaml experiments/compare-naive-cliff.yaml \
		experiments/compare-naive-staged.yaml

lint: all
	./scripts/lint

fmt:
	clang-format -i $$(git ls-files '*.c' '*.h')

install: all
	./scripts/install-files "$(BUILD)" "$(DESTDIR)" "$(PREFIX)"

clean:
	rm -rf build

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

.PHONY: all bench check check-unit check-bpf check-system clean demo demo-compare fmt install kernels lint tests
.SECONDARY:
.DELETE_ON_ERROR:
