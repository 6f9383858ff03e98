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
    grep -Fx 'KITH_TARGET=' alice.out
    [ "$(grep -c '^KITH_' alice.out)" -eq 7 ]
    run ! grep -E '^(KITH_DIR|KITH_IDENTITY|NOTIFY_SOCKET|LISTEN_)' alice.out
    says serve.err "address=127\.0\.0\.1:$(sed -n 's/^KITH_REMOTE_PORT=//p' alice.out) "
}

@test "the target that was asked for is in its environment" {
    start_serve one='exec:printenv KITH_TARGET' two='exec:printenv KITH_TARGET'
    [ "$(as alice dial --recv-only "bob@$address:one")" = one ]
    [ "$(as alice dial --recv-only "bob@$address:two")" = two ]
}

@test "a program that is not there is warned of at the start, and started once it is" {
    start_serve late='exec:./late word' shell='exec:./late&&true' --exec ./late
    says serve.err 'serve: exec:./late word: warning: no such program; a call that comes before it is there fails'
    says serve.err 'serve: \./late: warning: no such program;'
    ! grep -q 'true: warning' serve.err || fail 'what a shell makes of it is not known'
    printf '#!/bin/sh\necho "$@"\n' >late
    chmod 700 late
    [ "$(as alice dial --recv-only "bob@$address:late")" = word ]
    start_daemon bob listen.err listen 127.0.0.1:0 --exec nowhere-in-path
    says listen.err 'listen: nowhere-in-path: warning: no such program in PATH;'
    start_daemon bob listen.err listen 127.0.0.1:0 --exec /etc/passwd
    says listen.err 'listen: /etc/passwd: warning: a file that may not be executed;'
    start_daemon bob again.err listen 127.0.0.1:0 --exec cat
    start_daemon bob again.err listen 127.0.0.1:0 --exec ./late
    ! grep -q warning again.err || fail "$(<again.err)"
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
    says serve.err 'alice .*the program failed: sh: with status 3'
    start_serve --exec sh -c 'exit 255'
    run -8 dial --recv-only
    says serve.err 'alice .*the program failed: sh: with status 255'
}

@test "its death by a signal is the caller's failure" {
    # shellcheck disable=SC2016
    start_serve --exec sh -c 'echo some; kill -KILL $$'
    run -8 --separate-stderr dial --recv-only
    [ "$output" = some ]
    says serve.err 'alice .*the program failed: sh: by signal 9'
}

@test "its failure in mid-answer is a reset at the local program of forward" {
    tool joined program_fails
}

@test "a program that closes its output and goes on: the end is passed on, though it may still fail" {
    mkfifo alice.out
    start_serve --exec sh -c 'echo word; exec >&-; cat >got'
    mkfifo alice.in
    exec 8<>alice.in
    start_dialer
    [ "$(bounded cat <alice.out)" = word ]
    echo answer >&8
    exec 8>&-
    ends "$dialer" 0
    [ "$(cat got)" = answer ]
}

@test "a program that is not there: the caller fails, and the log says so" {
    start_serve --exec ./nowhere
    run -8 dial --recv-only
    says serve.err '\./nowhere: No such file'
    touch nowhere
    run -8 dial --recv-only
    says serve.err '\./nowhere: Permission denied'
    [ "$(grep -c '^kith: serve: alice .*the program failed: ./nowhere: ' serve.err)" -eq 2 ]
    [ "$(grep -c nowhere serve.err)" -eq 4 ] # and a warning, and what is served
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

@test "its limit on core files is the one that we were started with" {
    ! sanitized || skip "the sanitizers set that limit themselves"
    ! sanitized || skip "the sanitizers lower it as well"
    ulimit -S -c "$(ulimit -H -c)"
    # shellcheck disable=SC3045
    start_serve --exec sh -c 'ulimit -S -c; ulimit -H -c'
    [ "$(dial --recv-only)" = "$(ulimit -S -c && ulimit -H -c)" ]
}

@test "it has a session of its own, and no terminal of ours" {
    # shellcheck disable=SC2016
    start_serve --exec sh -c 'read -r _ _ _ _ group session terminal _ </proc/$$/stat
        [ "$group $session $terminal" = "$$ $$ 0" ] && echo own'
    [ "$(dial --recv-only)" = own ]
}

@test "one that asks on a terminal is told that there is none, and stops nobody" {
    launcher=(python3 "$tools/terminal.py")
    start_serve --exec sh -c 'read -r answer </dev/tty || echo none'
    also_started "$(pgrep -P "$server")" # which the end of its terminal does not end
    [ "$(dial --recv-only)" = none ]
}

# sees_no_end BEFORE: of a stream that breaks, a program that reads it to its end sees none: it
# would go on with a part as if it were the whole.
sees_no_end() {
    # shellcheck disable=SC2016
    start_waiting "$1"' echo $$ >>pids; cat >part && mv part whole'
    echo part >&8
    has_processes pids 1
    eventually [ -s part ]
    kill -KILL "$dialer"
    all_gone
    [ ! -e whole ] || fail "a part was taken for the whole"
    exec 8>&-
    rm alice.in up part pids
}

@test "of a stream that breaks it sees no end" {
    for _ in 1 2 3 4 5 6 7 8; do
        sees_no_end ''
    done
}

@test "nor does one that does not mind SIGTERM" {
    sees_no_end 'trap "" TERM;'
}

@test "nor what a program that has failed leaves behind" {
    # shellcheck disable=SC2016
    start_waiting 'exec 3<&0; { cat >part && mv part whole; } <&3 >/dev/null & echo $! >>pids
        until [ -s part ]; do sleep 0.1; done; exit 1'
    echo part >&8
    has_processes pids 1
    eventually [ -s part ]
    ends "$dialer" 8
    all_gone
    [ ! -e whole ] || fail "a part was taken for the whole"
}

# left_to_another COMMAND: a program that has become another user's, which nobody here may signal; its
# caller is gone.
left_to_another() {
    [ "$(id -u)" = 0 ] || skip "only root makes a program another user's"
    launcher=(setpriv --bounding-set=-kill --inh-caps=-kill)
    start_waiting "echo \$\$ >>pids; exec setpriv --reuid 65534 --clear-groups $1"
    echo word >&8
    eventually [ -s alice.out ]
    has_processes pids 1
    also_started "${processes[0]}"
    kill -KILL "$dialer"
    says serve.err 'cut short'
}

@test "one that is not ours to signal gets the end of its input, and is not waited for without end" {
    left_to_another cat
    all_gone
    echo word | dial >alice.out
    [ "$(cat alice.out)" = word ]
}

@test "nor does it hold up the end" {
    left_to_another 'sh -c "cat; exec sleep 1000"'
    kill "$server"
    ends "$server" 0
}

@test "the number of one that has ended is not used for another" {
    can_contain
    [ -w /proc/sys/kernel/ns_last_pid ] || skip "the next number of a process cannot be chosen here"
    cat >script <<'END'
KITH_DIR=bob "$KITH" serve --ready-fd 9 127.0.0.1:0 --exec sh -c 'echo $$ >ended' 9>ready 2>bob.err &
read -r address <ready
exec 8<>alice.in
KITH_DIR=alice "$KITH" dial "bob@$address" <alice.in 8>&- &
dialer=$!
until [ -s ended ] && [ ! -s "/proc/$(cat ended)/cmdline" ]; do
    sleep 0.05
done
for _ in 1 2 3 4 5; do # each time that number is the next one, if it is free
    echo $(($(cat ended) - 1)) >/proc/sys/kernel/ns_last_pid
    setsid sleep 1000 8>&- &
    others+=($!)
done
exec 8>&-
wait "$dialer" || exit 1
for other in "${others[@]}"; do
    kill -0 "$other" || exit 2
done
END
    mkfifo ready alice.in
    bounded "${in_container[@]}" bash script 3>&-
}

# what runs in a namespace of its own
in_container=(unshare --pid --fork --kill-child --mount-proc)

can_contain() {
    "${in_container[@]}" true 2>/dev/null || skip "no container may be made here"
}

@test "one that fails while its caller still speaks leaves nothing open" {
    random_file alice.in 3000000
    start_serve --exec false
    eventually [ ! -e "/proc/$server/fd/9" ] # where it has said that it is ready
    local before
    before=$(find "/proc/$server/fd" -mindepth 1 | wc -l)
    for _ in 1 2 3 4 5; do
        run -8 dial <alice.in
    done
    eventually has_descriptors "$server" "$before"
}

# has_descriptors PID COUNT
has_descriptors() {
    [ "$(find "/proc/$1/fd" -mindepth 1 | wc -l)" -eq "$2" ]
}

# The server answers SIGUSR1, and has a channel.
counts_channel() {
    kill -USR1 "$server"
    grep -q 'totals open=1' serve.err
}

@test "one that is slow to start holds up nobody else" {
    cp "$(command -v cat)" slow
    mkfifo hold
    python3 "$tools/slow_exec.py" slow <hold >held 2>&1 3>&- &
    also_started "$!"
    exec 6>hold
    eventually [ -s held ]
    grep -qx held held || skip "the start of a program cannot be made slow here"
    start_serve --exec ./slow
    echo hello >alice.in
    start_dialer
    eventually counts_channel
    as alice check "bob@$address"
    exec 6>&-
    ends "$dialer" 0
    [ "$(cat alice.out)" = hello ]
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
