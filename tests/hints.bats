#!/usr/bin/env bats
# shellcheck shell=bats
# What is said so that somebody knows what to do next.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"
source "$BATS_TEST_DIRNAME/daemons.bash"

@test "a command that is misspelt, or stands behind an option" {
    refused 2 dail 'did you mean: kith dial$' -- "$KITH" dail bob
    refused 2 'did you mean: kith forward$' -- "$KITH" forwrad 5432 bob
    refused 2 'did you mean: kith keygen$' -- "$KITH" key-gen
    refused 2 'kith dial -v$' -- "$KITH" -v dial bob
    refused 2 'kith serve --log-format$' -- "$KITH" --log-format json serve 9000 22
    refused 2 frobnicate 'kith --help$' -- "$KITH" frobnicate
    refused 2 'kith --help$' -- "$KITH" "$(printf '%0500d' 0)"
}

@test "an address where a peer is meant" {
    for where in host:9000 127.0.0.1:9000 '[::1]:9000'; do
        refused 2 'not who' 'WHO@HOST:PORT' -- as alice dial "$where"
        refused 2 'not who' 'WHO@HOST:PORT' -- as alice check "$where"
        refused 2 'not who' 'WHO@HOST:PORT' -- as alice forward 0 "$where"
    done
}

@test "what stands in another's place" {
    refused 2 'db=127' 'PORT comes first: kith serve PORT NAME=TARGET$' -- as bob serve db=127.0.0.1:80 9000
    refused 2 '9000' 'kith meet --listen PORT' -- as alice meet 9000
    refused 3 'agent: no such file' 'i agent:$' -- as alice listen -i agent 0
    printf '%s@bob.example:9000 bob\n' "$(as bob pubkey)" >alice/peers
    refused 3 'line 1' 'is no key' 'addr="HOST:PORT" KEY NAME' -- as alice listen 0
}

@test "an address that is in use, or not of this machine" {
    start_serve 127.0.0.1:1
    refused 4 'already in use' 'another program' 'ss -ltnp' -- as alice listen "$address"
    refused 4 'already in use' 'another program' -- as alice forward "$address" bob@127.0.0.1:1
    refused 4 'cannot listen there' 'of this machine' -- as alice listen 192.0.2.1:0
}

@test "a sender without a receipt is told whose side failed, where to look, and what to do" {
    random_file alice.in 100000
    listen_to=/dev/full start_listener --recv-only
    refused 8 'cut short' 'disk there|its side' 'there tell which' 'send it again' -- dial <alice.in
    ends "$listener" 1
}

@test "a receiver of a part is told the same" {
    mkfifo bob.in
    exec 8<>bob.in
    start_listener
    start_dialer
    echo part >&8
    eventually grep -q part alice.out
    kill -KILL "$listener"
    ends "$dialer" 8
    exec 8>&-
    one_line "$(cat alice.err)" 'cut short' 'its side' 'there tell which' 'sent again'
}

# tries_again: a call of nobody is made again. On a machine that stood still there may have
# been no time for a second one.
tries_again() {
    run -4 --separate-stderr as alice dial --retry 900ms bob@127.0.0.1:1 </dev/null || return
    [ "$(grep -c 'refused' <<<"$stderr")" = 2 ] # at first, and in the end
}

@test "dial --retry says once that it waits" {
    eventually tries_again
    [ "$(grep -Ec 'dial: bob \([0-9a-f]{8}\): called again for 0\.900 s$' <<<"$stderr")" = 1 ]
    [[ $stderr == *'): given up after 0.900 s' ]]
    run -4 --separate-stderr as alice dial -q --retry 300ms bob@127.0.0.1:1 </dev/null
    [[ $stderr != *' after '* ]]
}

@test "forward says what it carries, and where to" {
    address=127.0.0.1:1
    start_forward --ready-on listen
    says forward.err "$near: each connection is carried to bob \\([0-9a-f]{8}\\) at $address"
}

# shows ARGUMENT...: serve with these, at a terminal, shows this line: the words in $words, and who
# and where it is.
shows() {
    local pid
    launcher=(python3 "$tools/terminal.py")
    start_serve "$@"
    says serve.err "kith $words $(as bob pubkey)@$address"
    read -r pid <"/proc/$server/task/$server/children" || true # no newline at its end
    kill -TERM "$pid"
    ends "$server" 0
}

@test "serve at a terminal shows the line that reaches the port" {
    words='forward 5432' shows 127.0.0.1:5432
    words='forward 0' shows 80
    words=dial shows "$PWD/socket"
    words=dial shows --exec cat
}

@test "an argument that is missing is named, and so is one too many" {
    refused 2 'PEER is missing' 'kith dial \[options\] PEER$' -- as alice dial
    refused 2 'PEER is missing' -- as alice check
    refused 2 '\[HOST:\]PORT is missing' -- as alice listen
    refused 2 'LOCAL is missing' 'kith forward \[options\] LOCAL PEER \[LOCAL PEER\.\.\.\]$' -- as alice forward
    refused 2 'PEER is missing' -- as alice forward 9000
    refused 2 '\[HOST:\]PORT is missing' -- as alice serve
    refused 2 '\[HOST:\]PORT is missing' 'kith meet \[options\] --listen \[HOST:\]PORT$' -- as alice meet --listen
    refused 2 'TARGET is missing' '--exec' -- as alice serve 9000
    refused 2 '\[HOST:\]PORT is missing' 'put it last$' -- as alice serve --exec cat 9000
    refused 2 'one: a LOCAL whose PEER is missing' 'usage: ' -- as alice forward 9000 bob one
    refused 2 'said there: kith serve' -- as alice forward 9000 localhost:80 bob
    refused 2 'PORT is missing; -p takes the peer' -- as alice listen -p 9000
    refused 2 '--call: needs a value: PEER;' -- as alice serve --call
    refused 2 '-i: needs a value: FILE;' -- as alice dial bob@127.0.0.1:1 -i
    refused 2 '--namespace: needs a value: TEXT;' -- as alice dial bob@127.0.0.1:1 --namespace
    refused 2 '--force: takes no value;' -- as alice listen --force=yes 0
    refused 2 '80: .*--exec replaces TARGET' -- as alice serve 9000 80 --exec cat
    refused 2 'file: .*< FILE' -- as alice dial bob file
    refused 2 '9000: .*a port belongs to PEER: WHO@HOST:PORT$' -- as alice dial localhost 9000
    refused 2 'file: .*-o FILE PORT' 'kith listen -p bob PORT$' -- as alice listen 9000 file
    refused 2 'bob: .*-p NAME PORT$' -- as alice listen bob
    refused 2 'bob: .*usage: kith forward \[options\] LOCAL PEER$' -- as alice forward bob 5433
}

@test "what is of one form of a command has the usage of that form" {
    refused 2 'home: .*usage: kith forward \[options\] --accept \[HOST:\]PORT LOCAL WHO$' -- as alice forward --accept 9000 home 8080
    refused 2 'home: .*usage: kith forward \[options\] --accept' -- as alice forward --accept home 8080 bob
    refused 2 'home: .*usage: kith meet \[options\] --listen \[HOST:\]PORT$' -- as alice meet --listen home
    refused 2 'home: .*usage: kith meet \[options\] HOST:PORT$' -- as alice meet home
    refused 2 '6379: a second target.*no PORT comes before them here' -- as alice serve --call bob 9000 6379
    refused 2 '22: a second target.*; several' -- as alice serve 9000 6379 22
    [[ $stderr != *'no PORT'* ]]
}

@test "a LOCAL that says where its connections come out, as for ssh -L" {
    local each
    for each in 6380:localhost:6379 6380:127.0.0.1:6379 '6380:[::1]:6379'; do
        refused 2 "not PORT" 'kith serve PORT TARGET; here: kith forward PORT PEER$' -- as alice forward "$each" bob
    done
    for each in ::1:6379 1:2:3:4 6380::6379 home:6380:6379 6380:localhost:http; do
        refused 2 'several colons' -- as alice forward "$each" bob
    done
}

@test "words of other programs for our commands" {
    refused 2 'did you mean: kith dial PEER < FILE$' -- "$KITH" send file
    refused 2 'did you mean: kith listen --recv-only -o FILE PORT$' -- "$KITH" receive
    refused 2 'did you mean: kith dial PEER$' -- "$KITH" connect bob
    refused 2 'did you mean: kith dial PEER$' -- "$KITH" bob@127.0.0.1:9000
    refused 2 '--accept: not an option of this command' -- as alice serve --accept 9000 8085 bob
    refused 2 '--accept: not an option of this command' -- as alice serve --accept=9000 8085 bob
    refused 2 'LOCAL comes first: kith forward LOCAL PEER$' -- as alice forward bob:web 8080
    refused 2 'json: one argument too many; one word: --progress=json$' -- as alice dial --progress json bob
    refused 2 'a command comes first: kith COMMAND -i$' -- "$KITH" -i identity bob
    refused 2 'WHO@ is only for a peer that is called$' -- as alice meet bob@127.0.0.1:9000
    refused 2 'kith --version$' -- "$KITH" dial --version
    refused 2 'kith --version$' -- "$KITH" serve -V
}

@test "kith version, and kith help COMMAND" {
    [ "$("$KITH" version)" = "$("$KITH" --version)" ]
    [ "$("$KITH" help serve)" = "$("$KITH" serve --help)" ]
    refused 2 'did you mean: kith serve$' -- "$KITH" help srve
    refused 2 'did you mean: kith help$' -- "$KITH" hlep
    refused 2 'did you mean: kith version$' -- "$KITH" versoin
    [ "$("$KITH" help help)" = "$("$KITH" --help)" ]
    [ "$("$KITH" help version)" = "$("$KITH" --help)" ]
}

@test "--help fits 80 columns, and says where files are, what values are, and both forms of serve" {
    local command
    for command in '' keygen pubkey listen dial check serve forward; do
        # shellcheck disable=SC2086 # or no word at all
        "$KITH" $command --help >help
        ! grep -E '.{81}' help || fail "too wide: $command"
    done
    "$KITH" meet --help >help
    ! grep -q 'N is a number' help || fail 'meet sends no bytes that an N could count'
    "$KITH" serve --help >help
    grep -q '[~]/.config/kith/identity' help
    grep -q '[~]/.config/kith/peers' help
    grep -q '^T is a time: .*N is a number' help
    grep -q '^ *kith serve .*--exec CMD' help
    for command in PEER:dial PEER:check PEER:forward LOCAL:forward TARGET:serve WHO:listen; do
        "$KITH" "${command#*:}" --help >help
        grep -q "^${command%:*} is " help || fail "no word on ${command%:*}: ${command#*:}"
    done
}

@test "--rate takes K, M and G in capitals or not, and says what it takes" {
    refused 4 'cannot be reached' -- as alice dial --rate 100k bob@127.0.0.1:1
    refused 4 'cannot be reached' -- as alice dial --rate 1g --max-message-size 1m bob@127.0.0.1:1
    for rate in 3g 0k k 1.5M 1MB 1kk; do
        refused 2 "takes bytes a second from 1 to 2G: 500000, 500K or 10M, not \"$rate\"" -- \
            as alice dial --rate "$rate" bob@127.0.0.1:1
    done
}

@test "an option that is misspelt, another command's, or given a value it does not take" {
    refused 2 '--idle-timout: no such option; did you mean: --idle-timeout$' -- \
        as alice dial --idle-timout 5s bob
    refused 2 '--max: .*several options' -- as alice serve --max 5 9000 80
    refused 2 '--retry: not an option of this command' 'kith serve --help$' -- \
        as alice serve --retry 5s 9000 80
    refused 2 '-i: not an option of this command' 'kith keygen FILE$' -- as alice keygen -i file
    refused 2 '--identity: not an option of this command' 'kith pubkey FILE$' -- \
        as alice pubkey --identity file
    refused 2 '--send-only: takes no value' -- as alice dial --send-only=yes bob
    refused 2 '--frobnicate: no such option' 'kith dial --help$' -- as alice dial --frobnicate bob
    refused 2 '-X: no such option' -- as alice dial -X bob
    refused 2 '-\\xff: no such option' -- as alice dial $'-\xff\xfe' bob
}

@test "values that an option does not take" {
    refused 2 '--ready-fd: takes the number of a descriptor that is open for writing' -- \
        as alice listen --ready-fd 99 0
    refused 2 '--ready-fd: takes the number of a descriptor that is open for writing' -- \
        as alice listen --ready-fd 7 0 7</dev/null
    refused 2 '--proxy-protocol: excludes --exec' -- as bob serve --proxy-protocol 0 --exec cat
    refused 2 '--channel-age: takes a time from 1s on, not "999ms"; see' -- \
        as alice forward --channel-age 999ms 0 bob@127.0.0.1:1
    refused 2 '--idle-timeout: takes a time.*, not "soon"; see' -- \
        as alice listen --idle-timeout soon 0
    refused 2 '--log-format: takes text or json, not "xml"; see' -- as alice pubkey --log-format xml
    refused 2 '--handshake-timeout: takes a time, and not 0' -- as alice check -w 0 bob@127.0.0.1:1
    refused 2 '--handshake-timeout: .*, not "10x"; see' -- as alice check -w 10x bob@127.0.0.1:1
    refused 2 '--accept-proxy: "nobody" is not an address' -- as bob serve --accept-proxy nobody 0 80
    refused 2 '--source: takes an address in numbers' -- as alice check -s localhost bob@127.0.0.1:1
    refused 2 '--source: takes an address in numbers' -- as bob listen -s localhost 0
    refused 2 'a blank in it; .*-n alice' -- "$KITH" keygen -n 'a b' key
}

@test "an empty word is shown as one" {
    refused 2 'forward: "": ' -- as alice forward '' bob
    refused 2 'listen: "": ' -- as bob listen ''
}

@test "an IPv4 address inside an IPv6 one cannot be listened on" {
    needs_ipv6
    refused 4 'IPv4 address' -- as bob listen '[::ffff:127.0.0.1]:0'
}

@test "a key in quotes, or with a NUL byte at its end" {
    local key
    key=$(cut -d ' ' -f 1 bob/identity.pub)
    printf '"%s"\n' "$key" >quoted.pub
    printf '%s\0' "$key" >ended.pub
    refused 3 'quotes' -- as alice pubkey quoted.pub
    refused 3 'quotes' -- as alice dial ./quoted.pub@127.0.0.1:1
    refused 3 'NUL byte.*; .*text' -- as alice pubkey ended.pub
    refused 3 'NUL byte.*; .*text' -- as alice dial ./ended.pub@127.0.0.1:1
}

@test "the key and its passphrase cannot both come from one descriptor" {
    openssl pkcs8 -topk8 -in alice/identity -passout pass:secret -out encrypted
    refused 3 'the key itself is read from there' -- "$KITH" pubkey --passphrase-file - - <encrypted
    refused 3 'the key itself is read from there' -- \
        "$KITH" check -i - --passphrase-file /dev/fd/0 ./bob/identity.pub@127.0.0.1:1 <encrypted
}

@test "a descriptor by another spelling is an identity all the same" {
    [ -e /proc/thread-self/fd ] || skip "this system has no /proc/thread-self"
    ln -s /dev/fd/5 link
    ln -s link link-to-link
    for spelling in //dev/fd/5 /proc/thread-self/fd/5 "$PWD/link" link-to-link; do
        refused 4 'cannot be reached' -- "$KITH" check -i "$spelling" \
            ./bob/identity.pub@127.0.0.1:1 5<alice/identity
    done
    refused 3 'not open' -- "$KITH" check -i link ./bob/identity.pub@127.0.0.1:1 5<&-
}

@test "listen with nobody who could call" {
    : >bob/peers
    refused 3 'nobody is known, so nobody can call' 'peers file' '--peer' -- as bob listen 0
}

@test "a target that is there, and is no socket" {
    touch file
    refused 4 "$PWD/file: .*cannot reach the target: .*not a socket" -- as bob serve 0 "$PWD/file"
    refused 4 '/: .*not a socket' -- as bob serve 0 /
}

@test "a port that only root may have" {
    [ "$(id -u)" = 0 ] || skip "only root can be somebody else"
    [ "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start 2>/dev/null)" = 1024 ] ||
        skip "every port is everybody's here"
    kith_for_others
    chown -R 65534 bob
    KITH_DIR=$PWD/bob refused 4 ':22: .*ports below 1024 are root' 'systemd' -- \
        setpriv --reuid 65534 --clear-groups timeout "$limit" "$KITH" listen 22
}

@test "a key that is not at the usual place: keygen says how it is used" {
    run -0 --separate-stderr as alice keygen own
    [[ $stderr == *'; used by -i own' ]]
    KITH_DIR=new run -0 --separate-stderr "$KITH" keygen
    [[ $stderr != *'used by'* ]]
}

@test "no peers file: keys are exchanged by meet" {
    rm alice/peers
    refused 3 'alice/peers: no such file; .*kith meet' -- as alice dial bob
}

@test "a private key in the peers file" {
    cp alice/identity alice/peers
    refused 3 'alice/peers, line 1: a private key; .*kith pubkey' -- as alice dial bob
}

@test "serve --call where nobody is: what would have to be there" {
    KITH_DIR=bob "$KITH" serve --call alice@127.0.0.1:1 1 2>bob.err 3>&- &
    started+=("$!")
    eventually grep -q 'cannot be reached: Connection refused; does kith forward --accept run there' bob.err
}

@test "a port at which something else answers" {
    mkfifo port
    python3 -c '
import socket
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    with server.accept()[0] as connection:
        connection.sendall(b"SSH-2.0-another\\r\\n")
        connection.recv(1000)' >port 3>&- &
    started+=("$!")
    read -r -t "$limit" there <port
    refused 5 'not our protocol; .*is it the right port' -- as alice dial "bob@127.0.0.1:$there"
}

@test "peers of another user's file" {
    [ "$(id -u)" = 0 ] || skip "only root can be somebody else"
    chown 65534 alice/peers
    run -4 --separate-stderr as alice dial bob@127.0.0.1:1
    [[ $stderr == *"alice/peers: warning: it is another user's"*'chown'* ]]
    chown 0 alice/peers
    run -4 --separate-stderr as alice dial bob@127.0.0.1:1
    [[ $stderr != *warning* ]]
}
