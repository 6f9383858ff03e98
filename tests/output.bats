#!/usr/bin/env bats
# shellcheck shell=bats
# -o FILE of listen and dial: what arrives is there under its name, whole, or nothing is.

# shellcheck source-path=SCRIPTDIR
source "$BATS_TEST_DIRNAME/helpers.bash"

# on_disk COUNT: so many files are in the folder new.
on_disk() {
    [ "$(find new -mindepth 1 | wc -l)" -eq "$1" ]
}

# from_here_on_named: what arrives has a name from the start, since there is no way to one without.
from_here_on_named() {
    ! sanitized || skip "the sanitizers want what is taken away for that"
    unshare -m mount -t tmpfs none /proc 2>/dev/null || skip "no mounts of our own available here"
    at_terminal=(unshare -m sh -c 'mount -t tmpfs none /proc && exec "$@"' sh "${interruptible[@]}")
}

# start_receiving OPTION...: bob receives into new/file, and a part of it is here.
start_receiving() {
    mkdir -p new
    rm -f alice.in
    mkfifo alice.in
    exec 8<>alice.in
    start_listener --recv-only -v -o new/file "$@"
    start_dialer
    echo part >&8
    eventually grep -q connected bob.err
}

# receives OPTION...: alice.in arrives, whole.
receives() {
    start_listener --recv-only "$@"
    dial <alice.in
    ends "$listener" 0
}

@test "a file is received whole, with the mode that the umask says, and nothing beside it" {
    random_file alice.in 3000000
    mkdir new
    umask 027
    receives -o new/file
    cmp alice.in new/file
    [ "$(stat -c %a new/file)" = 640 ]
    on_disk 1
    [ ! -s bob.out ]
}

@test "the same where every file has a name from the start, in place of another, and by dial" {
    from_here_on_named
    random_file alice.in 300000
    mkdir new
    receives -o new/file
    cmp alice.in new/file
    random_file alice.in 200000
    receives -f -o new/file
    cmp alice.in new/file
    on_disk 1
    cp alice.in bob.in
    start_listener --send-only
    at_terminal=()
    dial --recv-only --output new/other
    ends "$listener" 0
    cmp alice.in new/other
    on_disk 2
}

@test "nothing at all is a file, too" {
    : >alice.in
    receives -o empty
    [ -e empty ] && [ ! -s empty ]
}

@test "both sides receive into a file, each while it sends" {
    random_file alice.in 300000
    random_file bob.in 400000
    start_listener -o of-alice
    dial -o of-bob <alice.in
    ends "$listener" 0
    cmp alice.in of-alice
    cmp bob.in of-bob
}

@test "what a program of serve says is received" {
    KITH_DIR=bob "$KITH" serve --ready-fd 9 127.0.0.1:0 all='exec:cat alice.in' part='exec:echo x; exit 1' \
        9>ready.addr 2>serve.err 3>&- &
    also_started $!
    random_file alice.in 300000
    eventually [ -s ready.addr ]
    address=$(cat ready.addr)
    as alice dial --recv-only -o got "bob@$address:all"
    cmp alice.in got
    refused 8 'cut short' -- as alice dial --recv-only -o part "bob@$address:part"
    [ ! -e part ]
}

@test "what is there stays there, and nobody is called or waited for" {
    echo old >old
    ln old same
    refused 1 'old: exists already' 'force' -- as bob listen -o old 127.0.0.1:0
    refused 1 'old: exists already' 'force' -- as alice dial -o old bob@127.0.0.1:1
    [ "$(cat old)" = old ]
    [ old -ef same ]
}

@test "--force replaces a file, and keeps its mode; another name of it keeps the old content" {
    random_file alice.in 70000
    echo old >old
    ln old other
    chmod 600 old
    umask 022
    receives --force -o old
    cmp alice.in old
    [ "$(stat -c %a old)" = 600 ]
    [ "$(cat other)" = old ]
    receives -f -o new
    cmp alice.in new
}

# list FILE ENTRY...: give it this access list, where there are any.
list() {
    python3 "$tools/acl.py" give "$@" || skip "no access lists here"
}

listed() {
    python3 "$tools/acl.py" show "$1"
}

@test "--force gives nobody a right that they had not: by an access list" {
    local acl=(user::6 user:1234:6 group::0 mask::6 other::0)
    random_file alice.in 7000
    mkdir new
    for way in plain named; do
        [ "$way" = plain ] || from_here_on_named
        echo old >new/file
        list new/file "${acl[@]}"
        receives --force -o new/file
        cmp alice.in new/file
        [ "$(listed new/file)" = "${acl[*]}" ]
        rm new/file
    done
    echo old >new/file # and the folder opens what is made in it, which this one was not
    chmod 660 new/file
    python3 "$tools/acl.py" default new user::7 user:1234:7 group::7 mask::7 other::0
    receives --force -o new/file
    cmp alice.in new/file
    [ "$(stat -c %a new/file)" = 660 ]
    [ -z "$(listed new/file)" ]
    on_disk 1
}

@test "--force gives nobody a right that they had not: in another group" {
    [ "$(id -u)" = 0 ] || skip "who is not root has no file of another group"
    kith_for_others
    random_file alice.in 7000
    mkdir new
    chown -R 65534:65534 bob new
    at_terminal=(setpriv --reuid 65534 --regid 65534 '--groups=65534,4321')
    while read -r group mode after; do
        echo old >new/file
        chown "65534:$group" new/file
        chmod "$mode" new/file
        receives --force -o new/file
        [ "$(stat -c %a new/file)" = "$after" ]
        [ "$group" != 4321 ] || [ "$(stat -c %g new/file)" = 4321 ]
    done <<'END'
4321 660 660
777 660 600
777 644 644
777 664 644
777 604 600
777 640 600
END
    echo old >new/file
    chown 65534:777 new/file
    list new/file user::6 user:1234:0 group::4 mask::4 other::4
    receives --force -o new/file
    [ "$(stat -c %a new/file)" = 600 ]
    [ -z "$(listed new/file)" ]
}

@test "--force takes the rights that are there at the end" {
    mkdir new
    echo old >new/file
    chmod 644 new/file
    start_receiving --force
    chmod 600 new/file
    exec 8>&-
    ends "$listener" 0
    [ "$(stat -c %a new/file)" = 600 ]
    [ "$(cat new/file)" = part ]
    rm new/file
    start_receiving --force
    echo other >new/file
    chmod 604 new/file
    exec 8>&-
    ends "$listener" 0
    [ "$(stat -c %a new/file)" = 604 ]
}

@test "what comes in the place of a file is open to nobody else meanwhile" {
    from_here_on_named
    mkdir new
    echo old >new/file
    chmod 644 new/file
    start_receiving --force
    [ "$(stat -c %a new/.kith-*)" = 600 ]
    rm new/file # whose rights are not known any longer
    exec 8>&-
    ends "$listener" 0
    [ "$(stat -c %a new/file)" = 600 ]
}

@test "with --force the old file is there until the new one is whole" {
    mkdir new
    echo old >new/file
    start_receiving --force
    kill -KILL "$dialer"
    ends "$listener" 8
    [ "$(cat new/file)" = old ]
    on_disk 1
}

@test "a file that comes while ours arrives is not overwritten, and the sender learns" {
    for way in plain named; do
        [ "$way" = plain ] || from_here_on_named
        start_receiving
        echo other >new/file
        exec 8>&-
        ends "$dialer" 8
        ends "$listener" 1
        [ "$(cat new/file)" = other ]
        grep -q 'new/file: exists already' bob.err
        on_disk 1
        rm new/file
    done
}

@test "what is no file is left alone, with --force as well" {
    mkdir new folder
    mkfifo new/fifo
    ln -s nowhere new/dangling
    echo old >old
    ln -s ../old new/link
    for name in new/fifo new/dangling new/link /dev/null /dev/stdout; do
        refused 1 "$name: exists already, and is not a regular file" '> FILE' -- \
            as bob listen --force -o "$name" 127.0.0.1:0
        refused 1 "$name: exists already, and is not a regular file" -- as bob listen -o "$name" 127.0.0.1:0
    done
    for name in folder folder/ . .. / folder/.; do
        refused 1 'a folder' 'name a file in it' -- as bob listen -f -o "$name" 127.0.0.1:0
    done
    [ "$(cat old)" = old ]
    on_disk 3
    [ -z "$(ls folder)" ]
}

# becomes KIND NAME: NAME is this now, as by somebody who has put it there with a rename.
becomes() {
    rm -f came
    case $1 in
    fifo) mkfifo came ;;
    link) ln -s old came ;;
    socket) python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("came")' ;;
    device) mknod came c 1 3 ;;
    folder) rm -f "$2" && mkdir came ;;
    esac
    mv -T came "$2"
}

@test "what is no file is left alone, with --force, if it came while ours arrived" {
    for way in plain named; do
        [ "$way" = plain ] || from_here_on_named
        for kind in fifo link socket folder device; do
            [ "$kind" != device ] || [ "$(id -u)" = 0 ] || continue
            mkdir -p new
            [ "$kind" = socket ] || echo old >new/file # or nothing
            start_receiving --force
            becomes "$kind" new/file
            before=$(stat -c '%i %F' new/file)
            exec 8>&-
            ends "$dialer" 8
            ends "$listener" 1
            grep -q 'new/file: exists already, and is not a regular file' bob.err
            [ "$(stat -c '%i %F' new/file)" = "$before" ]
            on_disk 1
            rm -r new
        done
    done
}

@test "where no file can be made, that is said before anybody is called" {
    refused 1 'none/file: cannot write: No such file or directory; its folder has to be there' -- as bob listen -o none/file 127.0.0.1:0
    refused 1 'bob/peers/file: cannot write: Not a directory' -- as bob listen -o bob/peers/file 127.0.0.1:0
    refused 1 'cannot write: File name too long' -- \
        as bob listen -o "$(printf '%0300d' 1)" 127.0.0.1:0
    refused 1 'cannot write: File name too long' -- \
        as bob listen -o "$(printf '%05000d' 1)/file" 127.0.0.1:0
    [ "$(id -u)" = 0 ] || return 0
    kith_for_others
    mkdir new
    chown -R 65534 bob
    refused 1 'new/file: cannot write: Permission denied' -- \
        setpriv --reuid 65534 --clear-groups env KITH_DIR=bob "$KITH" listen -o new/file 127.0.0.1:0
    chmod 1777 new
    echo old >new/file
    refused 1 'new/file: cannot write: Operation not permitted' -- \
        setpriv --reuid 65534 --clear-groups env KITH_DIR=bob "$KITH" listen -f -o new/file 127.0.0.1:0
}

@test "whoever is not root receives, too, and a call that fails leaves nothing" {
    mkdir new
    refused 4 'refused' -- as alice dial -o new/file bob@127.0.0.1:1
    on_disk 0
    [ "$(id -u)" = 0 ] || return 0
    kith_for_others
    chmod 1777 new
    chown -R 65534 bob
    random_file alice.in 100000
    at_terminal=(setpriv --reuid 65534 --clear-groups)
    receives -o new/file
    cmp alice.in new/file
    on_disk 1
}

@test "what is ours gives way in a folder like /tmp, too, whoever we are" {
    mkdir -m 1777 new
    echo old >new/file
    echo fresh >alice.in
    receives -f -o new/file
    cmp alice.in new/file
    [ "$(id -u)" = 0 ] || return 0
    kith_for_others
    chown -R 65534 bob new/file
    echo another >alice.in
    at_terminal=(setpriv --reuid 65534 --clear-groups)
    receives -f -o new/file
    cmp alice.in new/file
}

@test "options that do not go with it" {
    refused 2 'o: excludes --send-only' -- as bob listen -o file --send-only 127.0.0.1:0
    refused 2 'o: excludes --exec' -- as bob listen -o file 127.0.0.1:0 --exec cat
    refused 2 'force: is for the FILE of -o' -- as bob listen --force 127.0.0.1:0
    refused 2 'o -: names no file' './-' -- as bob listen -o - 127.0.0.1:0
    refused 2 'o: not an option of this command' -- as bob serve -o file 127.0.0.1:0 1
    refused 2 'takes a text that is not empty' -- as bob listen -o '' 127.0.0.1:0
    [ ! -e file ]
}

@test "a name with a dash, and a file in a folder by many ways" {
    random_file alice.in 1000
    mkdir -p new/deep
    receives -o ./-
    cmp alice.in ./-
    receives -o new/deep/../file
    cmp alice.in new/file
    receives -o "$PWD//new//deep//file"
    cmp alice.in new/deep/file
}

@test "a limit on files, before and at the last byte: nothing is left, and both sides know" {
    random_file alice.in 1000000
    mkdir new
    for room in 4096 65536 999999; do
        at_terminal=(prlimit "--fsize=$room")
        start_listener --recv-only -o new/file
        run -8 dial <alice.in
        one_line "$output" 'cut short: the program or disk there that took our data ended or failed'
        ends "$listener" 1
        one_line "$(cat bob.err)" 'new/file: cannot write: File too large'
        on_disk 0
    done
}

@test "a full disk: nothing is left, and both sides know" {
    unshare -m mount -t tmpfs none /mnt 2>/dev/null || skip "no mounts of our own available here"
    random_file alice.in 1000000
    mkdir new
    # shellcheck disable=SC2016
    at_terminal=(unshare -m sh -c 'mount -t tmpfs -o size=64k none new && cd new && "$@"
        status=$?; ls -A >../left; exit "$status"' sh)
    start_listener --recv-only -o file -i ../bob/identity -a ../bob/peers
    run -8 dial <alice.in
    ends "$listener" 1
    one_line "$(cat bob.err)" 'file: cannot write: No space left'
    [ -e left ] && [ ! -s left ]
}

# ended_by SIGNAL WHO: one side is, while bob receives; nothing is left of that.
ended_by() {
    start_receiving
    kill "-$1" "${!2}"
    ends "${!2}" "$((128 + $(kill -l "$1")))"
    eventually on_disk 0
    [ "$2" = dialer ] || ends "$dialer" 8
    [ "$2" = listener ] || ends "$listener" 8
    on_disk 0
}

@test "a signal, to one side or the other: nothing is left" {
    at_terminal=("${interruptible[@]}")
    for signal in INT TERM KILL; do
        ended_by "$signal" listener
    done
    ended_by HUP listener
    ended_by KILL dialer
}

@test "a signal, where the file has a name: nothing is left" {
    from_here_on_named
    ended_by INT listener
    ended_by KILL listener
    ended_by TERM dialer
}

@test "a signal to the whole group, where the file has a name: nothing is left" {
    needs_to_see_descriptors
    from_here_on_named
    for signal in INT TERM; do
        start_receiving
        kill_filer "$signal"
        kill "-$signal" "$listener"
        ends "$dialer" 8
        eventually on_disk 0
    done
}

@test "where the system has files without a name, not even a name of its own is seen" {
    start_receiving
    on_disk 0
    exec 8>&-
    ends "$listener" 0
    [ "$(cat new/file)" = part ]
}

# find_filer PID: sets filer, the process that puts its file in its place, and cuts no other. The list
# of children may lack one while another of them ends; and what is mounted for itself alone has, seen
# from a chroot, another path.
find_filer() {
    local child children
    filer=
    read -ra children <"/proc/$1/task/$1/children"
    for child in "${children[@]}"; do
        [ -z "$(find "/proc/$child/fd" -lname "*${PWD##*/}/new" 2>/dev/null)" ] || filer=$child
    done
    [ -n "$filer" ]
}

# kill_filer SIGNAL
kill_filer() {
    eventually find_filer "$listener"
    kill "-$1" "$filer"
}

@test "without the process that would name it, it is not there, and both sides know" {
    needs_to_see_descriptors
    start_receiving
    kill_filer KILL
    ends "$listener" 1
    grep -q 'new/file: the process that puts the file in its place is gone' bob.err
    ends "$dialer" 8
    on_disk 0
}

@test "all at once, to the whole group: a name may stay, FILE is not there" {
    needs_to_see_descriptors
    for way in plain named; do
        [ "$way" = plain ] || from_here_on_named
        start_receiving
        eventually find_filer "$listener"
        kill -KILL "$filer" "$listener"
        ends "$dialer" 8
        [ ! -e new/file ]
        [ "$way" = named ] || on_disk 0
        rm -rf new
    done
}

@test "a folder that goes: nothing is anywhere, and both sides know" {
    start_receiving
    rmdir new
    exec 8>&-
    ends "$listener" 1
    ends "$dialer" 8
    grep -q 'new/file: cannot write: No such file or directory' bob.err
    [ ! -e new ]
}

@test "a folder that has moved: the file is in it, and what is in its place now is left alone" {
    start_receiving
    mv new moved
    mkdir new
    exec 8>&-
    ends "$listener" 0
    ends "$dialer" 0
    [ "$(cat moved/file)" = part ]
    on_disk 0
}

# faulty CALL HOW NUMBER OPTION...: bob receives, in the place of before if that is there, and the
# filer's call of fsync of this number is made so.
faulty() {
    ! sanitized || skip "the library would have to come first"
    "${CC:-cc}" -O1 -shared -fPIC -o faults.so "$tools/faults.c" -ldl || skip "no compiler"
    rm -rf board new
    [ ! -e before ] || install -D before new/file
    truncate -s 1M board
    at_terminal=("${interruptible[@]}" "LD_PRELOAD=$PWD/faults.so" "KITH_FAULT_BOARD=$PWD/board"
        "KITH_FAULT=0.2 fsync $1 $1 $2 $3")
    start_receiving "${@:4}"
    exec 8>&-
    eventually is_hit
}

# holds CALL OPTION...: it does not return before let_go is called.
holds() {
    faulty "$1" held "${limit}000" "${@:2}"
}

let_go() {
    dd if=/dev/zero of=board bs=4 count=1 conv=notrunc status=none
}

is_hit() {
    [ "$(od -A n -N 4 -t u4 board)" -gt 0 ]
}

@test "the sender hears of it once the file has its name and is on the disk, and not before" {
    holds 1 # its content, before it has a name
    on_disk 0
    kill -0 "$dialer"
    let_go
    ends "$dialer" 0
    on_disk 1
    ends "$listener" 0
    holds 2 # the folder, and so the name
    on_disk 1
    kill -0 "$dialer"
    let_go
    ends "$dialer" 0
    ends "$listener" 0
    for call in 1 2; do
        faulty "$call" fail 5 # EIO
        ends "$listener" 1
        ends "$dialer" 8
        on_disk 0
        grep -q 'new/file: cannot write: Input/output error' bob.err
    done
}

@test "what has replaced another, and whose name is not to be put on the disk, is said to be whole and there" {
    echo before >before
    for call in 1 2 3; do # the content, the rights, the folder
        faulty "$call" fail 5 --force
        ends "$listener" 1
        ends "$dialer" 8
        on_disk 1
        grep -q 'new/file: cannot write: Input/output error' bob.err
        if [ "$call" = 3 ]; then
            [ "$(cat new/file)" = part ]
            grep -q 'new/file: is whole, and in its place' bob.err
        else
            [ "$(cat new/file)" = before ]
            run ! grep -q 'is whole' bob.err
        fi
    done
}

# ended_while_held CALL OPTION...: listen is ended while that call is held, and both sides say so.
ended_while_held() {
    holds "$@"
    eventually find_filer "$listener"
    kill -INT "$listener"
    ends "$listener" 130
    let_go
    ends "$dialer" 8
    eventually is_gone "$filer"
    on_disk 0
}

@test "who is told that it failed while it is being put on the disk: it is not there" {
    needs_to_see_descriptors
    ended_while_held 1
    ended_while_held 1 --force
}

@test "who is told that it failed while its name is being put on the disk: it is not there" {
    needs_to_see_descriptors
    ended_while_held 2
}

# is_gone PID: it is not there, or waits for nothing but to be looked at.
is_gone() {
    [ -z "$(tr -d '\0' 2>/dev/null <"/proc/$1/cmdline")" ]
}

@test "it is received without HOME, a standard descriptor, or much room for files" {
    random_file alice.in 100000
    rm -f ready
    mkfifo ready
    env -u HOME KITH_DIR="$PWD/bob" prlimit --nofile=24 "$KITH" listen --recv-only -o file --ready-fd 9 \
        127.0.0.1:0 9>ready 0<&- 1>&- 2>&- 3>&- &
    listener=$!
    also_started "$listener"
    read -r -t "$limit" address <ready
    dial <alice.in
    ends "$listener" 0
    cmp alice.in file
}

@test "--progress shows how much has come" {
    random_file alice.in 100000
    receives --progress -o file
    grep -q '97\.66 KiB' bob.err
}
