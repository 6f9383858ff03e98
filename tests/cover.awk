# Makes a table of what gcov says about the files of src: "File 'NAME'" and the line after it.

/^File / {
    file = $2
    gsub(/'/, "", file)
}

/^Lines executed:/ && file ~ /^src\/.*\.c$/ {
    split($0, part, /[:% ]+/)
    covered = part[3] * part[5] / 100
    printf "%6.1f%%  of %4d  %s\n", part[3], part[5], file
    all += part[5]
    all_covered += covered
    file = ""
}

END {
    if (all == 0) {
        print "gcov found nothing" > "/dev/stderr"
        exit 1
    }
    printf "%6.1f%%  of %4d  all\n", 100 * all_covered / all, all
}
