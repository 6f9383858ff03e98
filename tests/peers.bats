#!/usr/bin/env bats
# shellcheck shell=bats disable=SC2119
# Who is known: the peers file, and the ways to name a peer.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"

# Public keys of nobody here (RFC 8032, section 7.1, tests 1 to 3).
key_1=d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a
key_2=3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c
key_3=fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025

# peers LINE...: what alice knows from now on.
peers() {
    printf '%s\n' "$@" >alice/peers
}

# ssh_key: a key as ssh-keygen writes it, without its type and comment.
ssh_key() {
    rm -f ssh ssh.pub
    ssh-keygen -q -t ed25519 -N '' -f ssh
    cut -d ' ' -f 2 ssh.pub
}

# bad_line NUMBER WHY LINE...: a peers file of these lines is refused for that line.
bad_line() {
    peers "${@:3}"
    refused 3 "alice/peers" "$1" "$2" -- as alice dial -w 20s x@127.0.0.1:1
}

# reaches PEER [OPTION...]: alice gets through to bob by this name for him.
reaches() {
    start_listener
    run -0 as alice dial "${@:2}" "${1/ADDRESS/$address}" </dev/null
    ends "$listener" 0
}

@test "names, comments, blank lines, tabs, CRLF and a missing last newline" {
    bob=$(as bob pubkey)
    {
        printf '# friends\r\n\r\n   \t\n'
        printf '%s nobody\r\n' "$key_1"
        printf '  %s \t bob \n' "${bob^^}"
        printf '# enemies\n%s someone' "$key_2"
    } >alice/peers
    reaches bob@ADDRESS
    run -4 as alice dial -w 20s someone@127.0.0.1:1 </dev/null
}

@test "a key in the form of ssh" {
    ssh-keygen -q -t ed25519 -N '' -f ssh
    cp ssh bob/identity
    peers "ssh-ed25519 $(cut -d ' ' -f 2 ssh.pub) bob"
    reaches bob@ADDRESS
}

@test "addr says where a name alone is dialed" {
    start_listener
    peers "addr=\"$address\" $(as bob pubkey) bob"
    run -0 as alice dial bob </dev/null
    ends "$listener" 0
    peers "$(as bob pubkey) bob"
    run --separate-stderr as alice dial bob </dev/null
    [ "$status" -eq 3 ] || [ "$status" -eq 2 ]
    one_line "$stderr" bob addr
}

@test "an address at the end of PEER comes before addr" {
    peers "addr=\"127.0.0.1:1\" $(as bob pubkey) bob"
    reaches bob@ADDRESS
}

@test "every kind of line that is none is refused with its number" {
    good="$key_1 one"
    bad_line 2 '' "$good" "not a key"
    bad_line 1 '' "$key_2"
    bad_line 3 '' "$good" '' "${key_2%?} two"
    bad_line 2 '' "$good" "${key_2}0 two"
    bad_line 1 '' "$key_2 two words"
    bad_line 1 '' "$key_2 a/b"
    bad_line 1 '' "$key_2 a@b"
    bad_line 1 '' "$key_2 file.pub"
    bad_line 1 '' "$key_2 $key_3"
    bad_line 1 '' "$key_2 $(printf 'x%.0s' {1..64})"
    bad_line 1 '' "ssh-ed25519 AAAAsomething two"
    bad_line 2 '' "$good" "$(printf '%s\x1b[31mred' "$key_2 ")"
}

@test "a key that is no point, or one of low order, is refused" {
    bad_line 1 '' "$(printf '%064d' 0) zero"
    bad_line 1 '' "01$(printf '%062d' 0) neutral"
    bad_line 1 '' "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a order8"
    bad_line 1 '' "02$(printf '%062d' 0) off-the-curve"
    bad_line 1 '' "$(printf 'f%.0s' {1..64}) not-canonical"
}

@test "options that are unknown, twice there or malformed are refused" {
    for options in 'adr="127.0.0.1:1"' 'addr' 'addr=127.0.0.1:1' 'addr="127.0.0.1:1' 'addr=""' \
        'addr="127.0.0.1"' 'addr="127.0.0.1:99999"' 'addr="a:1",addr="b:2"' 'addr="a:1",' \
        'from="10.0.0.0/33"' 'from="::/129"' 'from="somewhere"' 'from=""' \
        'expiry-time="tomorrow"' 'expiry-time="20261301"' 'expiry-time="2026"'; do
        bad_line 2 '' "$key_1 one" "$options $key_2 two"
    done
}

@test "an addr that nobody could dial is refused with its line" {
    host=$(printf 'h%.0s' {1..300})
    bad_line 2 'too long' "$key_1 one" "addr=\"$host:1\" $key_2 two"
    bad_line 2 'too long' "$key_1 one" "addr=\"[fe80::1%$host]:1\" $key_2 two"
    peers "addr=\"$(printf 'h%.0s' {1..255}):1\" $key_1 one"
    run -4 as alice dial -w 20s one
}

@test "a name or a key that is there twice is refused, and so is our own" {
    bad_line 3 '' "$key_1 one" "$key_2 two" "$key_3 one"
    bad_line 3 '' "$key_1 one" "$key_2 two" "$key_1 three"
    bad_line 2 'own' "$key_1 one" "$(as alice pubkey) me"
}

@test "a NUL byte refuses the file" {
    printf '%s one\n\0%s two\n' "$key_1" "$key_2" >alice/peers
    refused 3 alice/peers -- as alice dial -w 20s one@127.0.0.1:1
}

@test "keys of other types are skipped with a warning" {
    ssh-keygen -q -t ecdsa -N '' -C '' -f ecdsa
    ssh-keygen -q -t rsa -b 1024 -N '' -C '' -f rsa
    peers "$(cat ecdsa.pub)curve" "$(cat rsa.pub)factors" "$(as bob pubkey) bob"
    start_listener
    run -0 --separate-stderr dial </dev/null
    [[ $stderr == *alice/peers*1* ]]
    [[ $stderr == *alice/peers*2* ]]
    ends "$listener" 0
}

@test "PEER by name, key and file, at a name or an address" {
    reaches bob@ADDRESS
    reaches "$(as bob pubkey)@ADDRESS"
    reaches "$(as bob pubkey | tr a-f A-F)@ADDRESS"
    reaches bob/identity.pub@ADDRESS
    cp bob/identity.pub bob.pub
    reaches ./bob.pub@ADDRESS
    reaches bob.pub@ADDRESS
    start_listener
    run -0 as alice dial "bob@localhost:${address##*:}" </dev/null
    ends "$listener" 0
}

@test "PEER at an IPv6 address" {
    needs_ipv6
    listen_on='[::1]:0' start_listener
    [[ $address == '[::1]:'* ]]
    dial </dev/null
    ends "$listener" 0
}

@test "a key needs no peers file, nor does -p with one" {
    rm alice/peers bob/peers
    start_listener -p "$(as alice pubkey)"
    run -0 as alice dial "$(as bob pubkey)@$address" </dev/null
    ends "$listener" 0
    start_listener -p ./alice/identity.pub
    run -0 as alice dial bob/identity.pub@"$address" </dev/null
    ends "$listener" 0
}

@test "a key may come through a pipe, which is read once" {
    start_listener -p /dev/fd/7 7< <(cat alice/identity.pub)
    run -0 as alice dial "/dev/fd/7@$address" 7< <(cat bob/identity.pub) </dev/null
    ends "$listener" 0
    start_listener -a /dev/fd/7 7< <(cat bob/peers)
    run -0 as alice dial -a - "bob@$address" < <(cat alice/peers)
    ends "$listener" 0
}

@test "-p lets only those in that it names" {
    KITH_DIR=$PWD/carol bounded "$KITH" keygen -n carol
    cat carol/identity.pub >>bob/peers
    start_listener -v -p carol -p "$key_1"
    run -5 dial </dev/null
    eventually grep -q "$(as alice pubkey | cut -c 1-8).*not allowed" bob.err
    KITH_DIR=carol bounded "$KITH" dial "bob/identity.pub@$address" </dev/null
    ends "$listener" 0
}

@test "-p takes a file of several keys, and those that are of no use are said at -v" {
    rm bob/peers
    ssh-keygen -q -t rsa -b 1024 -N '' -C '' -f rsa
    ssh-keygen -q -t ed25519 -N '' -C 'me@laptop' -f laptop
    ssh-keygen -q -t ed25519 -N '' -C 'desk' -f desk
    { cat rsa.pub laptop.pub && echo && cat desk.pub && as bob pubkey && cat desk.pub; } >me.keys
    for identity in laptop desk; do
        start_listener -v -p ./me.keys
        run -0 as alice dial -i $identity "bob/identity.pub@$address" </dev/null
        ends "$listener" 0
    done
    grep -q 'me.keys, line 1: .*ssh-rsa' bob.err
    [ "$(grep -c 'me.keys' bob.err)" -eq 1 ]
    start_listener -p ./me.keys
    run -5 as alice dial "bob/identity.pub@$address" </dev/null
    run -0 as alice dial -i desk "bob/identity.pub@$address" </dev/null
    ends "$listener" 0
    run ! grep -q 'me.keys' bob.err
}

@test "a published sample key is warned of where it is a peer's, whoever calls" {
    cp "$root/keys/bob.pub" sample.pub
    run -4 as alice dial -w 2s sample.pub@127.0.0.1:1 </dev/null
    [[ $output == *'sample.pub: warning: a sample key that is published'* ]]
    start_listener -p ./sample.pub
    grep -q 'sample.pub: warning: a sample key that is published' bob.err
}

@test "-p minds the conditions of an authorized_keys file, and refuses those that it does not know" {
    key="ssh-ed25519 $(ssh-keygen -q -t ed25519 -N '' -C '' -f ssh && cut -d ' ' -f 2 ssh.pub) me@home"
    echo "from=\"192.0.2.1\" $key" >keys
    start_listener -p ./keys
    run -5 as alice dial -i ssh "bob/identity.pub@$address" </dev/null
    eventually grep -q 'may not call from this address' bob.err
    echo "from=\"127.0.0.1\",expiry-time=\"20990101\" $key" >keys
    start_listener -p ./keys
    run -0 as alice dial -i ssh "bob/identity.pub@$address" </dev/null
    ends "$listener" 0
    for option in 'command="/bin/true"' no-pty cert-authority 'restrict,from="127.0.0.1"' 'from="nowhere"'; do
        printf '# mine\n%s %s\n' "$option" "$key" >keys
        refused 3 'keys, line 2' "${option%%[=,]*}" -- as bob listen -p ./keys 127.0.0.1:0
    done
}

@test "-p of a file without a key that is of use is refused, and says why" {
    ssh-keygen -q -t rsa -b 1024 -N '' -C '' -f rsa
    refused 3 rsa.pub 'another type' -- as bob listen -p rsa.pub 127.0.0.1:0
    cat rsa.pub rsa.pub >two
    refused 3 two 'another type' -- as bob listen -p ./two 127.0.0.1:0
    printf '# nobody\n\n' >none
    refused 3 none empty -- as bob listen -p ./none 127.0.0.1:0
    { cat alice/identity.pub && echo nonsense; } >bad
    refused 3 'bad, line 2' nonsense -- as bob listen -p ./bad 127.0.0.1:0
    printf '%s\0\n' "$key_1" >nul
    refused 3 nul 'NUL' -- as bob listen -p ./nul 127.0.0.1:0
    refused 3 alice/identity 'private key' -- as bob listen -p alice/identity 127.0.0.1:0
    refused 3 'our own key' -- as bob listen -p bob/identity.pub 127.0.0.1:0
}

@test "who is called is one: of a file with several keys it is not clear which" {
    ssh-keygen -q -t rsa -b 1024 -N '' -C '' -f rsa
    cat rsa.pub bob/identity.pub >bob.pub
    reaches bob.pub@ADDRESS
    echo "$key_1" >>bob.pub
    refused 3 bob.pub 'several keys' -- as alice dial bob.pub@127.0.0.1:1
}

@test "a file of peers that the group can write is warned about, and one that others can is refused" {
    chmod 664 alice/peers bob/identity.pub
    run -4 --separate-stderr as alice dial -w 20s bob@127.0.0.1:1
    [[ $stderr == *'peers: alice/peers: warning: its group can write'*'chmod g-w'* ]]
    run -4 --separate-stderr as alice dial -w 20s bob/identity.pub@127.0.0.1:1
    [[ $stderr == *'bob/identity.pub: warning: its group can write'* ]]
    chmod 644 alice/peers bob/identity.pub
    run -4 --separate-stderr as alice dial -w 20s bob@127.0.0.1:1
    [[ $stderr != *warning* ]]
    chmod 646 alice/peers bob/identity.pub
    refused 3 alice/peers 'others can write' -- as alice dial -w 20s bob@127.0.0.1:1
    refused 3 bob/identity.pub 'others can write' -- as alice dial -w 20s bob/identity.pub@127.0.0.1:1
}

@test "-p of a name that is not known is refused" {
    refused 3 nobody -- as bob listen -p nobody 127.0.0.1:0
}

@test "a stranger gets no answer, and the listener says who it was" {
    as carol keygen
    cp carol/identity.pub bob/peers
    start_listener -v
    run -5 dial </dev/null
    eventually grep -q "$(as alice pubkey | cut -c 1-8)" bob.err
    kill -0 "$listener"
}

@test "from and expiry-time are conditions of calling" {
    alice=$(as alice pubkey)
    for condition in 'from="192.0.2.0/24,2001:db8::/32"' 'expiry-time="20200101"'; do
        echo "$condition $alice alice" >bob/peers
        start_listener
        run -5 dial </dev/null
    done
    echo "from=\"192.0.2.0/24,127.0.0.0/8\",expiry-time=\"20990101\" $alice alice" >bob/peers
    start_listener
    dial </dev/null
    ends "$listener" 0
}

@test "-a and KITH_PEERS name the peers file, -a before KITH_PEERS" {
    mv alice/peers elsewhere
    : >empty
    reaches bob@ADDRESS -a elsewhere
    start_listener
    KITH_PEERS=elsewhere run -0 dial </dev/null
    ends "$listener" 0
    start_listener
    KITH_PEERS=empty run -0 dial -a elsewhere </dev/null
    ends "$listener" 0
}

@test "a peers file that is missing, a folder or a FIFO" {
    rm alice/peers
    refused 3 alice/peers -- as alice dial bob@127.0.0.1:1
    mkdir alice/peers
    refused 3 alice/peers -- as alice dial bob@127.0.0.1:1
    rmdir alice/peers
    mkfifo alice/peers
    refused 3 alice/peers -- as alice dial bob@127.0.0.1:1
}

@test "a name that is nearly that of a peer: who is meant" {
    peers "$(as bob pubkey) bob" "$key_1 nas-in-the-cellar"
    refused 3 'peer: bbo: no such name in the peers file: .*/peers; did you mean: bob$' -- \
        as alice dial bbo@127.0.0.1:1
    refused 3 'did you mean: nas-in-the-cellar$' -- as alice check nas-in-the-celler@127.0.0.1:1
    refused 3 'did you mean: bob$' -- as alice listen -p Bob 127.0.0.1:0
    refused 3 'kith meet and kith import add one; .*64 hex digits.*\.pub$' -- \
        as alice dial somebody@127.0.0.1:1
    refused 3 'kith import .*\.pub; to call elsewhere: WHO@HOST:PORT$' -- as alice dial somebody
    for command in 'listen -p somebody 0' 'serve -p somebody 0 1' 'forward --accept 0 0 somebody'; do
        # shellcheck disable=SC2086 # a command and its words
        refused 3 'kith import .*\.pub$' -- as alice $command
    done
}

@test "a line that has a second name, a comment or no name says what to do" {
    bad_line 'line 1' 'text after the name "vm": "alice"; .*leave one of them' "$key_1 vm alice"
    bad_line 'line 1' 'text after the name.*comment.* line of its own' "$key_1 vm # at home"
    bad_line 'line 1' 'no name after the key; write one' "$key_1"
    bad_line 'line 1' '"me@home"; write another' "ssh-ed25519 $(ssh_key) me@home"
    bad_line 'line 1' 'neither a key nor an option; .*KEY NAME' "bob $key_1"
    bad_line 'line 1' 'our own key; .*others' "$(cat alice/identity.pub)"
    bad_line 'line 1' 'unknown option "adr"; .*addr' "adr=\"h:1\" $key_1 bob"
    bad_line 'line 1' 'a blank after the comma; .*before the key' "addr=\"h:1\", $key_1 bob"
    bad_line 'line 1' 'a blank after the comma' "addr=\"h:1\", from=\"::1\" $key_1 bob"
    bad_line 'line 1' 'no key.*; options are joined' "addr=\"h:1\" from=\"::1\" $key_1 bob"
    bad_line 'line 1' 'no key.*; options are joined' "addr=\"h:1\" , $key_1 bob"
    bad_line 'line 1' '63 hex digits, where a key has 64; was it copied whole' "${key_1%?} bob"
    bad_line 'line 1' '65 hex digits, where a key has 64' "addr=\"h:1\" ${key_1}0 bob"
    bad_line 'line 1' 'addr=.*; options come before the key' "$key_1 addr=\"h:1\" bob"
    bad_line 'line 1' 'addr=.*; options come before the key' "$key_1 bob addr=\"h:1\""
}

@test "a name that is an address is none: in the peers file, nor for keygen" {
    for name in bob:1 host:65535 '[::1]:80'; do
        echo "$(as bob pubkey) $name" >alice/peers
        refused 3 'alice/peers, line 1' 'one of / @ :' -- as alice check bob@127.0.0.1:1
        refused 2 'one of / @ :' -- as carol keygen -n "$name" new
    done
}
