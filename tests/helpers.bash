# shellcheck shell=bash
# What the tests share: two identities that know each other, a listener that is known to be ready,
# and waits that end. Every test runs in a directory of its own, with the folders alice and bob in it.

bats_require_minimum_version 1.5.0

root=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
export tools=$BATS_TEST_DIRNAME/tools
export KITH=${KITH:-$root/kith}
export KITH_TEST_LIMIT=${KITH_TEST_LIMIT:-30} # seconds until whatever is waited for has failed
limit=$KITH_TEST_LIMIT
stderr='' # run --separate-stderr sets it
started=()
at_terminal=() # or the command that gives what it starts a terminal
# Starts a program with SIGINT as it is at a terminal: a shell has what it starts with "&" ignore it,
# and so has one that bats itself was started with.
interruptible=(env --default-signal=INT)
export PYTHONDONTWRITEBYTECODE=1

# A build with sanitizers is slower and larger: what measures memory cannot be asked of it.
sanitized() {
    [ -n "${KITH_SANITIZED:-}" ] || grep -qE "__(asan|tsan)_init" "$KITH"
}

needs_ipv6() {
    python3 -c 'import socket; socket.create_server(("::1", 0), family=socket.AF_INET6)' 2>/dev/null ||
        skip "no IPv6 here"
}

# A process that is not dumpable shows only to root what it has open.
needs_to_see_descriptors() {
    [ "$(id -u)" = 0 ] || skip "only root sees what kith has open"
}

# kith_for_others: from here on kith is a copy that other users can run, wherever the build is.
kith_for_others() {
    install -m 755 "$KITH" kith-of-all
    KITH=$PWD/kith-of-all
    chmod 755 "$BATS_TEST_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_RUN_TMPDIR"
}

# Say why a test fails.
fail() {
    printf '%s\n' "$@" >&2
    return 1
}

# Run a command that has to end by itself.
bounded() {
    timeout -k 1 "$limit" "$@"
}

# as WHO ARGUMENT...: kith with the folder of alice or bob.
as() {
    KITH_DIR=$1 bounded "$KITH" "${@:2}" 3>&-
}

# Once a file: the identities that every test of it gets a copy of.
setup_file() {
    cd "$BATS_FILE_TMPDIR" || return
    as alice keygen -n alice
    as bob keygen -n bob
    cp alice/identity.pub bob/peers
    cp bob/identity.pub alice/peers
}

setup() {
    unset KITH_DIR KITH_IDENTITY KITH_PEERS
    cp -R "$BATS_FILE_TMPDIR/alice" "$BATS_FILE_TMPDIR/bob" "$BATS_TEST_TMPDIR"
    cd "$BATS_TEST_TMPDIR" || return
}

# Also shows, for a test that failed, what kith said.
teardown() {
    local pid
    for pid in "${started[@]}"; do
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    tail -n 20 ./*.err 2>/dev/null || true
}

# start_listener OPTION...: bob listens on a free port (or on $listen_on) with stdin from bob.in,
# where there is one, stdout to bob.out or $listen_to, and stderr to bob.err; or with $listen_program,
# --exec and its words. Sets address and listener, its pid.
start_listener() {
    local in=/dev/null
    [ ! -e bob.in ] || in=bob.in
    rm -f ready
    mkfifo ready
    KITH_DIR=bob "${at_terminal[@]}" "$KITH" listen --ready-fd 9 "$@" "${listen_on:-127.0.0.1:0}" \
        "${listen_program[@]}" \
        <"$in" >"${listen_to:-bob.out}" 2>bob.err 9>ready 3>&- 8>&- &
    listener=$!
    started+=("$listener")
    read -r -t "$limit" address <ready || fail "the listener is not ready"
}

# hold_open NAME: a FIFO that stays open for writing, as descriptor 8.
hold_open() {
    mkfifo "$1"
    exec 8<>"$1"
}

# dial OPTION...: alice dials bob, who listens at $address; with $dial_program, likewise.
dial() {
    as alice dial "$@" "bob@$address" "${dial_program[@]}"
}

# start_dialer OPTION...: the same in the background, from alice.in to alice.out and alice.err.
start_dialer() {
    local in=/dev/null
    [ ! -e alice.in ] || in=alice.in
    KITH_DIR=alice "${at_terminal[@]}" "$KITH" dial "$@" "bob@$address" "${dial_program[@]}" \
        <"$in" >"${dial_to:-alice.out}" 2>alice.err 3>&- 8>&- &
    dialer=$!
    started+=("$dialer")
}

# ends PID STATUS...: this child ends by itself, with one of these statuses. Its number may be that of
# a stranger after that, whom teardown is not to end.
ends() {
    local got=0 pid left=()
    timeout "$limit" tail -s 0.05 -f /dev/null --pid="$1" || kill -KILL "$1"
    wait "$1" || got=$?
    for pid in "${started[@]}"; do
        [ "$pid" = "$1" ] || left+=("$pid")
    done
    started=("${left[@]}")
    [[ " ${*:2} " == *" $got "* ]] || fail "process $1 ended with $got, not with ${*:2}"
}

# is_gone PID
is_gone() {
    ! kill -0 "$1" 2>/dev/null
}

# eventually COMMAND...: it succeeds before the limit.
eventually() {
    local end=$((SECONDS + limit))
    until "$@"; do
        ((SECONDS < end)) || fail "it never came true: $*" || return
        sleep 0.05
    done
}

# comes_to PID LOG PATTERN [LINES]: what a daemon says when it is asked for its state comes to match, in
# its last line or in one of so many.
comes_to() {
    eventually asked "$@"
}

asked() {
    kill -USR1 "$1"
    sleep 0.05
    tail -n "${4:-1}" "$2" | grep -Eq "$3"
}

# also_started PID: a child that the end of the test ends.
also_started() {
    started+=("$1")
}

# answers HOST PORT: somebody accepts connections there.
answers() {
    (exec 7<>"/dev/tcp/$1/$2") 2>/dev/null
}

# A port that nobody listens on, below those that the system gives out by itself: who comes back to it
# finds it free.
free_port() {
    local port
    until port=$((10240 + (RANDOM << 15 | RANDOM) % 22528)) && ! answers 127.0.0.1 "$port"; do
        :
    done
    echo "$port"
}

# random_file NAME BYTES
random_file() {
    head -c "$2" /dev/urandom >"$1"
}

# one_line TEXT PATTERN...: an error message as promised: one line of kith's, with each of these in it.
one_line() {
    [[ $1 == kith:* ]] || fail "no message of kith's: $1"
    [[ $1 != *$'\n'* ]] || fail "more than one line: $1"
    local pattern
    for pattern in "${@:2}"; do
        [[ $1 =~ $pattern ]] || fail "nothing of '$pattern' in: $1"
    done
}

# refused STATUS PATTERN... -- COMMAND...: it ends with this status, says why in one line on stderr,
# and nothing on stdout.
refused() {
    local expected=$1 patterns=()
    shift
    while [ "$1" != -- ]; do
        patterns+=("$1")
        shift
    done
    shift
    run "-$expected" --separate-stderr "$@"
    [ -z "$output" ] || fail "unexpected on stdout: $output"
    one_line "$stderr" "${patterns[@]}"
}
