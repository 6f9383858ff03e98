# Builds kith with GNU make. A flavour is one way to compile everything (release, asan, ...), and
# has its own folder under build/; the release binary is ./kith. "make help" lists the targets.

VERSION = 0.1.0
FLAVOUR = release
CONFIG = config.mk
FUZZ_SECONDS = 600
SOAK_SECONDS = 3600
SUITE = unit bats
# What is in the tarball; where configure was called from elsewhere, these are links to the source.
SOURCES = .ci .clang-format .clang-tidy .editorconfig .gitignore CHANGELOG HACKING LICENSE Makefile README SECURITY bench configure contrib keys man src tests
GCOV = gcov

# Only what needs no compiler does without config.mk.
ifneq ($(if $(MAKECMDGOALS),$(filter-out help clean distclean dist deb fresh model proof,$(MAKECMDGOALS)),all),)
include $(CONFIG)
endif

B = build/$(FLAVOUR)
BINARY = $(if $(filter release,$(FLAVOUR)),kith,$(B)/kith)
LIBRARY = $(B)/libkith.a
MAIN = command/main
LIBRARY_OBJECTS = $(patsubst src/%.c,$(B)/%.o,$(filter-out src/$(MAIN).c,$(sort $(wildcard src/*/*.c))))
UNIT_SOURCES = $(sort $(wildcard tests/unit/test_*.c))
UNIT_HELPERS = $(filter-out $(UNIT_SOURCES),$(sort $(wildcard tests/unit/*.c)))
UNIT_PROGRAMS = $(UNIT_SOURCES:%.c=$(B)/%)
FUZZ_SOURCES = $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_PROGRAMS = $(FUZZ_SOURCES:%.c=$(B)/%)
# What runs a fuzzer: an engine, or the inputs that are here, once.
ENGINE_fuzz = -fsanitize=fuzzer
ENGINE_afl = -fsanitize=fuzzer
# What builds them.
FUZZ_CC = $(if $(filter afl,$@),afl-clang-fast,clang)
ENGINE = $(or $(ENGINE_$(FLAVOUR)),tests/fuzz/replay.c)
# Where each shell looks for how a command is completed (Debian's zsh looks elsewhere in /usr), and
# systemd for units: with an empty UNITDIR none are installed.
BASHDIR = $(DATAROOTDIR)/bash-completion/completions
ZSHDIR = $(DATAROOTDIR)/zsh/site-functions
FISHDIR = $(DATAROOTDIR)/fish/vendor_completions.d
UNITDIR = $(PREFIX)/lib/systemd/system
DOCDIR = $(DATAROOTDIR)/doc/kith
UNITS = $(wildcard contrib/*.service contrib/*.socket)
MANUALS = $(wildcard man/*.1 man/*.5 man/*.7)

# Who reads files of its own at the end, or makes code as it runs, cannot be confined.
UNCONFINED = -DKITH_UNCONFINED
SANITIZE = $(UNCONFINED) -fno-omit-frame-pointer -fno-sanitize-recover=all
FLAGS_asan = -O1 -g $(SANITIZE) -fsanitize=address,undefined
FLAGS_tsan = -O1 -g $(SANITIZE) -fsanitize=thread
FLAGS_msan = -O1 -g $(SANITIZE) -fsanitize=memory -fsanitize-memory-track-origins \
	-fsanitize-ignorelist=tests/msan/ignored
FLAGS_fuzz = -O1 -g $(SANITIZE) -fsanitize=fuzzer-no-link,address,undefined
FLAGS_afl = -O1 -g $(SANITIZE) -fsanitize=address,undefined
FLAGS_valgrind = -O2 -g $(UNCONFINED)
# For a debugger: what may leave the process is not held back.
FLAGS_debug = -Og -g3 $(UNCONFINED) -DKITH_TRACEABLE
FLAGS_cover = -O0 -g $(UNCONFINED) --coverage -fprofile-update=atomic

# What nobody has declared would be taken to return an int, in a flavour that nobody looks at.
UNDECLARED = -Werror=implicit-function-declaration
COMPILE_FLAGS = $(BASE_CFLAGS) -Isrc -DKITH_VERSION='"$(VERSION)"' $(CRYPTO_CFLAGS) $(CPPFLAGS) \
	$(WARNINGS) $(UNDECLARED) $(or $(FLAGS_$(FLAVOUR)),$(HARDEN_CFLAGS) $(CFLAGS))
LINK_FLAGS = $(or $(FLAGS_$(FLAVOUR)),$(HARDEN_LDFLAGS)) $(LDFLAGS)
LIBS = $(LIBS_$(FLAVOUR)) $(CRYPTO_LIBS)
# What stands before libcrypto, and the names of its functions.
DOOR_msan = tests/msan/door.c
LIBS_msan = $(DOOR_msan) $(LIBRARY) \
	$(shell awk -F ', ' '/^DOOR/ { print "-Wl,--wrap=" $$2 }' $(DOOR_msan))
# Shows what is made; the commands themselves with V=1.
SHOW = $(if $(V),,@echo '  $@' &&)
WITH_DEPENDENCIES = -MMD -MP -MT $@ -MF $@.d

SANITIZER_OPTIONS = ASAN_OPTIONS=detect_leaks=1:exitcode=99 \
	UBSAN_OPTIONS=print_stacktrace=1:exitcode=99 TSAN_OPTIONS=halt_on_error=1:exitcode=99
VALGRIND = valgrind -q --leak-check=full --error-exitcode=99 --suppressions=tests/unit/timing.supp

.PHONY: all help programs fuzzers demo debug check long unit asan tsan msan valgrind matrix lint analyze faults fuzz \
	afl fuzz-quick fuzz-cover fuzz-planted cover bench soak mutants model proof \
	fresh install uninstall dist deb deb-tools clean distclean
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

all: $(BINARY)

help:
	@echo 'make                 build ./kith (V=1: show the commands)'
	@echo 'make demo            see it work'
	@echo 'make debug           build/debug/kith and the unit tests, for a debugger'
	@echo 'make check           all tests but those below'
	@echo 'make long            those of them that are longer if asked, for half an hour'
	@echo 'make unit            the unit tests alone'
	@echo 'make asan, tsan      all tests (or SUITE) under AddressSanitizer and UBSan, ThreadSanitizer'
	@echo 'make msan            the unit tests and the inputs of the fuzzers under MemorySanitizer'
	@echo 'make valgrind        the unit tests under valgrind'
	@echo 'make matrix          every behaviour at every kind of end, half an hour'
	@echo 'make lint            the source under every linter'
	@echo 'make analyze         the paths through the source under the analyzers of gcc and clang'
	@echo 'make faults          each call failing in turn, for FAULT_SECONDS=1200 or until all have'
	@echo 'make fuzz            every fuzzer for FUZZ_SECONDS=600 (make fuzz-quick: 10)'
	@echo 'make afl             the same by AFL++ in the place of libFuzzer'
	@echo 'make fuzz-cover      how much of what they are for the fuzzers reach'
	@echo 'make fuzz-planted    whether each fuzzer finds a bug that is planted for it'
	@echo 'make soak            an hour of trouble, or SOAK_SECONDS, from a printed SOAK_SEED'
	@echo 'make proof           what Frama-C proves of the readers, and that planted bugs break it'
	@echo 'make mutants         plant bugs, one at a time, which the tests have to find'
	@echo 'make model           verify the models of the protocol, and that they need each check'
	@echo 'make cover           how much of each source file the tests run'
	@echo 'make bench           measure'
	@echo 'make fresh           what README says, on systems that were just installed (as root)'
	@echo 'make install         DESTDIR= PREFIX= BINDIR= MANDIR= (make uninstall: the reverse)'
	@echo 'make dist            the release tarball of the last commit, in dist/'
	@echo 'make deb             the Debian package of the last commit, in dist/deb'
	@echo 'make clean           (make distclean: and what configure wrote)'

$(CONFIG): configure
	@mkdir -p $(@D)
	./configure --output=$@ $(CONFIGURE_ARGS)

$(BINARY): $(B)/$(MAIN).o $(LIBRARY)
	$(SHOW)$(CC) $(COMPILE_FLAGS) -o $@ $(B)/$(MAIN).o $(LIBRARY) $(LINK_FLAGS) $(LIBS)

$(LIBRARY): $(LIBRARY_OBJECTS)
	@rm -f $@
	$(SHOW)$(AR) rcs $@ $(LIBRARY_OBJECTS)

$(B)/%.o: src/%.c $(CONFIG) Makefile
	@mkdir -p $(@D)
	$(SHOW)$(CC) $(COMPILE_FLAGS) $(WITH_DEPENDENCIES) -c -o $@ $<

$(B)/tests/unit/%: tests/unit/%.c $(UNIT_HELPERS) $(LIBRARY) $(CONFIG) Makefile
	@mkdir -p $(@D)
	$(SHOW)$(CC) $(COMPILE_FLAGS) $(WITH_DEPENDENCIES) -o $@ $< $(UNIT_HELPERS) $(LIBRARY) \
		$(LINK_FLAGS) $(LIBS)

# Of two sources in one command the compiler keeps the headers of the last alone.
$(B)/tests/fuzz/%: tests/fuzz/%.c tests/fuzz/replay.c $(wildcard tests/fuzz/*.h tests/unit/*.h) \
		$(LIBRARY) $(CONFIG) Makefile
	@mkdir -p $(@D)
	$(SHOW)$(CC) $(COMPILE_FLAGS) -o $@ $< $(ENGINE) $(LIBRARY) $(LINK_FLAGS) $(LIBS)

programs: $(BINARY) $(UNIT_PROGRAMS) $(FUZZ_PROGRAMS)

fuzzers: $(or $(FUZZERS:%=$(B)/tests/fuzz/%),$(FUZZ_PROGRAMS))

demo: all
	@tests/demo

debug:
	@$(MAKE) FLAVOUR=$@ programs

check: programs
	@KITH=./kith KITH_BUILD=$(B) tests/run $(SUITE)

# The files that ask for KITH_LONG.
long: programs
	@KITH=./kith KITH_BUILD=$(B) KITH_LONG=1 KITH_TEST_TIMEOUT=0 \
		tests/run $$(grep -l KITH_LONG tests/*.bats)

unit: $(UNIT_PROGRAMS) $(FUZZ_PROGRAMS)
	@KITH_BUILD=$(B) tests/run unit

asan tsan:
	@$(MAKE) FLAVOUR=$@ programs
	@KITH=build/$@/kith KITH_BUILD=build/$@ $(SANITIZER_OPTIONS) tests/run $(SUITE)

msan:
	@$(MAKE) FLAVOUR=$@ CONFIG=build/$@/config.mk CC=clang programs
	@KITH_BUILD=build/$@ MSAN_OPTIONS=exitcode=99 tests/run unit

valgrind:
	@$(MAKE) FLAVOUR=valgrind programs
	@KITH_BUILD=build/valgrind KITH_WRAP='$(VALGRIND)' tests/run unit

matrix: all
	@KITH=$(BINARY) $(SANITIZER_OPTIONS) KITH_TEST_TIMEOUT=0 tests/run tests/matrix/long

lint: all
	@KITH_LINT_FLAGS='$(BASE_CFLAGS) -Isrc $(CRYPTO_CFLAGS)' tests/run lint tests/lint/tools

analyze: $(CONFIG)
	@KITH_LINT_FLAGS='$(BASE_CFLAGS) -Isrc $(CRYPTO_CFLAGS)' tests/run tests/lint/analyze

faults: all
	@KITH=$(CURDIR)/kith tests/faults

fuzz afl:
	@command -v $(FUZZ_CC) >/dev/null || \
		{ echo 'make $@: $(FUZZ_CC) is not installed: .ci/deps test' >&2; exit 1; }
	@$(MAKE) FLAVOUR=$@ CONFIG=build/$@/config.mk CC=$(FUZZ_CC) fuzzers
	@KITH_BUILD=build/$@ FUZZ_ENGINE=$@ FUZZ_SECONDS=$(FUZZ_SECONDS) FUZZERS='$(FUZZERS)' \
		KITH_TEST_TIMEOUT=0 tests/run tests/fuzz/run

fuzz-quick:
	@$(MAKE) FUZZ_SECONDS=10 fuzz

fuzz-cover:
	@$(MAKE) FLAVOUR=cover fuzzers
	@GCOV=$(GCOV) KITH_BUILD=build/cover tests/fuzz/cover

fuzz-planted:
	@KITH_TEST_TIMEOUT=0 tests/run tests/fuzz/planted

cover:
	@$(MAKE) FLAVOUR=cover programs
	@find build/cover -name '*.gcda' -exec rm -f {} +
	@KITH=build/cover/kith KITH_BUILD=build/cover tests/run unit bats; status=$$?; \
		for source in src/*/*.c; do $(GCOV) -n -o build/cover "$$source" 2>/dev/null; done | \
			awk -f tests/cover.awk && exit $$status

bench: all
	@test -x bench/run || { echo 'make bench: bench/run is not here' >&2; exit 1; }
	@KITH=./kith KITH_BUILD=$(B) bench/run

soak: all
	@KITH=./kith SOAK_SECONDS=$(SOAK_SECONDS) tests/soak $(SOAK_SEED)

proof:
	@KITH_LONG=1 KITH_TEST_TIMEOUT=0 tests/run tests/proof/run

mutants: programs
	@KITH_TEST_TIMEOUT=0 tests/run tests/mutants/run

model:
	@KITH_LONG=1 tests/model/run

fresh:
	@tests/fresh

install: all
	install -d '$(DESTDIR)$(BINDIR)'
	install -m 0755 $(BINARY) '$(DESTDIR)$(BINDIR)/kith'
	@for page in $(MANUALS); do \
		folder='$(DESTDIR)$(MANDIR)'/man$${page##*.}; \
		echo "install -m 0644 $$page $$folder"; \
		install -d "$$folder" && install -m 0644 "$$page" "$$folder" || exit 1; \
	done
	install -d '$(DESTDIR)$(BASHDIR)' '$(DESTDIR)$(ZSHDIR)' '$(DESTDIR)$(FISHDIR)' \
		'$(DESTDIR)$(DOCDIR)'
	install -m 0644 contrib/completions/kith.bash '$(DESTDIR)$(BASHDIR)/kith'
	install -m 0644 contrib/completions/_kith '$(DESTDIR)$(ZSHDIR)/_kith'
	install -m 0644 contrib/completions/kith.fish '$(DESTDIR)$(FISHDIR)/kith.fish'
	install -m 0644 README CHANGELOG LICENSE SECURITY '$(DESTDIR)$(DOCDIR)'
	install -m 0644 contrib/README.systemd contrib/fail2ban/kith.conf '$(DESTDIR)$(DOCDIR)'
	@[ -z '$(UNITDIR)' ] || for unit in $(UNITS); do \
		folder='$(DESTDIR)$(UNITDIR)'; file=$$folder/$${unit##*/}; \
		echo "install -m 0644 $$unit $$folder"; \
		install -d "$$folder" && install -m 0644 "$$unit" "$$folder" && \
			sed 's,/usr/local/bin/kith,$(BINDIR)/kith,' "$$unit" >"$$file" || exit 1; \
	done

uninstall:
	rm -f '$(DESTDIR)$(BINDIR)/kith' '$(DESTDIR)$(BASHDIR)/kith' '$(DESTDIR)$(ZSHDIR)/_kith' \
		'$(DESTDIR)$(FISHDIR)/kith.fish'
	cd '$(DESTDIR)$(DOCDIR)' && rm -f README CHANGELOG LICENSE SECURITY README.systemd kith.conf
	rmdir '$(DESTDIR)$(DOCDIR)'
	@for page in $(MANUALS); do \
		file='$(DESTDIR)$(MANDIR)'/man$${page##*.}/$${page##*/}; \
		echo "rm -f $$file"; rm -f "$$file"; \
	done
	@[ -z '$(UNITDIR)' ] || for unit in $(UNITS); do \
		file='$(DESTDIR)$(UNITDIR)'/$${unit##*/}; \
		echo "rm -f $$file"; rm -f "$$file"; \
	done

# git gives every file the time of the commit, and gzip -n adds none: the same commit makes the
# same tarball.
SOURCE = $(shell if [ -L configure ]; then dirname "$$(readlink configure)"; else pwd -P; fi)
dist:
	@command -v git >/dev/null || { echo 'make dist: git is not installed' >&2; exit 1; }
	@cd '$(SOURCE)' && top=$$(git rev-parse --show-toplevel 2>/dev/null) && git rev-parse -q --verify HEAD \
		>/dev/null && [ "$$top" = "$$(pwd -P)" ] || { echo 'make dist: the tarball is made of the last' \
		'commit, and git knows of none here' >&2; exit 1; }
	@mkdir -p dist
	git -C '$(SOURCE)' -c tar.umask=0022 archive --format=tar --prefix=kith-$(VERSION)/ HEAD \
		>dist/kith-$(VERSION).tar
	gzip -9nf dist/kith-$(VERSION).tar

deb-tools:
	@command -v git >/dev/null && command -v dpkg-buildpackage >/dev/null && command -v dh >/dev/null || \
		{ echo 'make deb: as root:' 'apt-get install --no-install-recommends git build-essential debhelper' >&2; exit 1; }

# The Debian package of the last commit, and its source, in dist/deb: the tarball, with contrib/debian
# in its place.
deb: deb-tools dist
	rm -rf dist/deb build/deb
	mkdir -p dist/deb build/deb
	tar -xzf dist/kith-$(VERSION).tar.gz -C build/deb
	cp dist/kith-$(VERSION).tar.gz build/deb/kith_$(VERSION).orig.tar.gz
	cp -R build/deb/kith-$(VERSION)/contrib/debian build/deb/kith-$(VERSION)/debian
	cd build/deb/kith-$(VERSION) && dpkg-buildpackage -us -uc
	mv build/deb/kith*_* dist/deb

clean:
	rm -rf build kith

distclean: clean
	rm -rf config.mk dist
	@[ ! -L configure ] || rm -f $(SOURCES)

-include $(wildcard $(B)/*/*.d $(B)/tests/unit/*.d)
