#!/usr/bin/env bats
# shellcheck shell=bats
# forward --run: a program that runs as long as its forwards do, and whose end is theirs.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"
source "$BATS_TEST_DIRNAME/daemons.bash"

# run_forward ARGUMENT...: with all that follows the first --, in the foreground.
run_forward() {
    as alice forward -q "$@"
}

# begin_forward ARGUMENT...: in the background. Sets forwarder.
begin_forward() {
    rm -f out
    KITH_DIR=alice "${launcher[@]}" "$KITH" forward "$@" <"${from:-/dev/null}" >out 2>forward.err 3>&- 8>&- 9>&- &
    forwarder=$!
    started+=("$forwarder")
}

@test "the program finds its forwards, has our standard descriptors, and its status is ours" {
    start_serve --exec sh -c 'cat; echo bob'
    run -3 --separate-stderr run_forward 0 "bob@$address" ./here "bob@$address" --run sh -c '
        echo "$KITH_FORWARD_1 $KITH_FORWARD_2 $KITH_FORWARD_3$NOTIFY_SOCKET $OTHER"
        ls /proc/self/fd | wc -l
        cat
        echo err >&2
        exit 3' < <(echo in)
    [[ ${lines[0]} == '127.0.0.1:'*" $(pwd -P)/here  " ]] # which may change its folder
    [ "${lines[1]}" = 4 ] # and the one that ls reads
    [ "${lines[2]}" = in ]
    [ "$stderr" = err ]
    [ ! -e here ]
    OTHER=kept KITH_FORWARD_3=old NOTIFY_SOCKET=/nowhere run -0 run_forward 0 "bob@$address" --run \
        sh -c 'echo "$KITH_FORWARD_3$NOTIFY_SOCKET$OTHER$KITH_DIR"'
    [ "$output" = keptalice ]
}

@test "it has no descriptor of a secret, nor another one that we were started with" {
    touch other
    start_serve --exec cat
    run -0 run_forward -i /dev/fd/4 0 "bob@$address" --run ls /proc/self/fd \
        4<alice/identity 6<other 20<alice/identity
    [ "${output//$'\n'/ }" = '0 1 2 3' ] # the last is what ls looks into
}

@test "of KITH_FORWARD_ only numbers are ours, and no name is too long" {
    start_serve --exec cat
    long=KITH_FORWARD_$(printf 'A%.0s' {1..60})
    run -0 bounded env KITH_DIR=alice "$long=long" KITH_FORWARD_TIMEOUT=5 KITH_FORWARD_1X=x KITH_FORWARD_22=old \
        "$KITH" forward -q 0 "bob@$address" --run env
    grep -qx "$long=long" <<<"$output"
    grep -qx KITH_FORWARD_TIMEOUT=5 <<<"$output"
    grep -qx KITH_FORWARD_1X=x <<<"$output"
    [ "$(grep -c '^KITH_FORWARD_[0-9]*=' <<<"$output")" = 1 ]
}

@test "what it says through them arrives, also when it ends at once" {
    start_serve --exec sh -c 'cat >got; sleep 0.2; echo done >>got'
    run -0 --separate-stderr run_forward 0 "bob@$address" --run python3 -c '
import os, socket
host, port = os.environ["KITH_FORWARD_1"].split(":")
sock = socket.create_connection((host, int(port)))
sock.sendall(b"x" * 1000000)
sock.shutdown(socket.SHUT_WR)'
    [ "$(tail -c 5 got)" = 'done' ]
    [ "$(wc -c <got)" = 1000005 ]
}

@test "what it says last arrives, though it has ended before there was a channel for it" {
    local how
    start_serve --exec sh -c 'cat >>got'
    for how in --plain '--spare 0'; do
        # shellcheck disable=SC2086
        run_forward $how 0 "bob@$address" --run bash -c 'echo hello >"/dev/tcp/${KITH_FORWARD_1/:/\/}"'
    done
    run_forward 0 "bob@$address" --run python3 -c '
import os, socket
host, port = os.environ["KITH_FORWARD_1"].split(":")
for _ in range(6):
    sock = socket.create_connection((host, int(port)))
    sock.sendall(b"hello\n")
os._exit(0)'
    [ "$(grep -c hello got)" = 8 ]
}

@test "many LOCALs with few descriptors leave room for connections: the channels kept are fewer" {
    local -a pairs=()
    start_serve --exec cat
    for _ in {1..20}; do
        pairs+=(0 "bob@$address")
    done
    (ulimit -n 256 && run_forward "${pairs[@]}" --run python3 -c '
import os, socket
socks = []
for number in range(1, 21):
    host, port = os.environ[f"KITH_FORWARD_{number}"].split(":")
    socks.append(socket.create_connection((host, int(port))))
    socks[-1].sendall(b"x")
for sock in socks:
    assert sock.recv(1) == b"x"')
}

@test "its status: a signal, not found, not executable" {
    start_serve --exec cat
    run -143 run_forward 0 "bob@$address" --run sh -c 'kill -TERM $$'
    run -137 run_forward 0 "bob@$address" --run sh -c 'kill -KILL $$'
    refused 127 './nowhere' 'No such file or directory$' -- run_forward 0 "bob@$address" --run ./nowhere
    refused 127 'cat -u' 'No such file or directory; .*words of their own' -- \
        run_forward 0 "bob@$address" --run 'cat -u'
    touch file
    refused 126 './file' 'Permission denied$' -- run_forward 0 "bob@$address" --run ./file
    run -0 run_forward --plain 0 "bob@$address" --run true
    run -0 run_forward --spare 0 0 "bob@$address" --run true
    refused 2 '--run' 'needs a program' -- run_forward 0 "bob@$address" --run
}

@test "without each of its forwards it is not started" {
    start_serve --exec cat
    refused 3 nobody -- run_forward 0 nobody --run touch started
    refused 4 'cannot be reached' -- run_forward 0 "bob@$address" 0 bob@127.0.0.1:1 --run touch started
    refused 4 './no/where' -- run_forward ./no/where "bob@$address" --run touch started
    refused 5 carol -- run_forward 0 "./carol/identity.pub@$address" --run touch started
    [ ! -e started ]
}

@test "signals go on to it, and its end is ours" {
    start_serve --exec cat
    for signal in TERM INT HUP QUIT USR1 USR2; do
        launcher=(env '--default-signal=INT,QUIT')
        begin_forward 0 "bob@$address" --run bash -c "trap 'echo $signal; exit 5' $signal; echo up; while :; do sleep 0.05; done"
        eventually grep -qs up out
        kill "-$signal" "$forwarder"
        ends "$forwarder" 5
        [ "$(tail -n 1 out)" = "$signal" ]
    done
}

@test "one that ignores SIGTERM goes on, and so do its forwards" {
    start_serve --exec cat
    begin_forward 0 "bob@$address" --run bash -c 'trap "" TERM; echo up; until [ -e stop ]; do sleep 0.05; done; exit 6'
    eventually grep -qs up out
    kill "$forwarder"
    kill "$forwarder"
    kill -0 "$forwarder"
    touch stop
    ends "$forwarder" 6
}

# waits_for_other: it does not give up for the peer who has no room for more. Both of its spare channels
# are called at once, and where the one that is refused is first, nothing says yet that the peer is there.
waits_for_other() {
    status=0
    run_forward -w 3s --spare 2 0 "bob@$address" 0 "bob@127.0.0.1:$(cat port)" --run touch started 2>run.err || status=$?
    [ "$status" = 7 ] && grep -q "$(cat port): no handshake in time" run.err
}

@test "a peer that has no room for another spare channel is there all the same" {
    start_serve --max-per-peer 1 --exec cat
    python3 -c 'import socket, time; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1], flush=True); time.sleep(60)' >port 3>&- &
    also_started "$!"
    eventually [ -s port ]
    eventually waits_for_other
    [ ! -e started ]
}

@test "a peer that had no room for more, and has gone before it has begun: why it ends is said" {
    python3 -c 'import socket, time; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1], flush=True); time.sleep(60)' >port 3>&- &
    also_started "$!"
    eventually [ -s port ]
    start_serve --max-per-peer 1 --exec cat
    begin_forward -w 1m --spare 2 0 "bob@$address" 0 "bob@127.0.0.1:$(cat port)" --run touch started
    eventually is_refused_again # and the next call is seconds away
    kill -KILL "$server"
    ends "$forwarder" 4 5 # it may have been the first of the two calls that was refused
    grep -Eq "${address##*:}: (cannot be reached|closed during)" forward.err
    [ ! -e started ]
}

is_refused_again() {
    [ "$(grep -c 'too many connections of this peer' serve.err)" -ge 3 ]
}

@test "SIGTERM before it has begun ends us by that" {
    python3 -c 'import socket, time; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1], flush=True); time.sleep(60)' >port 3>&- &
    also_started "$!"
    eventually [ -s port ]
    begin_forward 0 "bob@127.0.0.1:$(cat port)" --run touch started
    says forward.err 'is carried'
    kill "$forwarder"
    ends "$forwarder" 143
    [ ! -e started ]
}

@test "kith is killed: the program is asked to end, and killed if it does not" {
    start_serve --exec cat
    begin_forward 0 "bob@$address" --run bash -c 'trap "echo asked" TERM; echo $$ >pid; while :; do sleep 0.05; done'
    eventually [ -s pid ]
    kill -KILL "$forwarder"
    eventually grep -qs asked out
    eventually is_gone "$(cat pid)"
    [ "$(uname)" = Linux ] || return 0
    rm -f pid
    begin_forward 0 "bob@$address" --run bash -c 'trap "" TERM; echo $$ >pid; while :; do sleep 0.05; done'
    eventually [ -s pid ]
    also_started "$(cat pid)"
    # shellcheck disable=SC2046
    kill -KILL $(pgrep -P "$forwarder") "$forwarder"
    eventually is_gone "$(cat pid)"
}

@test "its background child does not keep us; its end is seen by who reads what it writes" {
    start_serve --exec cat
    run -0 run_forward 0 "bob@$address" --run sh -c 'sleep 30 >/dev/null 2>&1 3>&- & echo $! >pid'
    kill "$(cat pid)"
    mkfifo pipe
    cat pipe >arrived 3>&- 8>&- 9>&- &
    reader=$!
    also_started "$reader"
    KITH_DIR=alice "$KITH" forward -q 0 "bob@$address" \
        --run sh -c 'echo all; exec >&-; until [ -e stop ]; do sleep 0.05; done' >pipe 3>&- 8>&- 9>&- &
    forwarder=$!
    also_started "$forwarder"
    ends "$reader" 0
    [ "$(cat arrived)" = all ]
    kill -0 "$forwarder"
    touch stop
    ends "$forwarder" 0
}

@test "nohup and a shell's & hold for it; closed standard descriptors are no trouble" {
    start_serve --exec cat
    run -0 bash -c "trap '' HUP INT; KITH_DIR=alice exec '$KITH' forward -q 0 'bob@$address' --run grep SigIgn /proc/self/status"
    [ $((0x${output##*[[:space:]]} & 3)) = 3 ]
    run -0 bash -c "trap - PIPE CHLD; KITH_DIR=alice exec '$KITH' forward -q 0 'bob@$address' --run grep SigIgn /proc/self/status"
    [ $((0x${output##*[[:space:]]} & (1 << 12 | 1 << 16))) = 0 ]
    run -7 bash -c "KITH_DIR=alice exec '$KITH' forward 0 'bob@$address' --run sh -c 'exit 7' <&- >&- 2>&-"
}

@test "at a terminal: ^C reaches it once, and it may go on" {
    start_serve --exec cat
    bounded python3 "$tools/run_terminal.py" alice "bob@$address"
}

@test "check --retry waits for a target that is not there yet, or slow, and not for one that there is not" {
    start_serve -w 1h db="$PWD/db"
    refused 5 'the peer has no such target' -- as alice check --retry 1h "bob@$address:web"
    KITH_DIR=alice "$KITH" check -vw 200ms --retry 1m "bob@$address:db" >out 2>check.err 3>&- 8>&- &
    local waits=$!
    also_started "$waits"
    says check.err 'the peer cannot reach its target'
    python3 -c '
import os, socket, time
target, first = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
target.bind("db")
target.listen(0)
first.connect("db") # there is no room for another one
while not os.path.exists("go"):
    time.sleep(0.01)
while True:
    target.accept()[0].close()' 3>&- 8>&- &
    also_started "$!"
    says check.err 'did not tell in time'
    touch go
    ends "$waits" 0
    grep -q 'round trip' out
}

@test "check --retry waits for a peer that is not there yet" {
    address=127.0.0.1:$(free_port)
    refused 4 'cannot be reached' -- as alice check "bob@$address"
    KITH_DIR=alice "$KITH" check --retry 1m "bob@$address" >out 2>check.err 3>&- 8>&- &
    local waits=$!
    also_started "$waits"
    says check.err 'called again for'
    serve_on=$address start_serve --exec cat
    ends "$waits" 0
    grep -q 'round trip' out
}
