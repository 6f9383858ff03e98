#!/usr/bin/env bats
# shellcheck shell=bats
# The world that kith is started in need not be clean: signals that are blocked or ignored,
# descriptors that are closed or not ours, system calls and threads that are not available.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"
source "$BATS_TEST_DIRNAME/daemons.bash"

# in_world WORD...: what kith is started in from here on; see tests/tools/world.py.
in_world() {
    launcher=(python3 "$tools/world.py" "$@")
    at_terminal=("${launcher[@]}")
}

# Whether a process, or any other one of kith's, has handled what was sent to it before: it answers.
answers_signals() {
    kill -USR1 "$server"
    says serve.err totals
}

@test "signals that were blocked are not any longer: programs end, and so do we" {
    in_world block=ALL
    start_serve --exec cat
    [ "$(dial <<<hello)" = hello ]
    kill "$server"
    ends "$server" 0
    start_listener
    kill "$listener"
    ends "$listener" 143
}

@test "children that were ignored are not any longer" {
    in_world ignore=CHLD
    start_serve --exec sh -c 'exit 1'
    run -8 dial --recv-only
    says serve.err 'alice .*the program failed'
}

@test "SIGINT that is ignored at start, as behind a shell's &, remains so" {
    in_world ignore=INT
    start_serve --exec cat
    kill -INT "$server"
    answers_signals
    run ! grep 'no new calls' serve.err
    [ "$(dial <<<hello)" = hello ]
    kill "$server"
    ends "$server" 0
}

@test "a file that may not grow any further is an error, and one line" {
    random_file bob.in 100000
    start_listener
    status=0
    (ulimit -f 1 && dial >out 2>said) || status=$?
    [ "$status" -eq 1 ]
    one_line "$(cat said)" 'stdout: cannot write: File too large'
    ends "$listener" 8
}

# standard_are_ours PID...: descriptors 0 to 2 of these are there, and none of them is a socket.
standard_are_ours() {
    local pid fd link
    for pid; do
        for fd in 0 1 2; do
            link=$(readlink "/proc/$pid/fd/$fd") ||
                fail "$pid: descriptor $fd is closed, and the next socket takes its number" || return
            [[ $link != socket:* ]] || fail "$pid: descriptor $fd is a socket" || return
        done
    done
}

# all_kinds: one of each command that stays. Sets kinds to their pids.
all_kinds() {
    start_listener
    start_serve --exec sleep 60
    start_forward
    start_dialer --ready-fd 7 7>up
    eventually [ -s up ]
    kinds=("$listener" "$server" "$forwarder" "$dialer")
}

# closed_are_null WORD...: what was closed at the start, by close=FD, leads nowhere in any process of kinds.
closed_are_null() {
    local word pid link children processes=("${kinds[@]}")
    for pid in "${kinds[@]}"; do
        read -r -a children <"/proc/$pid/task/$pid/children" || true # no newline there
        processes+=("${children[@]}")
    done
    for word; do
        for pid in "${processes[@]}"; do
            link=$(readlink "/proc/$pid/fd/${word#close=}") || link=closed
            [ -n "$(ls "/proc/$pid/fd" 2>/dev/null)" ] || continue # a child that has ended
            [ "$link" = /dev/null ] || fail "$pid: descriptor ${word#close=} is $link" || return
        done
    done
}

@test "0 to 2 are taken, whichever of them were closed at the start" {
    needs_to_see_descriptors
    for closed in close=0 close=1 close=2 'close=0 close=1 close=2'; do
        # shellcheck disable=SC2086
        in_world $closed
        all_kinds
        standard_are_ours "${kinds[@]}"
        # shellcheck disable=SC2086
        closed_are_null $closed
        rm up
    done
}

@test "0 to 2 are taken where there is no /dev/null, too" {
    needs_to_see_descriptors
    unshare -m true 2>/dev/null || skip "no mounts of our own available here"
    # shellcheck disable=SC2016
    in_world close=0 close=1 close=2 \
        unshare -m sh -c 'mount -t tmpfs none /dev && exec "$0" "$@"'
    launcher+=(env)
    start_listener
    standard_are_ours "$listener"
    [ "$(as alice check "bob@$address" 2>&1 | wc -l)" -eq 1 ]
}

@test "stdout is taken once its end was passed on" {
    needs_to_see_descriptors
    mkfifo bob.in
    exec 8<>bob.in
    rm -f ready
    start_listener
    start_dialer
    eventually says_null "$listener" 1
    standard_are_ours "$listener"
    exec 8>&-
    ends "$dialer" 0
    ends "$listener" 0
}

# says_null PID FD
says_null() {
    [ "$(readlink "/proc/$1/fd/$2")" = /dev/null ]
}

# ready_on FD WHO COMMAND ARGUMENT...: kith says that it is ready on a descriptor under 3.
ready_on() {
    local words
    rm -f ready
    mkfifo ready
    printf -v words '%q ' "$KITH" "$3" --ready-fd "$1" "${@:4}"
    eval "KITH_DIR=$2 $words </dev/null >/dev/null 2>serve.err $1>ready 3>&- 8>&- &"
    also_started "$!"
}

@test "--ready-fd 0, 1 or 2: daemons close all but stderr, and nothing takes the number" {
    needs_to_see_descriptors
    for fd in 0 1 2; do
        ready_on "$fd" bob serve 127.0.0.1:0 --exec cat
        server=$!
        if [ "$fd" = 2 ]; then
            address=$(bounded grep -m 1 -v '^kith: ' ready) # beside what is logged there
        else
            address=$(bounded cat ready) # to its end
        fi
        standard_are_ours "$server"
        mkfifo alice.in
        exec 8<>alice.in
        start_dialer
        echo secret >&8
        eventually grep -q secret alice.out
        standard_are_ours "$server"
        exec 8>&-
        ends "$dialer" 0
        rm alice.in alice.out
    done
}

@test "--ready-fd 1: listen and dial still write what arrives" {
    start_serve --exec echo hello
    [[ $(dial --recv-only --ready-fd 1) == "$address"$'\n'hello ]]
    KITH_DIR=bob "$KITH" listen --ready-fd 1 127.0.0.1:0 </dev/null >out 2>bob.err 3>&- &
    listener=$!
    also_started "$listener"
    eventually [ -s out ]
    address=$(cat out)
    dial <<<hello
    ends "$listener" 0
    [ "$(cat out)" = "$address"$'\n'hello ]
}

@test "--ready-fd 0 of a dialer whose input can be written to is no end of that" {
    start_listener
    bounded python3 - "$KITH" "bob@$address" 3>&- <<'END'
import os, socket, subprocess, sys
ours, its = socket.socketpair()
ours.sendall(b"hello\n")
dialer = subprocess.Popen([sys.argv[1], "dial", "--ready-fd", "0", sys.argv[2]], stdin=its,
                          env={**os.environ, "KITH_DIR": "alice"})
its.close()
told = ours.recv(100)
ours.shutdown(socket.SHUT_WR)
sys.exit(dialer.wait() or told.decode() != sys.argv[2].partition("@")[2] + "\n")
END
    ends "$listener" 0
    [ "$(cat bob.out)" = hello ]
}

# holds PID FILE: the process has an open descriptor of this file.
holds() {
    local fd
    for fd in "/proc/$1"/fd/*; do
        [ ! "$fd" -ef "$2" ] || return 0
    done
    return 1
}

# secrets_closed WHO PID: who faces the network holds no descriptor of the key or its passphrase, nor
# of anything else that was open.
secrets_closed() {
    local file
    for file in "$1/identity" "$1/passphrase" other; do
        ! holds "$2" "$file" || fail "it holds $file: $(ls -l "/proc/$2/fd")" || return
    done
}

# encrypt WHO: the identity, with a passphrase that is in a file.
encrypt() {
    echo sesame >"$1/passphrase"
    openssl pkcs8 -topk8 -v2 aes-128-cbc -iter 1 -passout "file:$1/passphrase" \
        -in "$1/identity" -out "$1/encrypted"
    mv "$1/encrypted" "$1/identity"
    chmod 600 "$1/identity" "$1/passphrase"
}

@test "an identity or passphrase that is a descriptor is closed where the network is" {
    needs_to_see_descriptors
    encrypt alice
    encrypt bob
    touch other
    secret=(-i /dev/fd/4 --passphrase-file /dev/fd/5)
    start_listener "${secret[@]}" 4<bob/identity 5<bob/passphrase 6<other 7<bob/identity
    secrets_closed bob "$listener"
    start_serve "${secret[@]}" --exec sleep 60 4<bob/identity 5<bob/passphrase 6<other
    secrets_closed bob "$server"
    start_forward "${secret[@]}" 4<alice/identity 5<alice/passphrase 6<other 7<alice/identity
    secrets_closed alice "$forwarder"
    start_dialer "${secret[@]}" --ready-fd 7 4<alice/identity 5<alice/passphrase 6<other 7>up
    eventually [ -s up ]
    secrets_closed alice "$dialer"
}

@test "an identity from stdin is closed as well" {
    needs_to_see_descriptors
    start_serve --exec sleep 60
    KITH_DIR=alice "$KITH" dial -i - --ready-fd 7 "bob@$address" <alice/identity 7>up >/dev/null 3>&- &
    dialer=$!
    also_started "$dialer"
    eventually [ -s up ]
    secrets_closed alice "$dialer"
    says_null "$dialer" 0
}

@test "a descriptor that is named but not open is missing, whatever we open ourselves" {
    for fd in 3 4 5 6; do
        refused 3 "/dev/fd/$fd" -- as alice dial -i "/dev/fd/$fd" bob@127.0.0.1:1
    done
}

@test "--ready-fd of a descriptor that has another use is refused" {
    refused 2 'ready-fd.*another use' -- \
        as bob serve -i /dev/fd/4 --ready-fd 4 127.0.0.1:0 1 4<>bob/identity
    refused 2 'ready-fd.*another use' -- env KITH_DIR=bob timeout "$limit" \
        python3 "$tools/listen_fds.py" 127.0.0.1:0 "$KITH" serve --ready-fd 3 0 --exec cat
}

@test "nothing but 0 to 2 reaches a program" {
    touch other
    start_serve -i /dev/fd/4 -p /dev/fd/5 --exec ls /proc/self/fd \
        4<bob/identity 5<alice/identity.pub 6<other 20<bob/identity
    [ "$(dial --recv-only | tr '\n' ' ')" = '0 1 2 3 ' ] # the last is what ls looks into
}

@test "they reach no program either where the system cannot close many at once" {
    needs_to_see_descriptors
    touch other
    in_world refuse=close_range:ENOSYS
    start_serve -i /dev/fd/4 --exec ls /proc/self/fd 4<bob/identity 6<other 20<bob/identity
    [ "$(dial --recv-only | tr '\n' ' ')" = '0 1 2 3 ' ]
    start_listener -i /dev/fd/4 4<bob/identity 6<other 7<bob/identity
    secrets_closed bob "$listener"
}

# starts_or_says COMMAND ARGUMENT...: kith becomes ready, or ends with a status of its own and one line
# that says why. In the end it is gone.
starts_or_says() {
    local line status=0 pid
    rm -f ready
    mkfifo ready
    KITH_DIR=bob "${launcher[@]}" "$KITH" "$1" --ready-fd 9 "${@:2}" \
        </dev/null >/dev/null 2>start.err 9>ready 3>&- &
    pid=$!
    also_started "$pid"
    if read -r -t "$limit" line <ready; then
        kill "$pid"
        wait "$pid" || true
        return
    fi
    wait "$pid" || status=$?
    [[ $status = [1-7] ]] || fail "$* ended with $status" || return
    one_line "$(cat start.err)"
    cat start.err >>refusals
}

# The search for leaks at the end needs a descriptor and a process of its own.
search_no_leaks() {
    export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
}

@test "with few descriptors or none a start says so, or is one" {
    search_no_leaks
    for number in 4 5 6 7 8 9 10 12; do
        # shellcheck disable=SC2016
        launcher=(bash -c 'ulimit -n "$0" && exec "$@"' "$number")
        starts_or_says serve 127.0.0.1:0 1
        starts_or_says serve 127.0.0.1:0 --exec cat
        starts_or_says forward 127.0.0.1:0 "$(as alice pubkey)@127.0.0.1:1"
        starts_or_says listen 127.0.0.1:0
    done
    grep -q 'too few descriptors' refusals
    run ! grep 'did not take' refusals
}

# calls COUNT: so many callers at once say something and hear it again, or are refused.
calls() {
    local pids=() pid status served=0
    for ((i = 0; i < $1; i++)); do
        dial <<<"hello $i" >"said.$i" 2>>alice.err &
        pids+=($!)
    done
    for ((i = 0; i < $1; i++)); do
        status=0
        wait "${pids[i]}" || status=$?
        [ "$status" -ne 0 ] || [ "$(cat "said.$i")" = "hello $i" ] || fail "call $i lost something" || return
        [ "$status" -ne 0 ] || served=$((served + 1))
    done
    [ "$served" -gt 0 ]
}

@test "with few descriptors no more callers are taken than fit" {
    for number in 24 40; do
        in_world descriptors="$number"
        start_serve --exec sh -c 'sleep 0.2; exec cat'
        launcher=()
        calls 16
        run ! grep -E 'open files|cannot reach' serve.err
    done
    in_world descriptors=40
    start_serve --max-connections 1000 --exec cat
    says serve.err 'max-connections: there are descriptors for [0-9]+ connections only'
}

@test "with as many as there are places for, descriptors are left for what is being made" {
    needs_to_see_descriptors
    ! sanitized || skip "the sanitizers may have some open themselves"
    local number open places
    for number in 24 26 28 30 32 40 64; do
        : >serve.err
        in_world descriptors="$number"
        start_serve --max-connections 1000 --exec cat
        says serve.err 'there are descriptors for [0-9]+ connections only'
        open=$(find "/proc/$server/fd" -mindepth 1 | wc -l)
        places=$(sed -n 's/.*descriptors for \([0-9]*\) .*/\1/p' serve.err)
        # Each has four; a caller and a question to the keeper, and three of a program's that pass on.
        ((open + 4 * places + 3 + 3 <= number)) || fail "of $number: $open and $places places"
    done
}

@test "a start says so where no thread can be started" {
    search_no_leaks
    in_world refuse=clone3:EAGAIN # it is not confined yet, so the C library asks for that
    starts_or_says serve 127.0.0.1:0 --exec cat
    [ ! -e refusals ] || grep 'no thread can be started.*unavailable' refusals
    [ "$(id -u)" = 0 ] || skip "only root can be another user"
    kith_for_others
    in_world processes=100
    "${launcher[@]}" "$KITH" --version >/dev/null 2>&1 || skip "that user cannot run kith from here"
    rm -f refusals
    for number in 1 2 3 4 5; do
        in_world processes="$number"
        starts_or_says serve -i /dev/fd/4 -p "$(as alice pubkey)" 127.0.0.1:0 1 4<bob/identity
    done
    grep 'no thread can be started' refusals
}

# pauses PID: it has waited for something, which who tries without end never does.
pauses() {
    local before
    before=$(times_waited "$1")
    sleep 0.1
    (($(times_waited "$1") > before + 2))
}

times_waited() {
    sed -n 's/^voluntary_ctxt_switches:[[:space:]]*//p' "/proc/$1/status"
}

@test "listen: calls that cannot be taken are said, and not tried for without end" {
    in_world refuse=accept4:EPERM
    start_listener
    exec 7<>"/dev/tcp/127.0.0.1/${address##*:}"
    eventually grep 'cannot accept.*not permitted' bob.err
    eventually pauses "$listener"
    [ "$(wc -l <bob.err)" -eq 1 ]
    in_world refuse=accept4:ENOSYS
    start_listener
    exec 7<>"/dev/tcp/127.0.0.1/${address##*:}"
    ends "$listener" 1
    one_line "$(cat bob.err)" 'not implemented'
}
