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

# misses COMMAND FILE REFUSAL WORDS: at -v it has said once what could not be had, and else nothing of it.
misses() {
    eventually grep -q '^kith: sandbox: ' "$2" || fail "$1 with $3" || return
    [ "$(grep '^kith: sandbox: ' "$2")" = "kith: sandbox: $4" ] || fail "$1 with $3: $(cat "$2")"
}

@test "what an older kernel does not confine each command says at -v, in one line" {
    ! sanitized || skip "a build with a sanitizer is not confined"
    local words refusal
    # As landlock(7) and seccomp(2) have it: without Landlock, or switched off; without filters; refused.
    while IFS=' ' read -r refusal words; do
        launcher=(python3 "$tools/world.py" "refuse=$refusal")
        rm -f ./*.err
        start_serve -v --exec cat
        misses serve serve.err "$refusal" "$words"
        start_forward -v
        misses forward forward.err "$refusal" "$words"
        as_alice=(env KITH_DIR=alice "${launcher[@]}" "$KITH")
        bounded "${as_alice[@]}" dial -v --retry 1s "bob@$address" <<<hello 2>dial.err 3>&-
        misses dial dial.err "$refusal" "$words"
        at_terminal=("${launcher[@]}")
        start_listener -v
        misses listen bob.err "$refusal" "$words"
        kill "$listener" "$forwarder" "$server"
    done <<'END'
landlock_create_ruleset:ENOSYS Landlock: not available: files and ports are not confined
landlock_create_ruleset:EOPNOTSUPP Landlock: not available: files and ports are not confined
landlock_restrict_self:EPERM Landlock: Operation not permitted
seccomp:EINVAL seccomp: Invalid argument
prctl:EPERM no_new_privs: Operation not permitted
END
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

# ends_with_a_line STATUS: what has ended said in one line why it could not be.
ends_with_a_line() {
    [[ $1 = [1-8] ]] || fail "it ended with $1: $(cat said)" || return
    one_line "$(cat said)"
}

# answers COMMAND: what is sent through it comes back, or is there.
answers() {
    case $1 in
    forward) [ "$(python3 "$tools/echoed.py" "$near" <<<hello)" = hello ] ;;
    serve) [ "$(address=$near dial -w 5s <<<hello)" = hello ] ;;
    listen) address=$near dial -w 5s <<<hello && eventually grep -qx hello heard ;;
    esac
}

# serves_or_says WHO COMMAND ARGUMENT...: in the world of "launcher" it serves, and is in "served", or
# says why not, be it at the start, in one line. Its key is on descriptor 4, for anybody to run it.
serves_or_says() {
    local status=0 pid ended=0
    rm -f ready
    mkfifo -m 666 ready
    "${launcher[@]}" "$KITH" "$2" --ready-fd 9 -i /dev/fd/4 "${@:3}" \
        </dev/null >heard 2>said 9>ready 4<"$1/identity" 3>&- &
    pid=$!
    also_started "$pid"
    if read -r -t "$limit" near <ready; then
        if answers "$2" 2>/dev/null; then
            served+=" $2"
        else
            grep -qE 'out of memory|no (thread|process)' said ||
                fail "$2 with ${launcher[*]:2}: no answer: $(cat said)" || return
            [ "$2" != listen ] || ended=1
        fi
        [ "$2" = listen ] || kill "$pid"
        ends "$pid" "$ended"
        return
    fi
    wait "$pid" || status=$?
    ends_with_a_line "$status"
}

# dials_or_says: the same of one that calls.
dials_or_says() {
    local status=0
    bounded "${launcher[@]}" "$KITH" dial -w 5s -i /dev/fd/4 "$bob@$address" \
        4<alice/identity <<<hello >heard 2>said 3>&- || status=$?
    [ "$status" -eq 0 ] || { ends_with_a_line "$status"; return; }
    [ "$(cat heard)" = hello ] || fail "dial with ${launcher[*]:2}: nothing comes back" || return
    served+=" dial"
}

# all_serve_or_say WORD...: each command in this world.
all_serve_or_say() {
    launcher=(python3 "$tools/world.py" "$@")
    served=
    dials_or_says
    serves_or_says alice forward 127.0.0.1:0 "$bob@$address"
    serves_or_says bob listen -p "$alice" 127.0.0.1:0
    serves_or_says bob serve -p "$alice" 127.0.0.1:0 "$target"
}

# all_serve_from ENOUGH WORD VALUE...: in worlds with each value of that word; from ENOUGH on all do.
all_serve_from() {
    for value in "${@:3}"; do
        all_serve_or_say "$2$value"
        [ "$value" -lt "$1" ] || [ "$served" = ' dial forward listen serve' ] ||
            fail "$2$value: only$served: $(cat said)" || return
    done
}

# start_another: who is called and who is reached, in a world that lacks nothing.
start_another() {
    alice=$(as alice pubkey)
    bob=$(as bob pubkey)
    start_serve --exec cat
    start_forward
    target=$near
}

@test "with too little memory it starts and serves, or says so in one line" {
    ! sanitized || skip "a sanitizer needs more memory"
    local mb=$((1 << 20))
    start_another
    all_serve_from $((16 * mb)) limit=AS: $((10 * mb)) $((12 * mb)) $((14 * mb)) $((16 * mb)) $((64 * mb))
}

@test "so it is with too few processes" {
    ! sanitized || skip "a sanitizer needs processes of its own"
    [ "$(id -u)" = 0 ] || skip "only root can be another user"
    kith_for_others
    launcher=(python3 "$tools/world.py" processes=100)
    "${launcher[@]}" "$KITH" --version >/dev/null 2>&1 || skip "that user cannot run kith from here"
    launcher=()
    start_another
    all_serve_from 12 processes= 1 2 3 4 12
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
