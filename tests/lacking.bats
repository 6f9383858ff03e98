#!/usr/bin/env bats
# shellcheck shell=bats
# What the world lacks: memory, a home, /proc, a disk to write to, calls that an older kernel does
# not have or a supervisor refuses. kith works as before, or says what it misses in one line.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"
source "$BATS_TEST_DIRNAME/daemons.bash"

# served_in WORD...: in this world (tests/tools/world.py), and with that at both ends, a program of
# serve's says back what it is sent, through forward's peer too.
served_in() {
    launcher=(python3 "$tools/world.py" "$@")
    start_serve --exec cat
    [ "$(KITH_DIR=alice bounded "${launcher[@]}" "$KITH" dial "bob@$address" <<<hello)" = hello ] ||
        fail "$*: nothing comes back" || return
    start_forward
    [ "$(python3 "$tools/echoed.py" "$near" <<<hello)" = hello ] || fail "$*: not through forward" || return
    kill "$forwarder" "$server"
    ends "$forwarder" 0
    ends "$server" 0
}

@test "calls that an older kernel does not have, or a filter refuses, are done without" {
    ! sanitized || skip "a sanitizer needs some of them itself"
    local refused=()
    for call in clone3 close_range epoll_create1 landlock_create_ruleset landlock_add_rule \
        landlock_restrict_self madvise mlock pidfd_open rseq setsockopt statx prctl; do
        served_in "refuse=$call:ENOSYS"
        [ "$call" = clone3 ] || refused+=("refuse=$call:EPERM") # a C library stops at that
    done
    served_in "${refused[@]}"
}

@test "where no right can be given, all is left that is needed: the target is reached" {
    start_serve --exec cat
    start_forward
    launcher=(python3 "$tools/world.py" refuse=landlock_add_rule:ENOMEM)
    start_serve "$near"
    [ "$(dial <<<hello)" = hello ]
}

@test "small limits on memory that is locked, core files, the stack and queues do no harm" {
    ! sanitized || skip "a sanitizer needs more memory"
    for limit_of in MEMLOCK:0 CORE:0 STACK:262144 MSGQUEUE:0 SIGPENDING:0; do
        served_in "limit=$limit_of"
    done
}

@test "with too little memory it starts and serves, or says so in one line" {
    ! sanitized || skip "a sanitizer needs more memory"
    local status
    for megabytes in 6 8 10 12 16 24 64; do
        status=0
        KITH_DIR=alice bounded python3 "$tools/world.py" "limit=AS:$((megabytes << 20))" \
            "$KITH" dial bob@127.0.0.1:1 </dev/null 2>said || status=$?
        [ "$status" -ne 127 ] || continue # its libraries found no room
        [[ $status = [1-8] ]] || fail "$megabytes MB: ended with $status: $(cat said)"
        one_line "$(cat said)"
    done
}

@test "libcrypto's environment is not asked" {
    printf 'openssl_conf = x\n[x]\nproviders = p\nalg_section = a\n[p]\nno = q\n[q]\nactivate = 1\nmodule = ./no.so\n[a]\ndefault_properties = fips=yes\n' >hostile
    export OPENSSL_CONF=$PWD/hostile OPENSSL_MODULES=$PWD OPENSSL_ENGINES=$PWD OPENSSL_ia32cap=0
    export SSLKEYLOGFILE=$PWD/log OPENSSL_CONF_INCLUDE=$PWD RANDFILE=$PWD/hostile
    served_in ignore=PIPE
    [ "$(as alice pubkey)" = "$(cut -d ' ' -f 1 alice/identity.pub)" ]
    [ ! -e log ]
}

# elsewhere COMMANDS: kith in mounts of its own, after these shell commands.
elsewhere() {
    unshare -m true 2>/dev/null || skip "no mounts of our own available here"
    # shellcheck disable=SC2016
    launcher=(unshare -m sh -c "$1"' && exec "$0" "$@"')
}

@test "without /proc a call is served" {
    elsewhere 'mount -t tmpfs none /proc'
    launcher+=(env)
    start_serve --exec cat
    [ "$(dial <<<hello)" = hello ]
    start_listener
    [ "$(KITH_DIR=alice bounded "${launcher[@]}" "$KITH" check "bob@$address" | wc -l)" -eq 1 ]
}

@test "on a disk that cannot be written to a call is served, and keygen says why not" {
    elsewhere 'mount --bind . . && mount -o remount,ro,bind . && cd "$PWD"'
    launcher+=(env)
    start_serve --exec cat
    [ "$(dial <<<hello)" = hello ]
    refused 1 'Read-only' -- env KITH_DIR=new "${launcher[@]}" "$KITH" keygen
    [ ! -e new ]
}
