/*
 * Prints the lines of its standard input, or of a file, sorted by the program `sort`, without empty lines and comments.
 *
 *     sort-filter [OPTION OF SORT]... [FILE]
 *
 * The lines pass through this program on their way to sort, one at a time, and sort prints them itself: no more than
 * the longest of them is ever here, however many there are.
 */

/* For getline. */
#define _POSIX_C_SOURCE 200809L

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#include "childproof.h"

/* Whether a line is to be sorted: it may hold any bytes, a NUL as well as others. */
static bool is_wanted(const char *line, size_t length) {
    size_t first = 0;
    while (first < length && (line[first] == ' ' || line[first] == '\t')) {
        first++;
    }
    return first < length && line[first] != '\n' && line[first] != '#';
}

/* Writes the lines that are wanted to the process. 0, or -1 with the reason on stderr. */
static int feed(FILE *lines, cp_process *sort) {
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    while ((length = getline(&line, &room, lines)) >= 0) {
        if (is_wanted(line, (size_t)length) && cp_write(sort, line, (size_t)length) < 0) {
            cp_perror("sort-filter: sort");
            free(line);
            return -1;
        }
    }
    free(line);
    /* Also where there is no memory for a line. */
    if (!feof(lines)) {
        perror("sort-filter");
        return -1;
    }
    /* Its end of file: now it begins to print. */
    return cp_close(sort, CP_STDIN);
}

int main(int argc, char *argv[]) {
    cp_command *command = cp_command_new("sort");
    int next = 1;
    for (; next < argc && argv[next][0] == '-'; next++) {
        cp_command_arg(command, argv[next]);
    }
    cp_command_stdio(command, CP_STDIN, CP_PIPE);
    cp_command_stdio(command, CP_STDOUT, CP_INHERIT);
    cp_command_stdio(command, CP_STDERR, CP_INHERIT);

    FILE *lines = stdin;
    if (next < argc) {
        lines = fopen(argv[next], "r");
        if (lines == NULL) {
            perror(argv[next]);
            return EXIT_FAILURE;
        }
    }
    cp_process *sort = cp_spawn(command);
    cp_command_free(command);
    if (sort == NULL) {
        cp_perror("sort-filter");
        return EXIT_FAILURE;
    }
    cp_status status;
    bool is_done = feed(lines, sort) == 0;
    if (is_done && cp_wait(sort, &status) != 0) {
        cp_perror("sort-filter: sort");
        is_done = false;
    }
    /* If it could not be fed, this ends it. */
    cp_free(sort);
    if (is_done && !cp_success(&status)) {
        char how[64];
        cp_status_text(&status, how, sizeof(how));
        fprintf(stderr, "sort-filter: sort %s\n", how);
        is_done = false;
    }
    return is_done ? EXIT_SUCCESS : EXIT_FAILURE;
}
