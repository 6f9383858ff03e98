#!/usr/bin/env bats
# shellcheck shell=bats
# Identities: what keygen makes, and which private keys are taken.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"

# Where no test wants to find a key.
setup_file() {
    :
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    unset KITH_DIR KITH_IDENTITY KITH_PEERS XDG_CONFIG_HOME
    export HOME=$PWD/home
    mkdir home
}

kith() {
    bounded "$KITH" "$@" 3>&-
}

# use FILE: dial with it as identity somebody who is not there, and so get to know what is said of the key.
use() {
    kith dial -w 2s -i "$1" "$nobody@127.0.0.1:1" "${@:2}" </dev/null
}

# Some peer's key (RFC 8032, section 7.1, test 1).
nobody=d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a

# The public key of a seed, told by openssl alone.
openssl_public() {
    openssl pkey -in "$1" -pubout -outform DER | tail -c 32 | od -An -v -tx1 | tr -d ' \n'
}

# has_public FILE HEX OPTION...: pubkey prints this for the file.
has_public() {
    run -0 --separate-stderr kith pubkey "${@:3}" "$1"
    [ "$output" = "$2" ]
}

# is_key FILE HEX OPTION...: as an identity, the file is the key with this public key: we may not dial it.
is_key() {
    refused 3 'our own key' -- kith dial -w 2s -i "$1" "${@:3}" "$2@127.0.0.1:1"
}

# The seed in a private key file, in hexadecimal.
seed_of() {
    openssl pkey -in "$1" -outform DER | tail -c 32 | od -An -v -tx1 | tr -d ' \n'
}

# The public key of an OpenSSH key file, told by its public file.
ssh_public() {
    cut -d ' ' -f 2 "$1.pub" | base64 -d | tail -c 32 | od -An -v -tx1 | tr -d ' \n'
}

@test "keygen makes a private key that openssl reads, and the public one beside it" {
    run -0 kith keygen -n carol key
    [ "$(stat -c %a key)" = 600 ]
    openssl pkey -in key -noout
    [ "$(cat key.pub)" = "$(openssl_public key) carol" ]
}

@test "the umask neither opens nor closes the files" {
    (umask 000 && kith keygen open)
    (umask 277 && kith keygen closed)
    [ "$(stat -c %a open closed | sort -u)" = 600 ]
    [ "$(stat -c %a open.pub)" = 644 ]
}

@test "two identities are not the same" {
    kith keygen one
    kith keygen two
    run ! cmp -s one two
}

@test "the public file does not have the private key in it" {
    kith keygen key
    run ! grep -qi "$(seed_of key)" key.pub
    run ! grep -q "$(sed -n 2p key)" key.pub
    [ "$(wc -l <key.pub)" -eq 1 ]
}

@test "keygen says nothing of the private key" {
    run -0 kith keygen key
    [[ $output != *"$(sed -n 2p key)"* ]]
}

@test "an existing identity is left alone, and -f replaces it" {
    kith keygen key
    cp key before
    refused 3 key exists -- kith keygen key
    cmp key before
    kith keygen -f key
    run ! cmp -s key before
    has_public key "$(cut -d ' ' -f 1 key.pub)"
}

@test "of an identity that exists it is said how to see it, and what -f would do" {
    kith keygen
    home=$PWD/home/.config/kith/identity
    refused 3 "$home: an identity .*exists" 'kith pubkey shows' '-f would replace both' "$home and $home.pub" -- kith keygen
    kith keygen key
    openssl pkey -in key -aes256 -passout pass:x -out locked
    cp key.pub locked.pub
    ssh-keygen -q -t ed25519 -N x -f ssh
    for file in key locked; do
        refused 3 "$file: an identity .*exists" "kith pubkey $file shows" '-f would replace both' -- kith keygen "$file"
    done
    refused 3 "ssh: an identity .*exists" "kith pubkey ssh shows" 'does not replace it with -f either' -- kith keygen ssh
    echo text >notes
    refused 3 'notes: exists' 'does not replace it with -f either' -- kith keygen notes
    [[ $stderr != *identity* ]]
    cp key.pub new.pub
    refused 3 'new.pub: exists' '-f would replace new and new.pub' -- kith keygen new
    : >empty
    refused 3 'empty: exists' '-f would replace empty and empty.pub' -- kith keygen empty
    [[ $stderr != *identity* ]]
}

@test "what keygen has not made is not replaced, with -f neither: ssh-keygen names its file so" {
    ssh-keygen -q -t ed25519 -N '' -f open
    ssh-keygen -q -t ed25519 -N x -f locked
    ssh-keygen -q -t rsa -b 2048 -N '' -f rsa
    { echo; cat open; } >below
    openssl genpkey -algorithm ed448 -out ed448 2>other.err
    openssl genpkey -algorithm ed448 -aes256 -pass pass:x -out ed448.locked 2>other.err
    openssl ecparam -name prime256v1 -genkey -out parameters 2>other.err
    head -c 64 /dev/urandom >binary
    echo text >notes
    head -c 100000 open.pub >large
    truncate -s 100000 large
    mkdir before
    cp open* locked* rsa* below ed448* parameters binary notes large before
    for file in open locked rsa below ed448 ed448.locked parameters binary notes large; do
        refused 3 "$file: .*exists" 'not made it, and does not replace it with -f either' -- kith keygen -f "$file"
        refused 3 "$file: .*exists" 'with -f either' -- kith keygen -f --namespace "$file"
    done
    ln -s open link
    refused 3 'link: .*exists' -- kith keygen -f link
    rm open
    refused 3 'open.pub: .*exists' 'with -f either' -- kith keygen -f open
    mv before/open .
    rm link
    for file in before/*; do
        cmp "$file" "${file##*/}"
    done
}

@test "-f replaces what keygen has made, also if it was encrypted since; and what is empty or leads nowhere" {
    kith keygen key
    openssl pkey -in key -aes256 -passout pass:x -out encrypted
    cp key.pub encrypted.pub
    head -c 32 /dev/urandom | od -A n -v -t x1 | tr -d ' \n' >digits
    : >empty
    ln -s nowhere link
    for file in key encrypted digits empty link; do
        kith keygen -f "$file"
        has_public "$file" "$(cut -d ' ' -f 1 "$file.pub")"
    done
    kith keygen --namespace secret
    cp secret before
    kith keygen -f --namespace secret
    ! cmp -s secret before
}

@test "an existing public file is left alone as well, and no private key is made" {
    echo mine >key.pub
    refused 3 key.pub exists -- kith keygen key
    [ "$(cat key.pub)" = mine ]
    [ ! -e key ]
}

@test "keygen writes through no symbolic link" {
    ln -s target key
    refused 3 key exists -- kith keygen key
    [ ! -e target ]
    ln -s target other.pub
    refused 3 other -- kith keygen other
    [ ! -e target ]
    [ ! -e other ]
}

@test "a name that no peers file could hold is refused" {
    for name in '' 'two words' a/b 'a@b' $'a\nb' "$(printf 'x%.0s' {1..64})"; do
        refused 2 name -- kith keygen -n "$name" key
        [ ! -e key ]
    done
}

@test "the place is KITH_DIR, XDG_CONFIG_HOME or HOME, whichever comes first" {
    KITH_DIR='' XDG_CONFIG_HOME='' kith keygen # set, and yet none
    [ -f home/.config/kith/identity ]
    [ "$(stat -c %a home/.config/kith)" = 700 ]
    XDG_CONFIG_HOME=$PWD/xdg kith keygen
    [ -f xdg/kith/identity ]
    XDG_CONFIG_HOME=$PWD/xdg KITH_DIR=$PWD/dir kith keygen
    [ -f dir/identity ]
    [ -f dir/identity.pub ]
    KITH_DIR=$PWD/dir kith pubkey | cmp - <(cut -d ' ' -f 1 dir/identity.pub)
}

@test "KITH_IDENTITY names the identity, and -i comes before it" {
    kith keygen one
    kith keygen two
    # Dialing our own key is refused, by which we know which one it is.
    own=$(kith pubkey one)
    KITH_IDENTITY=one run -3 kith dial -w 2s "$own@127.0.0.1:1"
    KITH_IDENTITY=two run -4 kith dial -w 2s "$own@127.0.0.1:1"
    KITH_IDENTITY=two run -3 kith dial -w 2s -i one "$own@127.0.0.1:1"
}

@test "without HOME the home is the one in the password file" {
    unset HOME
    home=$(getent passwd "$(id -u)" | cut -d : -f 6)
    [ ! -e "$home/.config/kith/peers" ] || skip "there is one, and it is none of ours"
    refused 3 "$home/.config/kith" -- kith dial nobody
}

# homeless ARGUMENT...: kith as a user without HOME whom the password file does not have.
homeless() {
    bounded "${as_nobody_known[@]}" env -i "$KITH" "$@" 3>&-
}

@test "without any home, what is not needed is not looked for" {
    as_nobody_known=(unshare --user --map-user=65533 --map-group=65533)
    if [ "$(id -u)" = 0 ]; then
        as_nobody_known=(setpriv --reuid 65533 --regid 65533 --clear-groups)
        kith_for_others
        chown 65533:65533 .
    fi
    [ "$("${as_nobody_known[@]}" id -u)" = 65533 ] || skip "no user namespaces here"
    refused 3 keygen HOME -- homeless keygen
    run -0 homeless keygen key
    run -0 homeless pubkey key
    run -4 homeless dial -w 2s -i key "$nobody@127.0.0.1:1"
    cp key.pub other.pub
    refused 3 'our own key' -- homeless dial -w 2s -i key ./other.pub@127.0.0.1:1
    run -4 homeless dial -w 2s -i key -a /dev/null/none "$nobody@127.0.0.1:1"
    refused 3 identity HOME -- homeless dial "$nobody@127.0.0.1:1"
    refused 3 identity HOME -- homeless pubkey
    refused 3 peers HOME -- homeless dial -i key somebody@127.0.0.1:1
    refused 3 peers HOME -- homeless serve -i key 127.0.0.1:0 1
}

@test "a path that is too long is called that" {
    long=$(printf 'x%.0s' {1..4096})
    kith keygen key
    refused 3 identity 'too long' -- kith dial -i "$long" "$nobody@127.0.0.1:1"
    refused 3 peers 'too long' -- kith dial -i key -a "$long" somebody@127.0.0.1:1
    refused 3 'too long' -- kith keygen "$long"
    refused 3 'too long' -- kith pubkey "$long"
}

@test "an identity is not made unasked" {
    refused 3 identity 'kith keygen' -- kith dial "$nobody@127.0.0.1:1"
    [ ! -e home/.config/kith/identity ]
}

@test "pubkey prints 64 digits from each kind of file" {
    kith keygen -n carol key
    hex=$(openssl_public key)
    has_public key "$hex"
    has_public key.pub "$hex"
    has_public - "$hex" <key
    openssl pkey -in key -pubout -out key.pem
    has_public key.pem "$hex"
}

@test "PKCS#8 of openssl, an OpenSSH key and a bare seed are read" {
    openssl genpkey -algorithm ed25519 -out pem
    seed_of pem >seed
    chmod 600 pem seed
    ssh-keygen -q -t ed25519 -N '' -C 'carol at home' -f ssh
    is_key pem "$(openssl_public pem)"
    is_key seed "$(openssl_public pem)"
    is_key ssh "$(ssh_public ssh)"
    has_public pem "$(openssl_public pem)"
    has_public ssh "$(ssh_public ssh)"
    has_public ssh.pub "$(ssh_public ssh)"
}

@test "pubkey does not take a bare seed for a public key, and so show it" {
    for _ in 1 2 3 4 5 6 7 8; do # every other seed is by chance a point of the curve
        rm -f key key.pub
        kith keygen key
        seed_of key >seed
        chmod 600 seed
        run kith pubkey seed
        [[ $output != *"$(cat seed)"* ]]
    done
}

@test "CRLF, blanks around and a missing last newline are forgiven" {
    openssl genpkey -algorithm ed25519 -out pem
    seed_of pem >seed
    ssh-keygen -q -t ed25519 -N '' -f ssh
    for form in pem ssh seed; do
        hex=$(openssl_public pem)
        [ "$form" != ssh ] || hex=$(ssh_public ssh)
        install -m 600 /dev/null key
        sed 's/$/\r/' $form >key
        is_key key "$hex"
        { printf '\n  \n' && sed 's/^/  /; s/$/ \t/' $form && printf '\n\n'; } >key
        is_key key "$hex"
        printf %s "$(cat $form)" >key
        is_key key "$hex"
    done
}

# lost FILE WAY: what a secret store or a shell leaves of a key's lines, on stdout.
lost() {
    case $2 in
    blanks) tr '\n' ' ' <"$1" && echo ;;
    backslashes) awk '{ printf "%s\\n", $0 } END { print "" }' "$1" ;;
    crlf) awk '{ printf "%s\\r\\n", $0 }' "$1" ;;
    nothing) tr -d '\n' <"$1" ;;
    esac
}

@test "a key whose line breaks were lost is read all the same" {
    kith keygen pem
    ssh-keygen -q -t ed25519 -N '' -f ssh
    openssl pkey -in pem -aes256 -passout pass:sesame -out locked
    openssl pkey -in pem -pubout -out public.pem
    echo sesame >word
    install -m 600 /dev/null key
    chmod 600 locked word
    for way in blanks backslashes crlf nothing; do
        lost pem $way >key
        is_key key "$(kith pubkey pem)"
        has_public key "$(kith pubkey pem)"
        lost ssh $way >key
        is_key key "$(kith pubkey ssh)"
        lost locked $way >key
        is_key key "$(kith pubkey pem)" --passphrase-file word
        lost public.pem $way >key.pub
        has_public key.pub "$(kith pubkey pem)"
        refused 3 'our own key' -- kith dial -w 2s -i pem ./key.pub@127.0.0.1:1
    done
    tr -d '[:space:]' <pem >key
    refused 3 key 'line breaks lost' -- use key
    { lost pem blanks && lost pem blanks; } >key
    refused 3 key -- use key
}

@test "an encrypted PKCS#8 key opens with --passphrase-file, and with nothing else" {
    kith keygen key
    hex=$(kith pubkey key)
    openssl pkey -in key -aes256 -passout pass:'open sesame' -out locked
    chmod 600 locked
    echo 'open sesame' >right
    printf 'open sesame\r\nanother line\n' >windows
    echo 'open' >wrong
    : >none
    chmod 600 right windows wrong none
    has_public locked "$hex" --passphrase-file right
    has_public locked "$hex" --passphrase-file windows
    has_public locked "$hex" --passphrase-file <(echo 'open sesame')
    refused 3 locked passphrase -- kith pubkey --passphrase-file wrong locked
    refused 3 none empty -- kith pubkey --passphrase-file none locked
    refused 3 missing 'no such file' -- kith pubkey --passphrase-file missing locked
    refused 3 locked encrypted --passphrase-file -- setsid -w "$KITH" pubkey locked </dev/null
}

@test "a passphrase is taken whole or not at all" {
    kith keygen key
    printf "x%.0s" {1..1000} >right
    { cat right && printf "%025d\n" 0; } >long
    openssl pkcs8 -topk8 -in key -passout file:right -out locked 2>/dev/null
    printf 'sesame\0and more\n' >nul
    chmod 600 locked right long nul
    has_public locked "$(kith pubkey key)" --passphrase-file right
    refused 3 long 'more than 1024 bytes' -- kith pubkey --passphrase-file long locked
    refused 3 nul 'NUL byte' -- kith pubkey --passphrase-file nul locked
    run -3 python3 "$tools/terminal.py" -a 'passphrase for' "$(cat long)" "$KITH" pubkey locked
    [[ $output == *'more than 1024 bytes'* ]]
}

@test "the passphrase is asked for at a terminal, and not shown" {
    kith keygen key
    hex=$(kith pubkey key)
    openssl pkey -in key -aes256 -passout pass:sesame -out locked
    chmod 600 locked
    run -0 --separate-stderr python3 "$tools/terminal.py" -a 'passphrase for' sesame "$KITH" pubkey locked
    [ "$output" = "$hex" ]
    [[ $stderr != *sesame* ]]
    run -3 python3 "$tools/terminal.py" -a 'passphrase for' simsala "$KITH" pubkey locked
    [[ $output != *simsala* ]]
}

@test "an encrypted OpenSSH key is refused, with the command that converts it, which does" {
    ssh-keygen -q -t ed25519 -N sesame -f ssh
    refused 3 ssh encrypted 'ssh-add FILE, then -i agent: .*ssh-keygen -p' -- use ssh
    cp ssh copy
    ssh-keygen -q -p -P sesame -N '' -f copy
    has_public copy "$(kith pubkey ssh.pub)"
}

@test "keys of other types, and public ones, are told apart" {
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out rsa 2>/dev/null
    openssl genpkey -algorithm x25519 -out x25519
    ssh-keygen -q -t ecdsa -N '' -f ecdsa
    chmod 600 rsa x25519
    for key in rsa x25519 ecdsa; do
        refused 3 "$key" 'another type' -- use "$key"
    done
    kith keygen key
    chmod 600 key.pub
    refused 3 key.pub 'public key' -- use key.pub
}

@test "a damaged key is refused" {
    kith keygen key
    ssh-keygen -q -t ed25519 -N '' -f ssh
    head -c 80 key >short
    sed '2s/^..../AAAA/' key >changed
    sed '3s/^..../AAAA/' ssh >changed-ssh
    head -c 63 <(printf '%064d' 7) >digits
    cat key key >two
    chmod 600 short changed changed-ssh digits two
    for file in short changed changed-ssh digits two; do
        refused 3 "$file" -- use "$file"
    done
}

@test "empty, huge and binary files are refused" {
    install -m 600 /dev/null empty
    refused 3 empty 'empty' -- use empty
    head -c 16385 /dev/zero | tr '\0' '\n' >huge
    truncate -s 8G sparse
    head -c 4096 /dev/urandom >binary
    chmod 600 huge sparse binary
    refused 3 huge 'too large' -- use huge
    refused 3 sparse 'too large' -- use sparse
    refused 3 binary -- use binary
}

@test "what is no file is refused without waiting for it" {
    mkfifo -m 600 fifo
    mkdir folder
    python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
    for path in fifo folder socket /dev/null /dev/zero /dev/tty; do
        refused 3 "$path" -- use "$path"
    done
    refused 3 missing 'no such file' -- use missing
}

@test "-i <(...), /dev/fd/N and - read a pipe" {
    kith keygen key
    use <(cat key) || status=$?
    [ "$status" -eq 4 ]
    is_key /dev/fd/7 "$(kith pubkey key)" 7< <(cat key)
    is_key - "$(kith pubkey key)" < <(cat key)
    has_public - "$(kith pubkey key)" < <(cat key)
    refused 3 -- use /dev/fd/77
}

@test "a private key that others can read or write is refused" {
    kith keygen key
    for mode in 604 602 601 620 644 666; do
        chmod $mode key
        refused 3 key 'chmod 600' -- use key
    done
}

@test "a private key that the group can read is used, with a warning" {
    kith keygen key
    chmod 640 key
    run -4 --separate-stderr use key
    [[ $stderr == *key*group* ]]
    chmod 600 key
    run -4 --separate-stderr use key
    [[ $stderr != *group* ]]
}

@test "the mode is that of the file and not of the link to it" {
    kith keygen key
    ln -s key link
    run -4 --separate-stderr use link
    chmod 644 key
    refused 3 link 'chmod 600' -- use link
}

@test "a private key of another user is refused" {
    [ "$(id -u)" -eq 0 ] || skip "only root can give a file away"
    kith keygen key
    chown 12345 key
    refused 3 key 'another user' -- use key
    chown 12345 key.pub # which is no secret: that it is none counts more
    chmod 644 key.pub
    refused 3 key.pub 'a public key' -- use key.pub
}

@test "the published sample keys are warned of" {
    for name in alice bob; do
        install -m 600 "$root/keys/$name" sample
        run --separate-stderr use sample
        [ "$status" -eq 4 ]
        [[ $stderr == *sample*published* ]]
        has_public sample "$(cut -d ' ' -f 1 "$root/keys/$name.pub")"
    done
    kith keygen key
    run -4 --separate-stderr kith dial -w 2s -i key "$root/keys/bob.pub@127.0.0.1:1"
    [[ $stderr == *published* ]]
}

@test "a keygen that cannot write leaves nothing behind, and the old key whole" {
    mkdir new old
    KITH_DIR=old kith keygen
    cp -R old before
    full() { # its stderr is a pipe, which has no size
        set -o pipefail
        (ulimit -f 0 && trap '' XFSZ && KITH_DIR=$1 kith keygen "${@:2}" 2>&1) | cat
    }
    run -1 full new
    one_line "$output" identity
    [ -z "$(ls -A new)" ]
    run -1 full old -f
    diff -r old before
}

@test "a keygen that is killed at any moment leaves no key or a whole one" {
    for moment in 0 1 2 3 4 5 6 7 8 9; do
        mkdir "$moment"
        timeout -s KILL "0.00$moment" "$KITH" keygen "$moment/key" || true
        [ ! -e "$moment/key" ] || kith pubkey "$moment/key"
        [ ! -e "$moment/key.pub" ] || kith pubkey "$moment/key.pub"
    done
}

@test "a signal while it writes leaves both files or none, and nothing beside them" {
    ! sanitized || skip "what is loaded before it is not what the sanitizers want"
    "${CC:-cc}" -shared -fPIC -o signalled.so "$tools/signalled.c" -ldl || skip "no compiler"
    mkdir new
    signalled() {
        run -143 env LD_PRELOAD="$PWD/signalled.so" "$KITH" "$@"
    }
    signalled keygen new/key
    signalled keygen -f new/key
    signalled keygen --namespace new/ns
    "$KITH" keygen -q other
    echo '# one' >new/peers
    signalled import --peers new/peers other.pub
    grep -qxF "$(<other.pub)" new/peers
    [ "$(ls -A new | tr '\n' ' ')" = 'key key.pub ns peers ' ]
    [ "$("$KITH" pubkey new/key)" = "$("$KITH" pubkey new/key.pub)" ]
}

@test "a public key as identity is called that, and the private one is pointed to" {
    kith keygen key
    refused 3 'key\.pub: a public key' 'private key .*: key$' -- \
        kith dial -i key.pub "$nobody@127.0.0.1:1"
    chmod 600 key.pub
    refused 3 'key\.pub: a public key' 'private key .*: key$' -- \
        kith dial -i key.pub "$nobody@127.0.0.1:1"
    cut -d ' ' -f 1 key.pub >bare.pub # in form a seed
    refused 3 'bare\.pub: a public key' -- kith dial -i bare.pub "$nobody@127.0.0.1:1"
    chmod 600 bare.pub
    refused 3 'bare\.pub: a public key' -- kith dial -i bare.pub "$nobody@127.0.0.1:1"
    cp key.pub other && chmod 644 other
    refused 3 'other: a public key' -- kith dial -i other "$nobody@127.0.0.1:1"
    cp key open && chmod 644 open
    refused 3 'open: a secret that others can read' -- kith dial -i open "$nobody@127.0.0.1:1"
}

@test "what cannot be made for want of a folder says so" {
    touch file
    refused 1 'file/x: Not a directory; its folder has to be' -- kith keygen file/x
    refused 1 'file/x: Not a directory; its folder has to be' -- \
        kith keygen --namespace file/x
    refused 1 'x: File name too long$' -- kith keygen "./$(printf 'x%.0s' {1..300})" # not for want of one
}

@test "a file that is missing is made by keygen with its name" {
    refused 3 'nofile: no such file; make one with: kith keygen nofile$' -- kith pubkey nofile
    refused 3 'make one with: kith keygen nofile$' -- kith dial -i nofile "$nobody@127.0.0.1:1"
    refused 3 'identity: no such file; make one with: kith keygen$' -- kith pubkey
    refused 3 'nofile.pub: no such file$' -- kith pubkey nofile.pub
    refused 3 '/dev/fd/77: no such file$' -- kith pubkey /dev/fd/77
    refused 3 'an empty name' -- kith pubkey ''
}

@test "what can be no name of a key's file: empty, a folder, a device" {
    mkdir folder
    refused 2 'an empty name' -- kith keygen ''
    refused 2 '/: a folder; .*a file in it' -- kith keygen /
    for folder in folder folder/ new/; do
        refused 2 "$folder: a folder; .*kith keygen ${folder%/}/identity" -- kith keygen "$folder"
        refused 2 "$folder: a folder" -- kith keygen -f "$folder"
    done
    mkfifo pipe
    refused 3 'pipe: exists already, and is not a regular file; name another file$' -- kith keygen pipe
    refused 3 'pipe: exists already, and is not a regular file; name another file$' -- kith keygen -f pipe
    refused 3 'folder: a folder' -- kith pubkey folder
}

@test "what is no file is no name of a key's file, and is not read" {
    mkfifo pipe
    ln -s pipe link
    exec 7<>pipe
    for name in /dev/stdin /dev/fd/7 link; do
        refused 3 "$name: exists already, and is not a regular file" -- \
            bounded "$KITH" keygen "$name" <&7
        refused 3 "$name: exists already, and is not a regular file" -- \
            bounded "$KITH" keygen -f "$name" <&7
    done
    exec 7>&-
}

@test "a socket that listens is no identity, and is not waited for" {
    refused 3 '/dev/fd/3: not a regular file' -- \
        timeout "$limit" python3 "$tools/listen_fds.py" 127.0.0.1:0 "$KITH" pubkey /dev/fd/3
}

# at_once FILE OPTION...: six keygens at once for the same file; their statuses are in $statuses.
at_once() {
    local pids=() pid status
    statuses=()
    for _ in {1..6}; do
        kith keygen "${@:2}" "$1" >/dev/null 2>&1 &
        pids+=("$!")
    done
    for pid in "${pids[@]}"; do
        status=0
        wait "$pid" || status=$?
        statuses+=("$status")
    done
}

@test "of keygens at once one makes the pair; with -f each does, and what stays is of one" {
    for round in {1..5}; do
        at_once "$round"
        [ "$(printf '%s\n' "${statuses[@]}" | sort | uniq -c | tr -s ' \n' ' ')" = ' 1 0 5 3 ' ]
        at_once "$round" -f
        [ "${statuses[*]}" = '0 0 0 0 0 0' ]
        has_public "$round" "$(cut -d ' ' -f 1 "$round.pub")"
    done
    [ -z "$(find . -name '.kith-*')" ]
}

@test "a folder that another program keeps locked is waited for, but not for ever" {
    mkdir box
    flock box true || skip "folders cannot be locked here"
    flock -F box sleep 600 3>&- 8>&- 9>&- &
    started+=("$!")
    eventually eval '! flock -n box true'
    refused 3 'box/key: another program holds the lock of its folder' -- kith keygen box/key
    [ -z "$(ls -A box)" ]
    kill "${started[0]}"
    kith keygen box/key
}

@test "keygen -f that fails leaves both files as they were" {
    kith keygen key
    cp key before
    cp key.pub before.pub
    local long
    long=$(printf 'n%.0s' {1..252})
    refused 1 "$long.pub: .*too long" -- kith keygen -f "$long"
    [ ! -e "$long" ] || fail "a private key is left"
    unshare -m true 2>/dev/null || skip "no mounts of our own available here"
    # shellcheck disable=SC2016 # for the shell inside
    unshare -m sh -c 'mount --bind key.pub key.pub && exec "$@"' - \
        sh -c '"$1" keygen -f key 2>said; echo "$?" >status' - "$KITH"
    [ "$(cat status)" = 1 ]
    one_line "$(cat said)" 'key.pub: '
    cmp key before
    cmp key.pub before.pub
    run ! ls -d .kith-*
}

@test "keygen -f says that it has replaced what was there" {
    run -0 --separate-stderr kith keygen -f key
    one_line "$stderr" 'key: made;'
    run -0 --separate-stderr kith keygen -f key
    one_line "$stderr" 'key: made, and replaces what was there;' 'the old key'
}

@test "pubkey warns of a private key that others can read, and shows the public one" {
    kith keygen -n carol key
    chmod 644 key
    run -0 --separate-stderr kith pubkey key
    [ "$output" = "$(openssl_public key)" ]
    one_line "$stderr" 'key: warning: a secret that others can read or change' 'chmod 600'
    run -0 --separate-stderr kith pubkey key.pub
    [ -z "$stderr" ]
}

# ---- Secret namespaces ----

@test "keygen --namespace makes 32 random bytes in base64, for us alone, and shows them to nobody" {
    umask 000
    run -0 --separate-stderr kith keygen --namespace new/pair.ns
    [ -z "$output" ]
    one_line "$stderr" 'pair.ns: a secret namespace is made; give a copy to the other side'
    [[ $stderr != *"$(<new/pair.ns)"* ]]
    [ "$(stat -c %a new/pair.ns)" = 600 ]
    [ "$(stat -c %s new/pair.ns)" = 45 ]
    [ "$(base64 -d new/pair.ns | wc -c)" = 32 ]
    [ "$(wc -l <new/pair.ns)" = 1 ]
    kith keygen --namespace other.ns
    run ! cmp -s new/pair.ns other.ns
    [ "$(ls -A new)" = pair.ns ]
}

@test "a secret namespace is never put over a file unasked" {
    kith keygen --namespace pair.ns
    cp pair.ns before
    refused 3 'pair.ns: exists already' '-f would replace it' -- kith keygen --namespace pair.ns
    ln -s nowhere link.ns
    refused 3 'exists already' -- kith keygen --namespace link.ns
    cmp pair.ns before
    kith keygen -f --namespace pair.ns
    run ! cmp -s pair.ns before
    [ "$(stat -c %s%a pair.ns)" = 45600 ]
    mkfifo fifo
    refused 3 'not a regular file' -- kith keygen -f --namespace fifo
    mkdir folder
    refused 2 'name a file' -- kith keygen --namespace folder
    refused 2 'name a file' -- kith keygen --namespace -
    refused 3 'not a regular file' -- kith keygen -f --namespace /dev/fd/1
    refused 2 'two: one argument too many; .*kith keygen FILE' -- kith keygen --namespace one two
    refused 2 'excludes --name' -- kith keygen --namespace one -n two
    [ ! -e one ]
}

@test "where there is no room, no half of a secret namespace stays" {
    mount -t tmpfs -o size=4k none home 2>/dev/null || skip "no file system of our own here"
    head -c 4096 /dev/zero >home/full
    run -1 --separate-stderr kith keygen --namespace home/pair.ns
    one_line "$stderr" pair.ns 'No space'
    [ "$(ls -A home)" = full ]
    umount home
}

@test "what keygen --namespace makes is taken" {
    kith keygen key
    kith keygen --namespace pair.ns
    refused 4 -- kith check -i key --namespace-file pair.ns "$nobody@127.0.0.1:1"
}

# called_by KEY: the name behind the public key, which is told, too.
called_by() {
    cut -d ' ' -f 2- "$1.pub"
}

@test "a key has its user's name, root's its host's, and it is said that it can be another" {
    host=$(uname -n)
    run -0 --separate-stderr kith keygen key
    if [ "$(id -u)" != 0 ]; then
        [ "$(called_by key)" = "$(id -un)" ]
        return
    fi
    [ "$(called_by key)" = "${host%%.*}" ]
    one_line "$stderr" "they know you as ${host%%.*}, unless they change that word"
    mkdir -m 777 open
    setpriv --reuid 65534 --clear-groups "$KITH" keygen open/user
    [ "$(called_by open/user)" = "$(id -un 65534)" ]
    setpriv --reuid 65531 --clear-groups "$KITH" keygen open/nobody
    [ "$(called_by open/nobody)" = "${host%%.*}" ]
    unshare --uts true 2>/dev/null || skip "no name may be given to a host here"
    # shellcheck disable=SC2016
    unshare --uts sh -c 'echo box.example.org >/proc/sys/kernel/hostname; exec "$@"' sh "$KITH" keygen domain
    [ "$(called_by domain)" = box ]
}
