/*
 * Prints the lines of its standard input, or of a file, sorted by the program `sort`, without empty lines and comments.
 *
 *     sort-filter [OPTION OF SORT]... [FILE]
 *
 * The lines pass through this program on their way to sort, and sort prints them itself: no line waits here, however
 * many there are.
 */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "childproof.h"

/* A line, or the part of one that fits in here. */
#define LINE_SIZE 4096

/* Whether a line begins here that is to be sorted. */
static bool is_wanted(const char *line) {
    line += strspn(line, " \t");
    return *line != '\n' && *line != '\0' && *line != '#';
}

/* Writes the lines that are wanted to the process. 0, or -1 with the reason on stderr. */
static int feed(FILE *lines, cp_process *sort) {
    char line[LINE_SIZE];
    bool is_start = true;
    bool is_kept = false;
    while (fgets(line, sizeof(line), lines) != NULL) {
        size_t length = strlen(line);
        if (is_start) {
            is_kept = is_wanted(line);
        }
        is_start = length > 0 && line[length - 1] == '\n';
        if (is_kept && cp_write(sort, line, length) < 0) {
            cp_perror("sort-filter: sort");
            return -1;
        }
    }
    if (ferror(lines)) {
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
