#!/usr/bin/env bats
# shellcheck shell=bats
# listen --exec and dial --exec: a program at the end of a channel, in the place of stdin and stdout.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"

# shellcheck disable=SC2016
{
# start_waiting: bob's program has numbers of processes in pids, and reads what alice says; she has
# said a part.
start_waiting() {
    listen_program=(--exec sh -c "${1:-} "'echo $$ >pids; cat >part && mv part whole')
    start_listener --recv-only
    mkfifo alice.in
    exec 8<>alice.in
    start_dialer
    echo part >&8
    eventually [ -s part ]
    also_started "$(cat pids)"
}

# broken STATUS PATTERN: alice ends with 8, bob with this status, and says why.
broken() {
    ends "$dialer" 8
    ends "$listener" "$1"
    one_line "$(cat bob.err)" "$2"
}

@test "what arrives is the input of listen's program, and exit 0 is its word that it took all" {
    random_file alice.in 3000000
    listen_program=(--exec sh -c 'cat >got; echo taken >&2')
    start_listener --recv-only
    dial <alice.in
    ends "$listener" 0
    cmp alice.in got
    [ "$(cat bob.err)" = taken ]
}

@test "the output of dial's program is what is sent" {
    start_listener --recv-only
    dial_program=(--exec sh -c 'head -c 3000000 /dev/zero')
    dial --send-only
    ends "$listener" 0
    [ "$(wc -c <bob.out)" -eq 3000000 ]
}

@test "two programs talk with each other" {
    listen_program=(--exec sh -c 'read -r word; echo "$word to you"; cat >rest')
    dial_program=(--exec sh -c 'echo good day; read -r answer; echo "$answer"')
    start_listener
    dial
    ends "$listener" 0
    [ "$(cat rest)" = 'good day to you' ]
}

@test "what is not the channel is ours: stdout of --recv-only, stdin of --send-only" {
    listen_program=(--exec tr a-z A-Z)
    start_listener --recv-only
    dial_program=(--exec tr o 0)
    echo word | dial --send-only
    ends "$listener" 0
    [ "$(cat bob.out)" = W0RD ]
}

@test "who is there is in its environment, on both sides" {
    listen_program=(--exec sh -c 'env >bob.env')
    dial_program=(--exec sh -c 'env >alice.env')
    start_listener
    dial
    ends "$listener" 0
    grep -Fx "KITH_PEER_NAME=alice" bob.env
    grep -Fx "KITH_PEER_KEY=$(as alice pubkey)" bob.env
    grep -Fx "KITH_LOCAL_PORT=${address##*:}" bob.env
    grep -Fx "KITH_PEER_NAME=bob" alice.env
    grep -Fx "KITH_REMOTE_PORT=${address##*:}" alice.env
    [ "$(sed -n 's/^KITH_LOCAL_PORT=//p' alice.env)" = "$(sed -n 's/^KITH_REMOTE_PORT=//p' bob.env)" ]
    run ! grep '^KITH_DIR' alice.env bob.env
}

@test "of our descriptors it has the standard ones, and a session of its own" {
    [ -e /proc/self/fd ] || skip "what is open cannot be seen here"
    listen_program=(--exec ls /proc/self/fd)
    start_listener
    [ "$(dial </dev/null | tr '\n' ' ')" = '0 1 2 3 ' ] # the last is the folder
    listen_program=(--exec sh -c 'ps -o sid= -p $$; echo $$')
    start_listener
    [ "$(dial </dev/null | tr -d ' ' | uniq | wc -l)" -eq 1 ]
}

@test "a program that fails fails the channel, and it is said how" {
    local script
    for script in 'cat >/dev/null; exit 3' 'exit 3' 'echo something; exit 3'; do
        listen_program=(--exec sh -c "$script")
        start_listener
        run -8 dial </dev/null
        ends "$listener" 1
        one_line "$(cat bob.err)" 'listen: sh: the program failed: with status 3'
    done
    listen_program=(--exec sh -c 'kill -KILL $$')
    start_listener --recv-only
    run -8 --separate-stderr dial </dev/null
    ends "$listener" 1
    one_line "$(cat bob.err)" 'by signal 9'
    one_line "$stderr" 'cut short: the program or disk there that took our data ended or failed'
}

@test "a program that is not there is said; by dial before it calls" {
    start_listener --recv-only
    dial_program=(--exec ./nowhere)
    refused 1 'dial: \./nowhere: the program failed: no such program; nobody was called' -- dial --send-only
    refused 1 'cat: the program failed: no such program in PATH; nobody' -- env PATH=/nowhere KITH_DIR=alice \
        "$KITH" dial "bob@$address" --exec cat
    printf '#!/nowhere\n' >script
    chmod +x script
    dial_program=(--exec ./script)
    refused 1 'dial: \./script: the program failed: No such file' -- dial --send-only
    ends "$listener" 8
    dial_program=()
    listen_program=(--exec ./nowhere)
    start_listener --recv-only
    run -8 dial </dev/null
    ends "$listener" 1
    one_line "$(sed '/: warning: no such program;/d' bob.err)" 'listen: \./nowhere: the program failed: No such file'
}

@test "exit 0 waits for a program that is not done with what it took" {
    mkfifo finish
    listen_program=(--exec sh -c 'cat >got; cat finish')
    start_listener --recv-only
    start_dialer
    eventually [ -e got ]
    exec 8>finish
    kill -0 "$dialer" "$listener"
    exec 8>&-
    ends "$dialer" 0
    ends "$listener" 0
}

@test "a program that succeeds need not read all" { # as tar does not of an archive in larger blocks
    listen_program=(--exec head -c 1)
    start_listener
    random_file alice.in 3000000
    [ "$(dial <alice.in | wc -c)" -eq 1 ]
    ends "$listener" 0
}

@test "of a channel that breaks, its program sees no end" {
    start_waiting
    kill -KILL "$dialer"
    ends "$listener" 8
    eventually is_gone "$(cat pids)"
    [ ! -e whole ]
}

@test "nor does one whose kith is killed" {
    local signal at_terminal=("${interruptible[@]}")
    for signal in KILL TERM INT; do
        start_waiting
        kill -"$signal" "$listener"
        ends "$dialer" 8
        eventually is_gone "$(cat pids)"
        [ ! -e whole ] || fail "$signal: a part was taken for the whole"
        exec 8>&-
        rm alice.in part pids
    done
}

@test "one that does not mind SIGTERM is killed" {
    start_waiting 'trap "" TERM;'
    kill -KILL "$dialer"
    ends "$listener" 8
    eventually is_gone "$(cat pids)"
    [ ! -e whole ]
}

@test "what it starts and leaves behind ends with the channel" {
    listen_program=(--exec sh -c 'sleep 1000 >/dev/null <&1 2>&1 & echo $! >pids; cat >/dev/null')
    start_listener
    dial </dev/null
    ends "$listener" 0
    eventually is_gone "$(cat pids)"
}

@test "the words after --exec are the program's, and there has to be one" {
    listen_program=(--exec printf '%s,' -v --exec -- --send-only)
    start_listener
    [ "$(dial </dev/null)" = '-v,--exec,--,--send-only,' ]
    ends "$listener" 0
    refused 2 '--exec: needs a program' -- as alice listen 0 --exec
    refused 2 '--exec: needs a program' -- as alice dial bob@127.0.0.1:1 --exec
    refused 2 'PEER is missing' -- as alice dial --exec cat
}

@test "with --retry a program is started once the peer is there" {
    dial_program=(--exec sh -c 'echo started >&2; echo word')
    address=127.0.0.1:$(free_port)
    start_dialer --send-only --retry 1m
    eventually grep -q 'called again' alice.err
    run ! grep started alice.err
    listen_on=$address start_listener --recv-only
    ends "$dialer" 0
    ends "$listener" 0
    [ "$(grep -c started alice.err)" -eq 1 ]
    [ "$(cat bob.out)" = word ]
}
}
