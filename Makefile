# What one does daily with liblucidlink. build/ is laid out as an installed prefix: bin, include, lib, share.

CARGO ?= cargo
PREFIX ?= /usr/local
DESTDIR ?=

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
SHARED := build/lib/liblucidlink.so.0

# The library is built without the crate's rlib, beside which LTO is silently off, and in a folder of its own,
# where no other build writes to the same file names.
LIBRARY := target/library
TOOL := target/release/lucidlink

.PHONY: help library quickstart test bench header docs install
.PHONY: tools lint deny test-header test-abi test-rust test-c test-cpp test-install test-bindings
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

help:
	@echo 'make quickstart   build, make a workspace in build/quickstart, compile and run the C example'
	@echo 'make test         every check and test'
	@echo 'make test-bindings  the C interface from Go, Node, Python and Swift, with what make library built'
	@echo 'make library      build/lib, build/include, build/bin: the libraries, the header, the command line'
	@echo 'make bench        figures beside the limits of this machine'
	@echo 'make header       write include/lucidlink.h from src/ffi'
	@echo 'make docs         the documentation of the source, in target/doc'
	@echo 'make install      install into PREFIX ($(PREFIX)); DESTDIR is put before it'

library:
	$(CARGO) rustc --release --lib --crate-type cdylib,staticlib --target-dir $(LIBRARY) -- \
	    -C linker='$(CURDIR)/scripts/link' -C linker-flavor=gcc
	$(CARGO) build --release --bin lucidlink --features cli --target-dir target
	mkdir -p build/bin build/include build/lib/cmake/lucidlink build/lib/pkgconfig
	install -C -m 755 $(LIBRARY)/release/liblucidlink.so $(SHARED)
	ln -sfn liblucidlink.so.0 build/lib/liblucidlink.so
	scripts/static-library $(SHARED) $(LIBRARY)/release/liblucidlink.a build/lib/liblucidlink.a
	install -C -m 644 include/lucidlink.h include/lucidlink.hpp build/include
	install -C -m 755 $(TOOL) build/bin/lucidlink
	rm -rf build/share
	mkdir -p build/share/man/man1 build/share/bash-completion/completions
	$(TOOL) man build/share/man/man1
	$(TOOL) completions bash > build/share/bash-completion/completions/lucidlink
	install -C -m 644 cmake/lucidlink-config.cmake build/lib/cmake/lucidlink/lucidlink-config.cmake
	sed 's/@VERSION@/$(VERSION)/' cmake/lucidlink-config-version.cmake.in \
	    > build/lib/cmake/lucidlink/lucidlink-config-version.cmake
	sed 's/@VERSION@/$(VERSION)/' cmake/lucidlink.pc.in > build/lib/pkgconfig/lucidlink.pc

quickstart:
	scripts/need cc c++ cmake
	$(MAKE) library
	rm -rf build/quickstart/cmake
	cmake -S examples-c -B build/quickstart/cmake -DCMAKE_PREFIX_PATH='$(CURDIR)/build'
	cmake --build build/quickstart/cmake
	@# A workspace of an earlier run may have been gone on in: it stays. Without its token it is of no use, nor is that
	@# without the workspace.
	if [ -e build/quickstart/env ] && [ -d build/quickstart/workspace ]; then \
	    . build/quickstart/env && build/quickstart/cmake/quickstart; \
	else \
	    rm -rf build/quickstart/workspace && \
	    scripts/in-new-workspace build/bin/lucidlink build/quickstart build/quickstart/cmake/quickstart; \
	fi
	@echo 'Go on in this workspace: . build/quickstart/env; build/bin/lucidlink ls -l demo:/letters'
	@echo 'It stays when this is run again; to begin with a new one: rm -rf build/quickstart'

# The cheap checks come first.
test: tools
	mkdir -p build
	cp include/lucidlink.h build/committed.h
	$(MAKE) lint deny
	cmp build/committed.h include/lucidlink.h || \
	    { echo 'include/lucidlink.h was stale and has been written anew: commit it.' >&2; exit 1; }
	$(MAKE) library test-header test-abi test-rust test-c test-cpp test-install test-bindings

tools:
	scripts/need cc c++ clang cmake pkg-config valgrind rustfmt clippy go node npm python3

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --no-deps --all-features

# Advisories are not asked for: they need a repository from the network at each run.
deny:
	test -x target/tools/bin/cargo-deny || \
	    $(CARGO) install --locked --root target/tools cargo-deny@0.20.2
	target/tools/bin/cargo-deny --all-features check bans licenses sources

test-header:
	tests/header/compile

test-abi:
	tests/abi/check build/lib

test-rust:
	LUCIDLINK_LIBRARY='$(CURDIR)/$(SHARED)' $(CARGO) test --all-features --no-fail-fast

test-c:
	$(MAKE) -C tests/c test asan valgrind

test-cpp:
	$(MAKE) -C tests/cpp test asan valgrind

test-install:
	tests/install/check

test-bindings:
	scripts/need cc clang pkg-config go node npm python3
	$(MAKE) -C bindings test

bench: library
	$(MAKE) -C benches

header:
	$(CARGO) check

docs:
	$(CARGO) doc --no-deps --all-features

# Installs what was built; builds it only if nothing was, so that root needs no Rust.
install:
	test -e $(SHARED) || $(MAKE) library
	install -d '$(DESTDIR)$(PREFIX)/bin' '$(DESTDIR)$(PREFIX)/include' \
	    '$(DESTDIR)$(PREFIX)/lib/cmake/lucidlink' '$(DESTDIR)$(PREFIX)/lib/pkgconfig' \
	    '$(DESTDIR)$(PREFIX)/share/man/man1' '$(DESTDIR)$(PREFIX)/share/bash-completion/completions'
	install -m 755 build/bin/lucidlink '$(DESTDIR)$(PREFIX)/bin'
	install -m 644 build/include/lucidlink.h build/include/lucidlink.hpp '$(DESTDIR)$(PREFIX)/include'
	install -m 755 $(SHARED) '$(DESTDIR)$(PREFIX)/lib'
	ln -sfn liblucidlink.so.0 '$(DESTDIR)$(PREFIX)/lib/liblucidlink.so'
	install -m 644 build/lib/liblucidlink.a '$(DESTDIR)$(PREFIX)/lib'
	install -m 644 build/lib/cmake/lucidlink/*.cmake '$(DESTDIR)$(PREFIX)/lib/cmake/lucidlink'
	install -m 644 build/lib/pkgconfig/lucidlink.pc '$(DESTDIR)$(PREFIX)/lib/pkgconfig'
	install -m 644 build/share/man/man1/*.1 '$(DESTDIR)$(PREFIX)/share/man/man1'
	install -m 644 build/share/bash-completion/completions/lucidlink \
	    '$(DESTDIR)$(PREFIX)/share/bash-completion/completions'
