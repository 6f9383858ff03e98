# Says where --help or kith(1) gives another default than the code, or none, or another unit. Reads
# command_line.c and the daemons (what it is), options.h (names for it), option_table.c (which option
# has which field, and --help), and last kith.1.

# The numbers of a text, each as milliseconds, bytes or what it counts, in order; "never" is one.
function numbers(text,    tokens, count, i, j, n, unit, list, found, held)
{
    gsub(/-[0-9]+|not 0/, "", text) # none, and what none may be
    count = split(text, tokens, /[^0-9A-Za-z_]+/)
    n = 0
    for (i = 1; i <= count; i++) {
        if (tokens[i] ~ /^[0-9]+(ms|s|m|h|K|M|G)?$/) {
            unit = tokens[i]
            sub(/^[0-9]+/, "", unit)
            found[++n] = (tokens[i] + 0) * (unit == "" ? 1 : size[unit])
        } else if (tokens[i] == "never" || tokens[i] == "NEVER_MS") {
            found[++n] = "never"
        }
    }
    for (i = 2; i <= n; i++) {
        for (j = i; j > 1 && found[j - 1] > found[j]; j--) {
            held = found[j]
            found[j] = found[j - 1]
            found[j - 1] = held
        }
    }
    for (i = 1; i <= n; i++) {
        list = list " " found[i]
    }
    return list
}

function compare(option, where, given, is)
{
    if (given != is) {
        print "--" option ": the default in " where " is" (given == "" ? " not given" : given) \
            ", in the code" (is == "" ? " there is none" : is)
    }
}

BEGIN {
    size["ms"] = 1
    size["s"] = 1000
    size["m"] = 60000
    size["h"] = 3600000
    size["K"] = 1024
    size["M"] = 1024 * 1024
    size["G"] = 1024 * 1024 * 1024
}

/^#define [A-Z_]+ \(?[0-9]+u? << [0-9]+\)?$/ {
    match($0, /[0-9]+u? << /)
    macro[$2] = (substr($0, RSTART) + 0) * 2 ^ substr($0, RSTART + RLENGTH)
}

FILENAME ~ /command_line\.c$/ && /^        \.[a-z_]+ = .*,$/ {
    value = $0
    sub(/^[^=]*= /, "", value)
    sub(/,$/, "", value)
    of_field[substr($1, 2)] = value in macro ? macro[value] : value
}

FILENAME ~ /(serve|forward)\.c$/ && /^ *terms\.pending = [0-9]+;$/ {
    of_field["max_pending"] = of_field["max_pending"] " " $3
}

# An entry may go on in the next line.
FILENAME ~ /option_table\.c$/ {
    entry = /^    \{/ ? $0 : entry $0
    if (/FIELD\([a-z_]+\)\},$/) {
        split(entry, part, "\"")
        option = part[2]
        help = match(entry, /\([^()]*\)",/) ? substr(entry, RSTART, RLENGTH) : ""
        match(entry, /FIELD\([a-z_]+/)
        is[option] = numbers(of_field[substr(entry, RSTART + 6, RLENGTH - 6)])
        compare(option, "--help", numbers(help), is[option])
        compared += is[option] != ""
    }
}

FILENAME ~ /kith\.1$/ && /^\.(It|El|S[hs])/ {
    inside = ""
    if (match($0, /Fl -[a-z-]+/)) {
        inside = substr($0, RSTART + 4, RLENGTH - 4)
    }
    says = 0
}

FILENAME ~ /kith\.1$/ && inside != "" {
    says = says || /^Default: /
    if (says) {
        manual[inside] = manual[inside] " " $0
    }
    says = says && !/\.$/
}

END {
    for (option in is) {
        compare(option, "kith.1", numbers(manual[option]), is[option])
    }
    if (compared < 10) {
        print "only " compared + 0 " defaults were found in the code"
    }
}
