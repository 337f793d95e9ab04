/* How processes end, and how a guest ends them. */

#include "tests.h"

static bool exited(const cp_status *status, uint32_t code) {
    return status->termination == CP_EXITED && status->code == code && status->signal == 0 &&
           status->ended_by == CP_BY_ITSELF && status->limit == CP_LIMIT_NONE;
}

static bool ended_by_guest(const cp_status *status, int signal) {
    return status->termination == CP_SIGNALED && status->signal == signal && status->code == 0 &&
           status->ended_by == CP_BY_GUEST && status->limit == CP_LIMIT_NONE;
}

/* A process that says when it is there and goes on until it is ended. */
static cp_process *there(const char *first) {
    char script[128];
    snprintf(script, sizeof(script), "%s; echo there; while :; do sleep 1000; done", first);
    cp_process *process = shell_with("o", script);
    char line[8];
    CHECK(cp_read(process, CP_STDOUT, line, sizeof(line)) == 6 && memcmp(line, "there\n", 6) == 0);
    return process;
}

void exit_codes_round_trip(void) {
    for (uint32_t code = 0; code <= 255; code++) {
        char script[16];
        snprintf(script, sizeof(script), "exit %u", (unsigned)code);
        cp_process *process = shell_with("", script);
        cp_status status;
        CHECK(cp_wait(process, &status) == 0);
        CHECK(exited(&status, code) && cp_success(&status) == (code == 0));
        cp_free(process);
    }
}

void signals_are_told_from_codes(void) {
    cp_process *process = shell_with("", "exit 137");
    cp_status status;
    CHECK(cp_wait(process, &status) == 0 && exited(&status, 137));
    char text[64];
    CHECK(cp_status_text(&status, text, sizeof(text)) == strlen("exited with 137") &&
          strcmp(text, "exited with 137") == 0);
    cp_free(process);

    process = shell_with("", "kill -KILL $$");
    CHECK(cp_wait(process, &status) == 0);
    CHECK(status.termination == CP_SIGNALED && status.signal == CP_SIGKILL && status.ended_by == CP_BY_ITSELF);
    CHECK(!cp_success(&status) && strcmp(cp_signal_name(status.signal), "SIGKILL") == 0);
    CHECK(cp_status_text(&status, text, 6) == strlen("ended by SIGKILL") && strcmp(text, "ended") == 0);
    cp_free(process);
}

void wait_answers_the_same(void) {
    cp_process *process = shell_with("i", "read line; exit 3");
    cp_status status;
    CHECK(cp_try_wait(process, &status) == 0);
    CHECK(cp_close(process, CP_STDIN) == 0);
    for (int i = 0; i < 3; i++) {
        CHECK(cp_wait(process, &status) == 0 && exited(&status, 3));
        CHECK(cp_try_wait(process, &status) == 1 && exited(&status, 3));
    }
    CHECK(cp_wait(process, NULL) == 0 && cp_try_wait(process, NULL) == 1);
    cp_free(process);
}

void wait_with_a_time(void) {
    cp_process *process = shell_with("i", "read line; exit 4");
    cp_status status;
    CHECK(cp_wait_timeout(process, 0, &status) == 0);
    CHECK(cp_wait_timeout(process, CP_MILLISECONDS(1), &status) == 0);
    CHECK(cp_close(process, CP_STDIN) == 0);
    CHECK(cp_wait_timeout(process, CP_UNSET, &status) == 1 && exited(&status, 4));
    CHECK(cp_wait_timeout(process, CP_SECONDS(1000), &status) == 1 && exited(&status, 4));
    cp_free(process);
}

void kill_terminate_and_stop(void) {
    cp_status status;
    char text[64];
    cp_process *process = there("true");
    CHECK(cp_kill(process) == 0 && cp_wait(process, &status) == 0 && ended_by_guest(&status, CP_SIGKILL));
    cp_status_text(&status, text, sizeof(text));
    CHECK(strcmp(text, "ended by SIGKILL (sent by the guest)") == 0);
    cp_free(process);

    process = there("true");
    CHECK(cp_terminate(process) == 0 && cp_wait(process, &status) == 0 && ended_by_guest(&status, CP_SIGTERM));
    cp_free(process);

    cp_stopped_by by;
    process = there("true");
    CHECK(cp_stop(process, CP_SECONDS(1000), &by, &status) == 0);
    CHECK(by == CP_STOPPED_BY_TERMINATE && ended_by_guest(&status, CP_SIGTERM));
    CHECK(cp_stop(process, CP_SECONDS(1000), &by, &status) == 0);
    CHECK(by == CP_STOPPED_BEFORE && ended_by_guest(&status, CP_SIGTERM));
    cp_free(process);

    process = there("trap '' TERM");
    CHECK(cp_stop(process, CP_MILLISECONDS(10), &by, &status) == 0);
    CHECK(by == CP_STOPPED_BY_KILL && ended_by_guest(&status, CP_SIGKILL));
    cp_free(process);

    process = there("true");
    CHECK(cp_stop(process, CP_SECONDS(1000), NULL, NULL) == 0);
    cp_free(process);
}

void signals_after_the_end(void) {
    cp_process *process = shell_with("", "true");
    CHECK(cp_wait(process, NULL) == 0);
    CHECK(cp_terminate(process) == 0);
    CHECK(cp_kill(process) == 0);
    CHECK(cp_signal(process, CP_SIGTERM) == -1);
    CHECK_ERROR(CP_ERROR_NO_SUCH_PROCESS, ESRCH, "");
    cp_free(process);
}

void signals_that_are_sent(void) {
    /* The shell takes a signal at once while it waits, which it does until then. */
    cp_process *waiting = shell_with("o", "trap 'echo usr1; exit 5' USR1; sleep 1000 >/dev/null & echo there; wait");
    char line[8];
    CHECK(cp_read(waiting, CP_STDOUT, line, sizeof(line)) == 6);
    CHECK(cp_signal(waiting, CP_SIGUSR1) == 0);
    CHECK(strcmp(read_all(waiting, CP_STDOUT), "usr1\n") == 0);
    cp_status status;
    CHECK(cp_wait(waiting, &status) == 0 && exited(&status, 5));
    cp_free(waiting);

    cp_process *process = there("true");
    CHECK(cp_signal(process, CP_SIGSTOP) == 0);
    CHECK(cp_try_wait(process, &status) == 0);
    CHECK(cp_signal(process, CP_SIGRTMIN + 3) == 0);
    CHECK(cp_signal(process, CP_SIGCONT) == 0);
    CHECK(cp_wait(process, &status) == 0 && ended_by_guest(&status, CP_SIGRTMIN + 3));
    char text[64];
    cp_status_text(&status, text, sizeof(text));
    CHECK(strcmp(text, "ended by SIGRTMIN+3 (sent by the guest)") == 0);
    CHECK(strcmp(cp_signal_name(status.signal), "SIGRTMIN") == 0);
    cp_free(process);

    process = there("true");
    const int none[] = {-1, 0, CP_SIGUNNAMED + 1, CP_SIGRTMIN + 256};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        CHECK(cp_signal(process, none[i]) == -1);
        CHECK_ERROR(CP_ERROR_INVALID_ARGUMENT, EINVAL, "signal");
        CHECK(strcmp(cp_signal_name(none[i]), "") == 0);
    }
    CHECK(cp_signal(process, CP_SIGUNNAMED) == -1);
    CHECK_ERROR(CP_ERROR_UNSUPPORTED, ENOTSUP, "signal");
    cp_free(process);

    /* The policy allows this one no signal. */
    cp_command *command = cp_command_new("single");
    cp_command_stdio(command, CP_STDIN, CP_PIPE);
    process = started(command);
    CHECK(cp_signal(process, CP_SIGTERM) == -1);
    CHECK_ERROR(CP_ERROR_REFUSED, EACCES, "signal");
    CHECK(cp_terminate(process) == -1);
    CHECK_ERROR(CP_ERROR_REFUSED, EACCES, "signal");
    cp_free(process);
}

void limits_are_named(void) {
    cp_command *command = shell("while :; do sleep 1000; done");
    CHECK(cp_command_timeout(command, CP_MILLISECONDS(10)) == 0);
    cp_process *process = started(command);
    cp_status status;
    CHECK(cp_wait(process, &status) == 0);
    CHECK(status.ended_by == CP_BY_LIMIT && status.limit == CP_LIMIT_WALL_TIME && status.signal == CP_SIGKILL);
    char text[64];
    cp_status_text(&status, text, sizeof(text));
    CHECK(strcmp(text, "ended by SIGKILL (limit: wall-time)") == 0);
    cp_free(process);

    command = shell("while :; do echo more; done");
    CHECK(cp_command_output_limit(command, 1000) == 0);
    cp_output output;
    CHECK(cp_run(command, NULL, 0, NULL, &output) == 0);
    CHECK(output.status.ended_by == CP_BY_LIMIT && output.status.limit == CP_LIMIT_OUTPUT && !output.complete);
    CHECK(output.out.size <= 1000);
    cp_output_free(&output);
    cp_command_free(command);
}

void usage_after_the_end(void) {
    cp_process *process = shell_with("i", "read line; i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done");
    cp_resources used;
    CHECK(cp_usage(process, &used) == 0);
    CHECK(cp_close(process, CP_STDIN) == 0);
    CHECK(cp_wait(process, NULL) == 0);
    CHECK(cp_usage(process, &used) == 1);
    CHECK(used.user_time + used.system_time > 0);
    CHECK(used.has_peak_memory == (used.peak_memory > 0));
    cp_free(process);
}
