#!/usr/bin/env bats
# shellcheck shell=bats
# Secrets after their use: of a private key, a passphrase and the keys of a session nothing is left in
# any process, whatever way it went, at any moment when it has no use for them, nor in what it says.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"

setup() {
    ! sanitized || skip "the sanitizers keep freed memory, and maps of terabytes"
    [ "$(id -u)" = 0 ] || skip "only root can look into the memory of other processes"
    [ -e "/proc/self/task/$$/children" ] || skip "no /proc that lists children"
    unset KITH_DIR KITH_IDENTITY KITH_PEERS
    cp -R "$BATS_FILE_TMPDIR"/{alice,bob} "$BATS_TEST_TMPDIR"
    cd "$BATS_TEST_TMPDIR" || return
    "${CC:-cc}" -shared -fPIC -O1 -o known_random.so "$tools/known_random.c" ||
        skip "no compiler for a library here"
    export KITH_PRELOAD=$PWD/known_random.so
    mkdir traced
    echo 0 | python3 "$tools/traced.py" traced cat || skip "no process can be traced here"
}

forgets() {
    timeout -k 1 $((4 * limit)) python3 "$tools/kept.py" "$@" 3>&-
}

@test "keygen, also where it fails: the key that it made" {
    forgets keygen
}

@test "a private key in every form, whole and damaged" {
    forgets forms
}

@test "a passphrase, right and wrong, from a file and typed, and what is made of it" {
    forgets passphrases
}

@test "dial and listen: the keys of a session, while it is open and at the end" {
    forgets pipe
}

@test "serve and forward: after a channel, after a reload, and at the end" {
    forgets channel --plain
}

@test "the same for a channel that is kept, and ends after its use" {
    forgets channel --spare 0 --keep-time 0
}

@test "the reverse way: while a channel carries, when who calls has ended, and at the end" {
    forgets back
}

@test "serve --inetd: the process that is started for one call, its helpers and its program" {
    forgets one_call
}

@test "meet: once both have shaken hands, in the scribe neither, and at the end" {
    forgets meet
}

@test "a handshake or a stream that breaks, in each place" {
    forgets broken
}
