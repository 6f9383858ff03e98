#!/usr/bin/env bats
# shellcheck shell=bats
# --via CMD: the way there is a command, which may lead nowhere, lie, stall, or die at any time.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/programs.bash"

# socat leads to %h:%p, and leaves when either side does; everybody has it who tests kith.
way='socat STDIO TCP:%h:%p'

# over CMD OPTION...: alice dials bob by it, at $address.
over() {
    needs socat
    dial --via "$@"
}

# start_over CMD: the same in the background, with a part of what she says on its way; its group is
# in the file pid.
start_over() {
    mkfifo alice.in
    exec 8<>alice.in
    start_dialer --via "echo \$\$ >pid; $1" "${@:2}"
    echo part >&8
    eventually grep -q connected bob.err
}

# A slow reader of standard input: so much now and then, and all in the end.
sips() {
    python3 -c '
import sys, time
out = open(sys.argv[1], "wb")
while data := sys.stdin.buffer.read1(65536):
    out.write(data)
    time.sleep(0.005)' "$1"
}

# no_group PID: of its process group nobody is left, but who waits for a parent to notice. Who was
# killed may be there for a while yet, and who ends need not wait for what was being started.
no_group() {
    ! ps -eo pgid=,stat= | grep -E "^ *$1 +[^Z]"
}

@test "what goes there and back is whole, by whatever leads there" {
    local by
    needs socat ncat nc
    for by in "$way" 'ncat %h %p' 'nc %h %p' 'nc -N %h %p' 'exec 3>&1; ncat %h %p | cat; :'; do
        random_file alice.in 3000000
        random_file bob.in 2000000
        start_listener -v
        dial --via "$by" <alice.in >alice.out
        ends "$listener" 0
        cmp alice.in bob.out
        cmp bob.in alice.out
        grep -q whole bob.err
    done
}

@test "ssh -W leads there, over a bastion" {
    run_sshd
    random_file alice.in 3000000
    random_file bob.in 2000000
    start_listener
    over "ssh -F ssh_config -p $sshd_port -W %h:%p 127.0.0.1" <alice.in >alice.out
    ends "$listener" 0
    cmp alice.in bob.out
    cmp bob.in alice.out
}

@test "kith leads there, through a relay that has no key of either" {
    needs socat
    be_alice
    KITH_DIR=carol kith keygen -q -n relay
    cp alice/identity.pub carol/peers
    random_file alice.in 3000000
    random_file bob.in 2000000
    start_listener
    start_kith carol serve 127.0.0.1:0 nas="$address"
    printf 'addr="%s" %s\n' "$ready" "$(cat carol/identity.pub)" >>alice/peers
    run -0 --separate-stderr dial --via 'kith dial relay:nas' <alice.in >alice.out
    ends "$listener" 0
    cmp alice.in bob.out

    start_kith bob serve 127.0.0.1:0 exec:cat
    bob=$ready
    start_kith carol serve 127.0.0.1:0 nas="$bob"
    sed -i "s/.*relay$/addr=\"$ready\" $(cat carol/identity.pub)/" alice/peers
    bounded kith check --via 'kith dial relay:nas' "bob@$bob"
}

@test "so does a proxy for HTTP" {
    local port
    needs ncat
    port=$(free_port)
    start proxy ncat -l 127.0.0.1 "$port" -k --proxy-type http
    eventually answers 127.0.0.1 "$port"
    random_file alice.in 3000000
    start_listener
    over "ncat --proxy 127.0.0.1:$port --proxy-type http %h %p" <alice.in
    ends "$listener" 0
    cmp alice.in bob.out
}

@test "a slow reader at either end gets all of it" {
    random_file alice.in 6000000
    random_file bob.in 6000000
    start_listener
    over "$way" <alice.in | sips alice.out
    ends "$listener" 0
    cmp bob.in alice.out
    rm bob.out
    mkfifo bob.out
    sips slow.out <bob.out 3>&- &
    reader=$!
    start_listener
    over "$way" <alice.in >alice.out
    ends "$listener" 0
    wait "$reader"
    cmp alice.in slow.out
    cmp bob.in alice.out
}

@test "one direction ends before the other, whichever" {
    start_listener --send-only
    over "$way" --recv-only </dev/null
    ends "$listener" 0
    echo first >alice.in
    mkfifo bob.in
    exec 8<>bob.in
    start_listener
    start_dialer --via "$way"
    eventually grep -qx first bob.out
    echo second >&8
    exec 8>&-
    ends "$dialer" 0
    ends "$listener" 0
    [ "$(cat alice.out)" = second ]
    rm bob.in alice.in
    echo first >bob.in
    mkfifo alice.in
    exec 8<>alice.in
    start_listener
    start_dialer --via "$way"
    eventually grep -qx first alice.out
    echo second >&8
    exec 8>&-
    ends "$dialer" 0
    ends "$listener" 0
    [ "$(cat bob.out)" = second ]
}

@test "the command has the name as it was given, and nobody looks it up" {
    local wanted='host.invalid 9 %'
    start_listener
    address_of_bob=$address
    address=host.invalid:9
    over "echo %h %p %% >told; exec socat STDIO TCP:$address_of_bob" </dev/null
    ends "$listener" 0
    [ "$(cat told)" = "$wanted" ]
}

@test "an address that a shell could read as more than a word is not told to it" {
    local host
    for host in 'a;b' '$(x)' '-o' 'a|b' 'a&b' "a'b" 'a>b'; do
        refused 4 'cannot be told to --via' -- as alice dial --via 'touch touched; echo %h' "bob@$host:1"
        printf 'addr="%s:1" %s\n' "$host" "$(cat bob/identity.pub)" >alice/peers
        refused 4 'cannot be told to --via' -- as alice check --via 'touch touched; echo %h' bob
        cp bob/identity.pub alice/peers
    done
    [ ! -e touched ]
}

@test "a command that fails is no way: it is said how, and what it says itself is shown" {
    address=127.0.0.1:9
    run -4 --separate-stderr dial --via 'echo its own words >&2; exit 3'
    [[ $stderr == *'its own words'*'with status 3'* ]]
    run -4 --separate-stderr dial --via './nothing-there'
    [[ $stderr == *nothing-there*not\ found* ]]
    [[ $stderr == *'bob '*' at 127.0.0.1:9 via ./nothing-there: '*'with status 127'* ]]
    ! [[ $stderr == *terminal* ]] || fail 'what is not there asks for nothing'
    refused 4 'by signal 9' -- dial --via 'kill -KILL $$'
    refused 4 'with status 255' -- dial --via 'exit 255' # as ssh
    refused 4 'with status 5' -- dial --via 'head -c 100 >/dev/null; exit 5'
    refused 4 'with status 5' -- as alice check --via 'exit 5' "bob@$address"
    refused 4 'xxx[.][.][.]: cannot be reached: .*with status 5; .*it has no terminal to ask at' -- \
        dial --via "exit 5; : ssh$(printf 'x%.0s' {1..80})"
    refused 4 'the messages of that command tell why$' -- dial --via 'exit 5'
    refused 1 'no process can be started: Too many open files; .*ulimit -n' -- \
        env KITH_DIR=alice bash -c 'ulimit -n 9; "$0" dial --via true "$1"' "$KITH" "bob@$address"
    needs nc
    refused 4 'with status 1' -- dial --via 'nc %h %p'
}

@test "one that ends well, or closes what we hear, is as a peer that turns us away" {
    address=127.0.0.1:9
    refused 5 'closed during the handshake' -- dial --via 'exit 0'
    refused 5 'closed during the handshake' -- dial --via 'exec >&-; exec sleep 1000'
    start_listener -p "$(as alice pubkey)" -n other
    refused 5 'closed during the handshake' -- over "$way" </dev/null
    eventually grep -q "wrong namespace" bob.err
}

@test "one that says something else is not believed" {
    address=127.0.0.1:9
    refused 5 'not our protocol' -- dial --via 'echo SSH-2.0-OpenSSH_9.2; cat >/dev/null'
    refused 4 'with status 1' -- dial --via 'head -c 100 >/dev/null; echo Error: no such container; exit 1'
    refused 4 'with status 2' -- dial --via 'head -c 100 >/dev/null; head -c 300 /dev/zero; exit 2'
    refused 5 . -- dial --via cat
    refused 5 . -- dial --via 'head -c 300 /dev/zero; cat >/dev/null'
    [ ! -s alice.out ]
}

# stalls: it has come so far as to say who it is.
stalls() {
    refused 7 'no handshake in time' -- dial -w 1s --via 'echo $$ >pid; exec sleep 1000'
    [ -s pid ]
}

@test "one that stalls has as long as any call" {
    address=127.0.0.1:9
    refused 7 'no handshake in time' -- dial -w 1s --via 'exec sleep 1000'
    eventually stalls
    eventually no_group "$(cat pid)"
    start_listener
    refused 7 'no handshake in time' -- over "sleep 1000; $way" -w 1s
}

@test "one that dies while the channel is open cuts it: both sides say so, and no file is there" {
    mkdir new
    start_listener -v
    start_over "exec ${way//%/%}" -o new/file
    kill -KILL "$(cat pid)"
    ends "$dialer" 8
    ends "$listener" 8
    [ -z "$(ls -A new)" ]
    grep -q 'cut short' alice.err
}

@test "a peer that is gone is noticed by whatever closes its output then" {
    local by
    needs socat ncat
    for by in "$way" 'ncat %h %p'; do
        rm -f alice.in
        mkfifo alice.in
        exec 8<>alice.in
        start_listener -v
        start_dialer --via "$by"
        eventually grep -q connected bob.err
        kill -KILL "$listener"
        ends "$dialer" 8
        ends "$listener" 137
    done
}

@test "a bastion that dies while the channel is open cuts it" {
    run_sshd
    start_listener -v
    start_over "exec ssh -F ssh_config -p $sshd_port -W %h:%p 127.0.0.1"
    pkill -KILL -P "$(cat sshd.pid)" || fail 'no session to kill'
    ends "$dialer" 8
    ends "$listener" 8
}

@test "whatever it has left in its group is ended, and what does not heed that is killed" {
    start_listener
    over "echo \$\$ >pid; (trap '' TERM; exec sleep 1000 <&- >&- ) & exec $way" </dev/null
    ends "$listener" 0
    eventually no_group "$(cat pid)"
    start_listener
    over "echo \$\$ >pid; trap '' TERM; $way; sleep 1000; :" </dev/null
    ends "$listener" 0
    eventually no_group "$(cat pid)"
}

# sees_its_end: which it has a second for.
sees_its_end() {
    rm -f seen
    refused 7 . -- dial -w 1s --via 'trap "echo TERM >>seen" TERM; cat >/dev/null; echo end >>seen'
    [ "$(cat seen)" = end ]
}

@test "it is the way only until it ends, whatever it has left behind, and wherever that is" {
    local left
    address=127.0.0.1:9
    refused 4 'with status 3' -- dial --via 'exec 3<&0; sleep 1000 <&3 & exit 3'
    refused 4 'with status 3' -- \
        dial --via 'exec 3<&0; setsid sleep 1000 <&3 & echo $! >left; exit 3'
    kill "$(cat left)"
    for left in '' setsid; do
        rm -f alice.in left
        start_listener -v
        start_over "$left sleep 1000 & echo \$! >left; exec $way"
        kill -KILL "$listener"
        ends "$listener" 137
        ends "$dialer" 8
        [ -z "$left" ] || kill "$(cat left)"
    done
}

@test "how it has failed is said also where the time is over first" {
    address=127.0.0.1:9
    in_time() {
        run --separate-stderr dial -w 500ms --via 'exec 3<&0; sleep 1000 <&3 & exit 3'
        [ "$status" -eq 4 ] && [[ $stderr == *'with status 3'* ]]
    }
    eventually in_time
}

@test "it sees the end of its input before it is signalled" {
    address=127.0.0.1:9
    eventually sees_its_end
}

@test "it is ended when we are killed" {
    start_listener -v
    start_over "exec $way"
    kill -KILL "$dialer"
    eventually no_group "$(cat pid)"
    ends "$listener" 8
}

@test "it is ended, too, when what has started it is killed, alone or with us" {
    local killed
    address=127.0.0.1:9
    for killed in '' us; do
        rm -f pid
        start_dialer --via 'echo $$ >pid; exec sleep 1000'
        eventually [ -s pid ]
        # shellcheck disable=SC2046
        kill -KILL $(ps -o ppid= -p "$(cat pid)") ${killed:+"$dialer"}
        eventually no_group "$(cat pid)"
        [ -n "$killed" ] || ends "$dialer" 5
    done
}

@test "it is tried again for as long as --retry says" {
    start_listener
    over "[ -e tried ] || { touch tried; exit 3; }; exec $way" --retry 20s </dev/null
    ends "$listener" 0
    address=127.0.0.1:9
    run -4 --separate-stderr dial --retry 500ms --via 'exit 3'
    [[ $stderr == *': given up after '* ]]
}

@test "check says what it was that answered, and a target is found by its name" {
    needs socat
    serves --peer "$(as alice pubkey)" one=exec:'echo one' two=exec:'echo two'
    run -0 as alice check --via "$way" bob:two
    [[ $output == bob*" at $address via socat"*'target two is there, and permitted' ]]
    [ "$(as alice dial --recv-only --via "$way" bob:two)" = two ]
    [ "$(as alice dial --recv-only --via "$way" bob:one)" = one ]
    run -5 as alice check --via "$way" bob:three
    finish
}

@test "it has our environment and standard error, and nothing else of ours" {
    [ -e /proc/self/fd ] || skip "what is open cannot be seen here"
    start_listener
    SAID=something over "env >env; ls /proc/self/fd >fds; exec $way" </dev/null
    ends "$listener" 0
    grep -qx SAID=something env
    grep -qx KITH_DIR=alice env
    run ! grep KITH_PEER env
    [ "$(tr '\n' ' ' <fds)" = '0 1 2 3 ' ] # the last is the folder
}

@test "what faces the network is confined all the same, and the command is not" {
    grep -q '^Seccomp:' /proc/self/status || skip "this kernel has no seccomp"
    ! sanitized || skip "the sanitizers make system calls of their own"
    start_listener -v
    start_over "cat /proc/self/status >status; exec $way"
    eventually grep -q '^Seccomp:.*2' "/proc/$dialer/status"
    diff <(grep ^Seccomp: status) <(grep ^Seccomp: /proc/self/status)
    exec 8>&-
    ends "$dialer" 0
    ends "$listener" 0
}

@test "no address is made up for it" {
    needs socat
    start_listener
    as alice dial --via "$way" --ready-fd 9 "bob@$address" --exec sh -c 'env >env' \
        9>ready.line </dev/null
    ends "$listener" 0
    [ "$(cat ready.line)" = "$address via $way" ]
    grep -qx KITH_PEER_NAME=bob env
    grep -qx KITH_REMOTE_ADDR= env
    grep -qx KITH_LOCAL_ADDR= env
    grep -qx KITH_REMOTE_PORT= env
}

# forwards_over CMD OPTION...: alice forwards to bob by it, with each start of it in the file calls.
forwards_over() {
    forwards --via "echo \$\$ >>calls; $1" "${@:2}" -v 127.0.0.1:0
}

# made N: so many commands were started, or more.
made() {
    [ "$(wc -l <calls)" -ge "$1" ]
}

# asks WORD: what answers at alice's port, which sends it back.
asks() {
    [ "$(echo "$1" | bounded socat -t "$limit" STDIO "TCP:$near")" = "$1" ]
}

@test "forward: one stream after another goes by one command, and many at once by several" {
    local n pids=()
    needs socat
    serves exec:cat
    forwards_over "exec $way" --spare 1 --keep 8
    for n in 1 2 3 4 5; do
        asks "$n"
        comes_to "${kiths[1]}" forward.err "open=0 pending=0 channels=$n " 2 # and its channel is idle
    done
    [ "$(wc -l <calls)" -le 2 ] # the spare one may be made while the first is in use
    random_file sent 50000 # socat waits for one side while the other waits for it
    for n in 1 2 3 4; do
        socat -t "$limit" STDIO "TCP:$near" <sent >"back$n" 3>&- &
        pids+=($!)
    done
    for n in 1 2 3 4; do
        ends "${pids[n - 1]}" 0
        cmp sent "back$n"
    done
    [ "$(wc -l <calls)" -le 10 ]
    finish
    while read -r n; do
        eventually no_group "$n"
    done <calls
}

@test "forward: with --plain each connection has a command of its own" {
    needs socat
    serves exec:cat
    forwards_over "$way; exec sleep 1000" --plain
    asks one
    asks two
    [ "$(wc -l <calls)" -eq 2 ]
    eventually no_group "$(head -n 1 calls)"
    finish
    serves exec:sha256sum
    forwards_over "exec $way" --plain
    random_file sent 5000000
    [ "$(socat -t "$limit" STDIO "TCP:$near" <sent)" = "$(sha256sum <sent)" ]
    finish
}

@test "forward: where the command dies the program is reset, and the next connection has another" {
    needs socat
    serves exec:cat
    forwards_over "exec $way" --spare 0 --keep 1 --ready-on listen
    exec 7<>"/dev/tcp/127.0.0.1/$near_port"
    echo part >&7
    read -r -t "$limit" part <&7
    [ "$part" = part ]
    kill -KILL "$(head -n 1 calls)"
    run -1 bounded cat <&7
    [[ $output == *reset* ]]
    grep -q 'each connection is carried to bob .* by --via' forward.err
    exec 7>&-
    asks another
    [ "$(wc -l <calls)" -eq 2 ]
    finish
}

@test "forward: a peer that no command leads to is said to be lost, and found once one does" {
    needs socat
    serves exec:cat
    forwards --via "[ -e way ] || exit 3; exec $way" --ready-on listen 127.0.0.1:0
    eventually grep -q 'with status 3' forward.err
    touch way
    eventually asks again
    eventually grep -q 'the peer is there again' forward.err
    finish
}

@test "forward: a command that stalls is noticed by PING, and another takes its place" {
    needs socat
    serves exec:cat
    forwards_over "exec $way" --ping 1s
    local stalled
    stalled=$(tail -n 1 calls)
    kill -STOP "$stalled"
    eventually is_gone "$stalled" # with no connection that would have noticed
    eventually made 2
    asks two
    finish
}

@test "forward: --run has its program once there is a way, and its end is ours" {
    needs socat
    serves exec:cat
    # shellcheck disable=SC2016
    run -7 as alice forward --via "$way" 0 bob --run sh -c '
        [ "$(echo said | socat -t 10 STDIO "TCP:$KITH_FORWARD_1")" = said ] && exit 7'
    finish
}

@test "forward: what starts the commands is not to be missed" {
    needs socat
    serves exec:cat
    forwards_over "exec $way"
    local forwarder=${kiths[1]} starter
    starter=$(ps -o ppid= -p "$(head -n 1 calls)")
    kill -KILL "$starter"
    ends "$forwarder" 1
    kiths=("${kiths[0]}")
    grep -q 'the process that starts programs is gone' forward.err
    finish
}

@test "serve --call: the reverse way goes by a command, too, which ends with its channel" {
    needs socat
    start_kith bob forward --ready-on listen --accept 127.0.0.1:0 127.0.0.1:0 alice
    near=$(sed -n 's/.* \(127[0-9.:]*\): each connection.*/\1/p' forward.err)
    found_at "$(sed -n 's/.* \(127[0-9.:]*\): waits for calls.*/\1/p' forward.err)"
    KITH_DIR=alice "$KITH" serve --via "echo \$\$ >>calls; $way; exec sleep 1000 </dev/null >&0" --call bob --spare 1 \
        exec:cat 2>serve.err </dev/null 3>&- 8>&- &
    also_started $!
    eventually asks one
    asks two
    pkill -P "$(head -n 1 calls)" socat # its channel is over, and what is left of it has to end
    eventually no_group "$(head -n 1 calls)"
    eventually asks three
    kill -TERM "${started[-1]}"
    ends "${started[-1]}" 0
    while read -r n; do
        eventually no_group "$n"
    done <calls
    finish
}

@test "what makes no sense with it is refused" {
    local at=bob@127.0.0.1:9
    refused 2 'excludes --source' -- as alice dial --via x -s 127.0.0.1 "$at"
    refused 2 'excludes -4 and -6' -- as alice dial --via x -4 "$at"
    refused 2 '%h, %p and %%' -- as alice dial --via 'x %r' "$at"
    refused 2 '%h, %p and %%' -- as alice check --via 'x %' "$at"
    refused 2 'not empty' -- as alice check --via '' "$at"
    refused 2 'not an option of this command' -- as bob listen --via x 0
    refused 2 'addr' -- as alice dial --via x bob
}
