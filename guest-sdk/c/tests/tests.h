/* What the tests share: checks that end the guest, and a table of them all. */
#ifndef TESTS_H
#define TESTS_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "childproof.h"

/* Ends the guest if it does not hold, with the place and the last error. */
#define CHECK(condition)                                                                                             \
    do {                                                                                                             \
        if (!(condition)) {                                                                                          \
            fprintf(stderr, "%s:%d: does not hold: %s (errno %d; last error: %s)\n", __FILE__, __LINE__, #condition, \
                    errno, cp_last_error()->text);                                                                   \
            exit(EXIT_FAILURE);                                                                                      \
        }                                                                                                            \
    } while (0)

/* Checks that the last error is this one. */
#define CHECK_ERROR(expected_code, expected_number, expected_field)                             \
    do {                                                                                        \
        int number_now = errno;                                                                 \
        CHECK(cp_last_error()->code == (expected_code));                                        \
        CHECK(number_now == (expected_number) && cp_last_error()->number == (expected_number)); \
        CHECK(strcmp(cp_last_error()->field, (expected_field)) == 0);                           \
        CHECK(*cp_last_error()->text != '\0');                                                  \
    } while (0)

/* Whether a process wrote this. */
#define WROTE(bytes, text) ((bytes).data != NULL && (bytes).size == strlen(text) && strcmp((bytes).data, (text)) == 0)

/* A command that has the shell run a script. */
static inline cp_command *shell(const char *script) {
    cp_command *command = cp_command_new("sh");
    cp_command_arg(command, "-c");
    cp_command_arg(command, script);
    return command;
}

/* Starts a command and frees it. */
static inline cp_process *started(cp_command *command) {
    cp_process *process = cp_spawn(command);
    CHECK(process != NULL);
    cp_command_free(command);
    return process;
}

/* The same of a shell with a pipe for each of the streams of which there is a letter: i, o, e. */
static inline cp_process *shell_with(const char *pipes, const char *script) {
    cp_command *command = shell(script);
    if (strchr(pipes, 'i') != NULL) {
        CHECK(cp_command_stdio(command, CP_STDIN, CP_PIPE) == 0);
    }
    if (strchr(pipes, 'o') != NULL) {
        CHECK(cp_command_stdio(command, CP_STDOUT, CP_PIPE) == 0);
    }
    if (strchr(pipes, 'e') != NULL) {
        CHECK(cp_command_stdio(command, CP_STDERR, CP_PIPE) == 0);
    }
    return started(command);
}

/* Reads what a stream has, to its end, as a string that lives until the next call. */
const char *read_all(cp_process *process, cp_stream stream);

/* Runs a shell that must succeed, and what it wrote must be this. */
void check_run(cp_command *command, const char *expected);

/* The tests, by file. */
#define TESTS(TEST)                             \
    /* commands.c */                            \
    TEST(arguments_arrive)                      \
    TEST(argv0_where_it_is_allowed)             \
    TEST(the_environment)                       \
    TEST(the_working_directory)                 \
    TEST(what_is_refused_is_named)              \
    TEST(what_is_invalid_is_named)              \
    TEST(the_first_mistake_is_remembered)       \
    TEST(a_command_serves_more_than_once)       \
    TEST(quotas_are_named)                      \
    /* ends.c */                                \
    TEST(exit_codes_round_trip)                 \
    TEST(signals_are_told_from_codes)           \
    TEST(wait_answers_the_same)                 \
    TEST(wait_with_a_time)                      \
    TEST(kill_terminate_and_stop)               \
    TEST(signals_after_the_end)                 \
    TEST(signals_that_are_sent)                 \
    TEST(limits_are_named)                      \
    TEST(usage_after_the_end)                   \
    /* collected.c */                           \
    TEST(communicate_feeds_and_reads)           \
    TEST(communicate_with_large_data)           \
    TEST(an_input_that_is_too_large)            \
    TEST(what_is_not_piped_is_null)             \
    TEST(communicate_goes_on_after_a_timeout)   \
    TEST(an_output_limit_keeps_what_was_read)   \
    TEST(communicate_and_streams_that_are_used) \
    TEST(run_does_it_all)                       \
    /* streams.c */                             \
    TEST(a_conversation)                        \
    TEST(a_broken_pipe)                         \
    TEST(polling)                               \
    TEST(polling_pumps)                         \
    TEST(streams_that_are_gone)                 \
    TEST(stderr_to_stdout)                      \
    TEST(inherited_streams)                     \
    TEST(a_pipeline)                            \
    TEST(a_process_that_was_not_started)        \
    TEST(a_pipeline_from_its_end)               \
    TEST(files)                                 \
    TEST(files_that_cannot_be_opened)           \
    TEST(nothing_is_left)

#define DECLARE(name) void name(void);
TESTS(DECLARE)
#undef DECLARE

/* For a host that answers one case of the interface each: see translate.c. */
int translate(int argc, char *argv[]);

#endif
