#!/usr/bin/env bats
# shellcheck shell=bats
# serve --exec: a program is started for each peer, and ends with it.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"
source "$BATS_TEST_DIRNAME/daemons.bash"

# start_waiting SCRIPT: the server runs this in a shell, and alice has called it and waits.
start_waiting() {
    start_serve "${@:2}" --exec sh -c "$1"
    mkfifo alice.in
    exec 8<>alice.in
    start_dialer --ready-fd 7 7>up
    eventually [ -s up ]
}

# processes FILE COUNT: it has come to hold so many numbers of processes. Sets processes.
has_processes() {
    eventually lines_are "$1" "$2"
    mapfile -t processes <"$1"
}

lines_are() {
    [ "$(cat "$1" 2>/dev/null | wc -l)" -eq "$2" ]
}

all_gone() {
    local pid
    for pid in "${processes[@]}"; do
        eventually is_gone "$pid"
    done
}

@test "what the peer says is its input, what it says the peer's" {
    random_file alice.in 3000000
    start_serve --exec cat
    dial <alice.in >alice.out
    cmp alice.in alice.out
}

@test "the end of its input is the end of the peer's" {
    start_serve --exec sha256sum
    [ "$(dial <alice/peers)" = "$(sha256sum <alice/peers)" ]
}

@test "who calls is in its environment, and nothing of ours" {
    KITH_IDENTITY=bob/identity KITH_PEERS=bob/peers KITH_NONSENSE=1 NOTIFY_SOCKET=/nowhere OTHER=kept \
        start_serve --exec env
    dial --recv-only >alice.out
    grep -Fx 'KITH_PEER_NAME=alice' alice.out
    grep -Fx "KITH_PEER_KEY=$(as alice pubkey)" alice.out
    grep -Fx 'KITH_REMOTE_ADDR=127.0.0.1' alice.out
    grep -Ex 'KITH_REMOTE_PORT=[1-9][0-9]*' alice.out
    grep -Fx 'KITH_LOCAL_ADDR=127.0.0.1' alice.out
    grep -Fx "KITH_LOCAL_PORT=${address##*:}" alice.out
    grep -Fx 'OTHER=kept' alice.out
    [ "$(grep -c '^KITH_' alice.out)" -eq 6 ]
    run ! grep -E '^(KITH_DIR|KITH_IDENTITY|NOTIFY_SOCKET|LISTEN_)' alice.out
    says serve.err "address=127\.0\.0\.1:$(sed -n 's/^KITH_REMOTE_PORT=//p' alice.out) "
}

@test "a key without a name has an empty one" {
    start_serve --peer "$(as alice pubkey)" --exec printenv KITH_PEER_NAME
    [ -z "$(dial --recv-only)" ]
}

@test "arguments, with dashes and blanks, are its own" {
    start_serve --exec printf '%s\n' --exec -v -- 'two words' '' --help
    [ "$(dial --recv-only)" = $'--exec\n-v\n--\ntwo words\n\n--help' ]
}

@test "it is started without a shell" {
    # shellcheck disable=SC2016
    start_serve --exec echo '$HOME' '; false' '*'
    # shellcheck disable=SC2016
    [ "$(dial --recv-only)" = '$HOME ; false *' ]
}

@test "its failure is the caller's" {
    start_serve --exec false
    run -8 dial --recv-only
    start_serve --exec sh -c 'echo some; exit 3'
    run -8 --separate-stderr dial --recv-only
    [ "$output" = some ]
    says serve.err 'alice .*the program failed'
}

@test "its death by a signal is the caller's failure" {
    # shellcheck disable=SC2016
    start_serve --exec sh -c 'echo some; kill -KILL $$'
    run -8 --separate-stderr dial --recv-only
    [ "$output" = some ]
}

@test "a program that is not there: the caller fails, and the log says so" {
    start_serve --exec ./nowhere
    run -8 dial --recv-only
    says serve.err '\./nowhere: No such file'
    touch nowhere
    run -8 dial --recv-only
    says serve.err '\./nowhere: Permission denied'
}

@test "a program that ignores its input, which is short" {
    start_serve --exec echo hello
    run -0 dial <<<question
    [ "$output" = hello ]
}

@test "a program that succeeds need not have read its input, however much there is" {
    random_file alice.in 3000000
    start_serve --exec echo hello
    dial <alice.in >alice.out
    [ "$(cat alice.out)" = hello ]
}

@test "one that fails without having read it fails the channel" {
    random_file alice.in 3000000
    start_serve --exec sh -c 'echo hello; exit 1'
    status=0
    dial <alice.in >alice.out || status=$?
    [ "$status" -eq 8 ]
    [ "$(cat alice.out)" = hello ]
}

@test "a program that closes its input and goes on" {
    start_serve --exec sh -c 'exec <&-; echo hello; exec sleep 0.2'
    run -0 dial --recv-only
    [ "$output" = hello ]
}

@test "a program that closes its output first" {
    start_serve --exec sh -c 'exec >&-; cat >got; touch ended'
    dial <alice/peers
    [ -e ended ]
    cmp alice/peers got
}

@test "its stderr is ours, and not the peer's" {
    start_serve --exec sh -c 'echo complaint >&2'
    run -0 --separate-stderr dial --recv-only
    [ -z "$output$stderr" ]
    says serve.err '^complaint$'
}

@test "its signals are the usual ones" {
    start_serve --exec grep -E '^Sig(Blk|Ign):' /proc/self/status
    dial --recv-only >alice.out
    while read -r _ mask; do
        [ $((0x$mask & 0x7fffffff)) -eq 0 ] || fail "$(cat alice.out)"
    done <alice.out
}

@test "it has none of the descriptors of the others either" {
    tool execs descriptors
}

@test "many at once, every byte checked" {
    tool execs many
}

@test "its whole group ends when the peer goes away" {
    # shellcheck disable=SC2016
    start_waiting 'sleep 1000 & echo $! >>pids; sh -c "echo \$\$ >>pids; sleep 1000" & echo $$ >>pids; wait'
    has_processes pids 3
    kill -KILL "$dialer"
    all_gone
}

@test "one that does not mind SIGTERM ends as well" {
    # shellcheck disable=SC2016
    start_waiting 'trap "" TERM; echo $$ >>pids; while :; do sleep 0.1; done'
    has_processes pids 1
    kill -KILL "$dialer"
    all_gone
}

@test "what it leaves behind in its group ends with it" {
    # shellcheck disable=SC2016
    start_serve --exec sh -c 'sleep 1000 >/dev/null </dev/null & echo $! >>pids'
    run -0 dial --recv-only
    has_processes pids 1
    all_gone
}

@test "they end when we are told twice to" {
    # shellcheck disable=SC2016
    start_waiting 'echo $$ >>pids; exec sleep 1000'
    has_processes pids 1
    kill "$server"
    says serve.err 'a second signal quits'
    kill "$server"
    ends "$server" 143
    all_gone
    ends "$dialer" 8
}

@test "they end when we are told twice to, even those that do not mind SIGTERM" {
    # shellcheck disable=SC2016
    start_waiting 'trap "" TERM; echo $$ >>pids; while :; do sleep 0.1; done'
    has_processes pids 1
    kill "$server"
    says serve.err 'a second signal quits'
    kill "$server"
    ends "$server" 143
    all_gone
    ends "$dialer" 8
}

@test "one that still runs is waited for at the end" {
    start_waiting 'read line && echo "$line" back'
    kill "$server"
    says serve.err 'a second signal quits'
    echo hello >&8
    exec 8>&-
    ends "$dialer" 0
    ends "$server" 0
    [ "$(cat alice.out)" = 'hello back' ]
}

@test "no zombies are left" {
    start_serve --exec true
    for _ in 1 2 3 4 5; do
        dial --recv-only
    done
    eventually no_zombie "$server"
}

no_zombie() {
    local child
    for child in $(cat "/proc/$1/task/$1/children"); do
        ! grep -q '^State:.Z' "/proc/$child/status" || return 1
    done
}
