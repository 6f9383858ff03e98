/*
 * How a program is found by its words. Whether its file is there, before it is needed: a name may
 * be mistyped. It may come or go until then, so what is said here forbids nothing.
 */
#ifndef KITH_PROGRAM_FILE_H
#define KITH_PROGRAM_FILE_H

/* For a name with a blank in it, that is not there. */
#define PROGRAM_LINE_HINT "its arguments are words of their own; a line for the shell: sh -c 'LINE'"

/*
 * Why a program of this name could not be executed now, by its path or in PATH; NULL if it could,
 * or if there is no PATH to look in.
 */
const char *program_file_obstacle(const char *name);

/* The same of a command line for sh, if its first word is plainly a path; else NULL. */
const char *program_line_obstacle(const char *line);

/* The words that have a shell run a command line, and NULL after them. */
#define PROGRAM_LINE_WORDS 4
void program_line_words(char *words[static PROGRAM_LINE_WORDS], char *line);

#endif
