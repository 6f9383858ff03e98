#!/usr/bin/env bats
# shellcheck shell=bats
# What configure asks of the compiler and of the linker against an intruder, looked for in the program
# that came of it: that it was asked for does not show that it is there.

load helpers

setup() {
    [ "$(uname -s)" = Linux ] || skip "this looks at a program of Linux"
    command -v readelf >/dev/null || skip "there is no readelf"
    [ "$KITH" -ef "$root/kith" ] || skip "only the build that is installed is hardened"
}

# elf OPTION: what readelf shows of the program.
elf() {
    LC_ALL=C readelf -W "$1" "$KITH"
}

# shows OPTION REGEX..., hides OPTION REGEX: a line of that is there, or none.
shows() {
    local regex
    for regex in "${@:2}"; do
        elf "$1" | grep -E -- "$regex" || fail "readelf $1 shows no $regex" || return
    done
}

hides() {
    ! elf "$1" | grep -E -- "$2"
}

chosen() {
    grep -qE "^($1) = .*$2" "$root/config.mk"
}

@test "the program may lie anywhere in memory" {
    shows -h 'Type: +DYN'
    shows -d 'FLAGS_1.* PIE'
    hides -d TEXTREL
}

@test "no part of its memory can be both written and run, the stack neither" {
    shows -l 'GNU_STACK .* RW +0x'
    hides -l '(LOAD|GNU_STACK) .* RWE '
}

@test "what the loader fills in is filled in at the start, and cannot be changed after it" {
    shows -l 'GNU_RELRO'
    shows -d 'BIND_NOW|FLAGS_1.* NOW'
}

@test "an array that overflows is noticed on the stack, and by the C library" {
    shows --dyn-syms '__stack_chk_fail'
    shows --dyn-syms 'GLIBC' || skip "another C library than GNU's checks inline, if at all"
    chosen CFLAGS '-O[1-9sf]' || skip "without optimisation the C library checks nothing"
    shows --dyn-syms ' __mem(cpy|move)_chk' ' __v?snprintf_chk'
}

# The start files of many systems have no marks, so the linker gives the program none: but each of
# our own objects has them.
@test "a jump into the middle of our code is a fault, where the processor knows of that" {
    [[ $(uname -m) == x86_64 ]] || skip "only asked for on x86-64"
    LC_ALL=C readelf -nW "$root/build/release/libkith.a" >notes
    [ "$(grep -c '^File:' notes)" -gt 50 ]
    [ "$(grep -c '^File:' notes)" = "$(grep -c 'x86 feature: IBT, SHSTK' notes)" ]
}

@test "it needs libcrypto and the C library, from where the system has them" {
    elf -d | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' >needed
    grep '^libcrypto\.so\.' needed
    run -1 grep -vE '^(libcrypto|libc|libpthread)\.so\.[0-9]+$|^(ld-linux|ld-musl|libc\.musl)[-.0-9a-z_]*$' needed
    ! chosen 'LDFLAGS|CRYPTO_LIBS' rpath || skip "configure was told where else to look"
    hides -d 'RPATH|RUNPATH'
}
