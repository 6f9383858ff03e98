# Completion for kith in fish. What there is, "kith --help" and "kith COMMAND --help" are asked when
# this is loaded, so that it is what this kith takes; the kith of PATH is asked, never one that only
# stands in the folder. What is in a peers file is never expanded.

function __kith_help
    command -q kith; and command kith $argv --help 2>/dev/null </dev/null
end

# __kith_options COMMAND: "LETTER;NAME;VALUE;HELP" for each option, with a dot for a letter that it
# has not, and without VALUE if it takes none; "[=json]" is one that it may have.
function __kith_options
    __kith_help $argv | sed -n 's/^      --/  -., --/
        s/\[=/ [=/; s/^  -\(.\), --\([a-z0-9-]*\) \([^ ]*\( \[ARG...]\)*\) *\(.*\)/\1;\2;\3;\5/p'
end

# __kith_arguments COMMAND: what its arguments are, in order; those that can be more come again.
function __kith_arguments
    __kith_help $argv | sed '1!d; s/.*\[options\] //; s/ *\[*--.*//; s/\[NAME=\]//
        s/\[\([A-Z]* [A-Z]*\)\.\.\.\]/\1 \1 \1 \1 \1 \1 \1/
        s/\([A-Z]*\)\.\.\./\1 \1 \1 \1 \1 \1 \1/; s/[][]//g' | string split ' '
end

# The names in the peers file, FILE or the one that kith takes without -a. As PEER one that has no
# address wants it after an @, which __kith_peers FILE PEER shows.
function __kith_peers
    set -l file $argv[1]
    set -l folder ~/.config/kith
    test -n "$XDG_CONFIG_HOME"; and set folder $XDG_CONFIG_HOME/kith
    test -n "$KITH_DIR"; and set folder $KITH_DIR
    test -n "$file"; or set file $KITH_PEERS
    test -n "$file"; or set file $folder/peers
    awk -v peer="$argv[2]" '{ sub(/\r$/, "") } NF > 1 && !/^[ \t]*#/ {
        print $NF (peer && tolower($0) !~ /(^|[ \t,])addr="/ ? "@" : "")
    }' (string replace -r '^~/' ~/ -- $file) 2>/dev/null
end

# What argparse wants to know of the options of a command.
function __kith_specs
    for option in (__kith_options $argv)
        set -l part (string split ';' $option)
        set -l takes ''
        test -z "$part[3]"; or set takes '=+'
        string match -q '[=*' -- $part[3]; and set takes '=?'
        string replace ./ '' $part[1]/$part[2]$takes
    end
end

# __kith_kind [KIND]: what can stand for it; without one, for the argument at the cursor.
function __kith_kind
    set -l kind $argv[1]
    set -l words (commandline -opc)[2..]
    # The empty word is what comes: without it argparse would miss the value of an option.
    argparse -i (__kith_specs $words[1]) -- $words[2..] '' 2>/dev/null; or return
    if test -z "$kind"
        set -l kinds (__kith_arguments $words[1])
        set kind $kinds[(count $argv)]
    end
    set -l peers $_flag_peers[-1]
    switch "$kind"
        case '*|*' '[=*'
            string trim -c '[=]' -- $kind | string split '|'
        case FILE
            __fish_complete_path (commandline -ct)
        case KEY # a file, or an agent's
            __fish_complete_path (commandline -ct)
            echo agent:
        case WHO
            __kith_peers "$peers"
            __fish_complete_suffix .pub
        case PEER
            __kith_peers "$peers" PEER
        case LOCAL TARGET
            string match -q '*/*' -- (commandline -ct); and __fish_complete_path (commandline -ct)
    end
end

# Whether what is before the cursor is a command, this one if it is named, and no program of its.
function __kith_is
    set -l words (commandline -opc)
    test "$words[2]" = "$argv"; and not contains -- --exec $words; and not contains -- --run $words
end

# What completes after --exec or --run is what would, were it typed alone.
function __kith_program
    set -l words (commandline -opc)
    for i in (seq 3 (count $words))
        if contains -- $words[$i] --exec --run
            set -l program (string escape -- $words[(math $i + 1)..]) (commandline -ct)
            complete -C (string join ' ' -- $program)
            return
        end
    end
end

# Of one command: what it takes.
function __kith_load
    set -l command $argv
    complete -c kith -n '__kith_is ""' -a $command \
        -d (__kith_help $command | sed '/^usage: \|^  /d; q')
    complete -c kith -n "__kith_is $command" -a '(__kith_kind)'
    for option in (__kith_options $command)
        set -l part (string split -m 3 ';' $option)
        set -l named -l $part[2] -d "$part[4]"
        test $part[1] = .; or set -a named -s $part[1]
        test $part[2] != identity; or set part[3] KEY
        test -z "$part[3]"; or set -a named -a "(__kith_kind '$part[3]')"
        string match -q '[=*' -- "$part[3]"; or test -z "$part[3]"; or set -a named -x
        complete -c kith -n "__kith_is $command" $named
    end
end

complete -c kith -f
complete -c kith -n '__kith_is ""' -l help -d 'show the commands'
complete -c kith -n '__kith_is ""' -l version -d 'show the version'
complete -c kith -n 'not __kith_is (commandline -opc)[2]' -a '(__kith_program)'
complete -c kith -n '__kith_is ""' -a help -d 'show the commands, or one of them'
complete -c kith -n '__kith_is ""' -a version -d 'show the version'
set -l commands (__kith_help | sed -n 's/^  kith \([a-z][a-z]*\) .*/\1/p' | uniq)
complete -c kith -n '__kith_is help; and test (count (commandline -opc)) -eq 2' -a "$commands"
for command in $commands
    contains -- $command help version; or __kith_load $command
end
