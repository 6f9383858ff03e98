#!/usr/bin/env bats
# shellcheck shell=bats
# What configure takes, what it makes of it, and what it says about a system that will not do. It is
# called from a folder outside the source, as packagers may.

bats_require_minimum_version 1.5.0
root=$(cd "$BATS_TEST_DIRNAME/.." && pwd)

setup() {
    unset CC CFLAGS CPPFLAGS LDFLAGS AR PKG_CONFIG CRYPTO_CFLAGS CRYPTO_LIBS
    mkdir "$BATS_TEST_TMPDIR/a folder"
    cd "$BATS_TEST_TMPDIR/a folder" || return
}

# value NAME: what make reads in config.mk.
value() {
    printf 'include config.mk\nvalue:; @echo "$(%s)"\n' "$1" | make -sf -
}

# is NAME VALUE
is() {
    [ "$(value "$1")" = "$2" ] || {
        echo "$1 is $(value "$1")"
        return 1
    }
}

# A compiler, or the like, of this name; it is the one that is here.
stands_for() {
    mkdir -p bin
    printf '#!/bin/sh\nexec %s "$@"\n' "$2" >"bin/$1"
    chmod +x "bin/$1"
    PATH=$PWD/bin:$PATH
}

# A libcrypto that calls itself so: header_says NUMBER TEXT
header_says() {
    mkdir -p include/openssl
    printf '#define OPENSSL_VERSION_NUMBER %s\n# define OPENSSL_VERSION_TEXT "%s"\n' "$1" "$2" \
        >include/openssl/opensslv.h
}

@test "what debhelper passes" {
    "$root/configure" --build=x86_64-linux-gnu --prefix=/usr '--includedir=${prefix}/include' \
        '--mandir=${prefix}/share/man' '--infodir=${prefix}/share/info' --sysconfdir=/etc \
        --localstatedir=/var --disable-option-checking --disable-silent-rules \
        '--libdir=${prefix}/lib/x86_64-linux-gnu' --runstatedir=/run --disable-maintainer-mode \
        --disable-dependency-tracking
    is BINDIR /usr/bin
    is MANDIR /usr/share/man
    touch -d '1 hour ago' config.mk # it is older than configure: made anew, with the same
    touch -h configure
    make -n install DESTDIR=/there | grep -F "'/there/usr/bin/kith'"
    is MANDIR /usr/share/man
}

@test "what rpm, abuild and a hand pass" {
    "$root/configure" --build=s390x-suse-linux --host=s390x-suse-linux --program-prefix= \
        --prefix=/usr --exec-prefix=/usr/exec --bindir=/usr/bin --sbindir=/usr/sbin \
        --sysconfdir=/etc --datadir=/usr/share --libexecdir=/usr/libexec --sharedstatedir=/var/lib
    is BINDIR /usr/bin
    "$root/configure" --prefix /opt/kith --mandir '${datarootdir}/pages' --enable-frobnication |
        grep -e '--enable-frobnication means nothing here'
    is BINDIR /opt/kith/bin
    is MANDIR /opt/kith/share/pages
}

@test "--host takes that system's compiler and archiver, and no other" {
    run -1 "$root/configure" --host=frob-linux-gnu --build=x86_64-linux-gnu
    [[ $output == *"no compiler for frob-linux-gnu"*frob-linux-gnu-gcc*CC=* ]]
    stands_for frob-linux-gnu-gcc "$(command -v cc)"
    stands_for frob-linux-gnu-ar "$(command -v ar)"
    "$root/configure" --host=frob-linux-gnu --build=x86_64-linux-gnu
    is CC frob-linux-gnu-gcc
    is AR frob-linux-gnu-ar
}

@test "what would not survive make and the shell is refused" {
    for argument in '--frobnicate' '--prefix=/$(HOME)' '--prefix=/$HOME' '--prefix=/`id`' \
        "--bindir=/it's" 'CFLAGS="-O2"' $'--prefix=/usr\n/opt' 'frobnicate' '--prefix'; do
        run -1 "$root/configure" "$argument"
        [[ $output == *configure:* ]]
        [ ! -e config.mk ]
    done
}

@test "a folder to install into that is not said from the root is refused" {
    for argument in --prefix=relative --bindir=bin --mandir=./man --exec-prefix=../usr; do
        run -1 "$root/configure" "$argument"
        [[ $output == "configure: $argument is no absolute path: "* ]]
        [ ! -e config.mk ]
    done
}

@test "a libcrypto that is too old is called by its name, with where there are newer ones" {
    header_says 0x1010117fL "OpenSSL 1.1.1w  11 Sep 2023"
    run -1 "$root/configure" CRYPTO_CFLAGS=-Iinclude
    [[ $output == *"OpenSSL 1.1.1w"*"OpenSSL 3.0 or"*"Debian 12"*CRYPTO_LIBS=* ]]
    [[ $output != *apt-get* ]]
    header_says 0x20000000L "LibreSSL 3.8.2"
    run -1 "$root/configure" CRYPTO_CFLAGS=-Iinclude
    [[ $output == *"LibreSSL 3.8.2"* ]]
}

@test "what is missing is answered with what installs it" {
    for compiler in cc gcc clang; do
        stands_for "$compiler" false
    done
    run -1 "$root/configure"
    [[ $output == *"compiler is missing: $("$root/configure" --packages)"* ]]
}

@test "elsewhere it makes links, and takes nothing that is there for one" {
    echo mine >README
    run -1 "$root/configure"
    [[ $output == *"README is in the way"* ]]
    [ "$(cat README)" = mine ]
    [ ! -e src ]
    rm README
    "$root/configure"
    "$root/configure" # again
    make -n all | grep -F 'src/command/main.c'
    run -2 make fuzz FUZZ_CC=no-clang
    [[ ${lines[0]} == "make fuzz: no-clang is not installed: .ci/deps test" ]]
    [ "${#lines[@]}" = 2 ] # and make's own
    cd ..
    run -1 "$root/configure" --output=/nowhere/config.mk
    [[ $output == *"cannot write /nowhere/config.mk"*"a folder of your own"* ]]
}

@test "the build for a debugger may leave core files, and is not confined" {
    ulimit -c 1024 || skip "core files are forbidden here"
    "$root/configure"
    make -s -j "$(getconf _NPROCESSORS_ONLN)" FLAVOUR=debug all
    KITH_DIR=$PWD build/debug/kith keygen identity
    KITH_DIR=$PWD build/debug/kith listen -i identity -p "$root/keys/bob.pub" --ready-fd 3 127.0.0.1:0 \
        3>ready 8>&- 9>&- &
    listener=$!
    for ((i = 0; i < 200; i++)); do
        [ ! -s ready ] || break
        sleep 0.05
    done
    limits=$(grep '^Max core file size' "/proc/$listener/limits")
    state=$(grep '^Seccomp:' "/proc/$listener/status" || echo 'Seccomp: 0')
    kill "$listener"
    [[ $limits == *1048576* ]]
    [[ $state == *0 ]]
}
