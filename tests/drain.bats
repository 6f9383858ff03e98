#!/usr/bin/env bats
# shellcheck shell=bats
# The end of a daemon: whom it waits for, and what it says of those whom it cuts.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"
source "$BATS_TEST_DIRNAME/daemons.bash"

# stranger ADDRESS [TEXT]: somebody connects there, says this and stays. Sets stranger, a descriptor.
stranger() {
    exec {stranger}<>"/dev/tcp/${1%:*}/${1##*:}"
    printf '%b' "${2-}" >&"$stranger"
}

# start_call WORD OPTION...: alice has called a server that runs cat, has said a word and had it back.
start_call() {
    start_serve "${@:2}" --exec cat
    mkfifo alice.in
    exec 8<>alice.in
    start_dialer
    echo "$1" >&8
    eventually grep -q "$1" alice.out
}

# start_silent: a peer that takes calls and says nothing. Sets address.
start_silent() {
    python3 -c 'import socket, time
with socket.create_server(("127.0.0.1", 0)) as server:
    print("127.0.0.1:%d" % server.getsockname()[1], flush=True)
    time.sleep(1000)' >silent 3>&- &
    also_started "$!"
    eventually [ -s silent ]
    address=$(cat silent)
}

@test "strangers, silent or in the middle of a word, are not waited for" {
    start_serve -w 1h --drain-timeout 1h --exec cat
    stranger "$address"
    stranger "$address" '\0\0\0\xa7half'
    comes_to "$server" serve.err pending=2
    kill "$server"
    ends "$server" 0
    says serve.err 'no new calls; no channel is open'
}

@test "they do not make an end in order one by a signal" {
    start_serve -w 1h --drain-timeout 1ms --exec cat
    stranger "$address"
    comes_to "$server" serve.err pending=1
    kill "$server"
    ends "$server" 0
}

@test "they are sent away at once though a channel is waited for" {
    start_call one -w 1h
    stranger "$address"
    kill "$server"
    says serve.err 'no new calls; waiting for 1 channel, at most 30 s; a second signal quits'
    run bounded cat <&"$stranger" # an end, or a reset if nobody had accepted it yet
    [ "$status" -ne 124 ]
    echo two >&8
    exec 8>&-
    ends "$dialer" 0
    ends "$server" 0
    [ "$(cat alice.out)" = $'one\ntwo' ]
}

@test "forward does not wait for a connection that has no channel yet" {
    start_silent
    start_forward --ready-on listen -w 1h --drain-timeout 1h
    stranger "$near" 'some'
    comes_to "$forwarder" forward.err 'totals open=0 pending=1' 2
    kill "$forwarder"
    ends "$forwarder" 0
    says forward.err 'no new calls; no channel is open; reset, since they had none yet: 1'
    run -1 bounded cat <&"$stranger"
    [[ $output == *reset* ]]
}

@test "what --drain-timeout cuts is said, and how much of it there was" {
    start_call one --drain-timeout 100ms
    kill "$server"
    ends "$server" 143
    says serve.err 'waiting for 1 channel, at most 0\.1 s'
    says serve.err 'drain-timeout is over: 1 channel cut short'
    says serve.err 'alice .*cut short.* address=127\.0\.0\.1:[0-9]+ sent=4 received=4 '
    ends "$dialer" 8
    [ "$(grep -c 'alice .*address=' serve.err)" -eq 1 ]
}

@test "what a second signal cuts is said, with --quiet too" {
    start_call one -q
    kill "$server"
    eventually closed
    kill "$server"
    ends "$server" 143
    says serve.err 'a second signal: 1 channel cut short'
    says serve.err 'alice .*cut short.* sent=4 received=4 '
    ends "$dialer" 8
}

# closed: nobody listens there any longer.
closed() {
    ! (exec 6<>"/dev/tcp/${address%:*}/${address##*:}") 2>/dev/null
}

@test "of a channel that is kept the stream is said that is cut, and none twice" {
    start_serve --drain-timeout 100ms --exec cat
    start_forward --keep 1
    for word in first other; do
        stranger "$near" "$word"
        [ "$(bounded head -c 5 <&"$stranger")" = "$word" ]
        [ "$word" = other ] || exec {stranger}>&-
        [ "$word" = other ] || says serve.err 'alice .*whole.* sent=5 received=5 '
    done
    kill "$server"
    ends "$server" 143
    says serve.err 'alice .*cut short.* sent=5 received=5 '
}

@test "a channel that is kept is said to be cut also while its target is waited for" {
    bounded python3 -c '
import socket, sys, time
server = socket.socket(socket.AF_UNIX)
server.bind("target")
server.listen(0)
other = socket.socket(socket.AF_UNIX)
other.connect("target") # which nobody takes: there is no room for another one
print("ready", flush=True)
time.sleep(600)' >filled 3>&- &
    started+=("$!")
    eventually [ -s filled ]
    start_serve --drain-timeout 100ms "$PWD/target"
    start_forward
    stranger "$near" word
    is_asked() { # then forward has another one to spare
        kill -USR1 "$server" && grep -q 'totals open=2 ' serve.err
    }
    eventually is_asked
    kill "$server"
    ends "$server" 143
    says serve.err '1 channel cut short'
    [ "$(grep -c 'alice .*cut short.* sent=0 received=0 ' serve.err)" -eq 1 ]
}

@test "an idle channel that is ended has nothing to tell of streams that are told" {
    start_serve --exec cat
    start_forward --spare 0 --keep 1 --ready-on listen
    stranger "$near" first
    [ "$(bounded head -c 5 <&"$stranger")" = first ]
    exec {stranger}>&-
    says serve.err 'alice .*whole.* sent=5 received=5 '
    grep -v ' alice$' bob/peers >peers
    mv peers bob/peers
    kill -HUP "$server"
    says serve.err 'alice .*ended: .*no longer in the peers file.* sent=0 received=0 '
}

@test "what a forwarder cuts is said" {
    start_serve --exec cat
    start_forward --drain-timeout 100ms
    stranger "$near" 'one'
    [ "$(bounded head -c 3 <&"$stranger")" = one ]
    kill "$forwarder"
    ends "$forwarder" 143
    says forward.err 'drain-timeout is over: 1 channel cut short'
    says forward.err 'bob .*cut short.* sent=3 received=3 '
}

@test "--quiet shows a channel that broke, and not one that is whole" {
    start_call one -q
    start_forward -q
    dial </dev/null
    [ ! -s serve.err ]
    stranger "$near" 'one'
    [ "$(bounded head -c 3 <&"$stranger")" = one ]
    kill -KILL "$dialer"
    says serve.err 'alice .*cut short'
    kill "$server"
    kill -KILL "$server"
    says forward.err 'bob .*cut short'
}

@test "dial --quiet shows a channel that breaks" {
    mkfifo alice.in
    exec 8<>alice.in
    start_serve -q --exec cat
    start_dialer -q
    echo one >&8
    eventually grep -q one alice.out
    kill -KILL "$server"
    ends "$dialer" 8
    exec 8>&-
    one_line "$(cat alice.err)" 'bob .*cut short'
}

@test "as JSON a channel that broke is an error, and one that is whole is a note" {
    start_call one --log-format json
    dial </dev/null
    kill -KILL "$dialer"
    says serve.err '"level":"error","what":"serve","which":"alice [^"]*","why":"cut short'
    says serve.err '"level":"note","what":"serve","which":"alice [^"]*","why":"whole"'
}

@test "channels that carry nothing, be it for a moment, are not waited for" {
    tool records drained
}
