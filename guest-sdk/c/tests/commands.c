/* What a process is started with, and what is refused. */

#include "tests.h"

void arguments_arrive(void) {
    cp_command *command = shell("for word; do printf '[%s]' \"$word\"; done");
    const char *const words[] = {"sh", "two words", "", "a\nb", "'\"\\$x", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x8c\xb3",
                                 NULL};
    CHECK(cp_command_args(command, words) == 0);
    check_run(command, "[two words][][a\nb]['\"\\$x][\xc3\xa4\xe2\x82\xac\xf0\x9f\x8c\xb3]");
}

void argv0_where_it_is_allowed(void) {
    cp_command *command = cp_command_new("renamed");
    CHECK(cp_command_argv0(command, "other") == 0);
    CHECK(cp_command_arg(command, "-c") == 0 && cp_command_arg(command, "echo $0") == 0);
    check_run(command, "other\n");

    command = shell("echo $0");
    CHECK(cp_command_argv0(command, "other") == 0);
    CHECK(cp_spawn(command) == NULL);
    CHECK_ERROR(CP_ERROR_REFUSED, EACCES, "argv0");
    cp_command_free(command);
}

void the_environment(void) {
    cp_command *command = shell("echo \"$A-$B-$PATH_OF_GUEST\"");
    CHECK(cp_command_env(command, "A", "0") == 0);
    CHECK(cp_command_clear_env(command) == 0);
    CHECK(cp_command_env(command, "B", "1") == 0);
    CHECK(cp_command_env(command, "B", "2 = 2") == 0);
    check_run(command, "-2 = 2-\n");

    const char *const wrong[][2] = {{"A=B", "env A=B"}, {"", "env "}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        command = shell("true");
        CHECK(cp_command_env(command, wrong[i][0], "x") == 0);
        CHECK(cp_spawn(command) == NULL);
        CHECK(cp_last_error()->code == CP_ERROR_INVALID_ARGUMENT && errno == EINVAL);
        CHECK(strncmp(cp_last_error()->field, "env", 3) == 0);
        cp_command_free(command);
    }

    command = shell("true");
    CHECK(cp_command_env(command, "LD_PRELOAD", "x.so") == 0);
    CHECK(cp_spawn(command) == NULL);
    CHECK_ERROR(CP_ERROR_REFUSED, EACCES, "env LD_PRELOAD");
    cp_command_free(command);
}

void the_working_directory(void) {
    check_run(shell("mkdir -p /data/sub/deeper && echo file >/data/file"), "");

    const char *const places[][2] = {
        {"/data", "/data\n"},
        {"/data/", "/data\n"},
        {"//data/./sub//", "/data/sub\n"},
        {"/data/sub/deeper", "/data/sub/deeper\n"},
        {"/data/sub/../sub", "/data/sub\n"},
        {"data/sub", "/data/sub\n"},
    };
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        cp_command *command = shell("pwd");
        CHECK(cp_command_cwd(command, places[i][0]) == 0);
        check_run(command, places[i][1]);
    }

    const struct {
        const char *path;
        cp_error_code code;
        int number;
    } missing[] = {
        {"/data/nowhere", CP_ERROR_DIRECTORY_NOT_FOUND, ENOENT},
        {"/data/file", CP_ERROR_NOT_A_DIRECTORY, ENOTDIR},
    };
    for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
        cp_command *command = shell("pwd");
        CHECK(cp_command_cwd(command, missing[i].path) == 0);
        CHECK(cp_spawn(command) == NULL);
        CHECK_ERROR(missing[i].code, missing[i].number, "");
        cp_command_free(command);
    }

    cp_command *command = shell("pwd");
    CHECK(cp_command_cwd(command, "/data/../..") == 0);
    CHECK(cp_spawn(command) == NULL);
    CHECK(errno == EACCES || errno == ENOENT);
    cp_command_free(command);

    const char *const outside[] = {"/etc", "/database", "", "/data/\xff"};
    for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
        command = shell("pwd");
        CHECK(cp_command_cwd(command, outside[i]) == -1);
        CHECK_ERROR(CP_ERROR_INVALID_ARGUMENT, EINVAL, "cwd");
        cp_command_free(command);
    }
}

void what_is_refused_is_named(void) {
    CHECK(cp_last_error()->code == CP_ERROR_NONE && cp_last_error()->number == 0);
    CHECK(strcmp(cp_error_name(CP_ERROR_NONE), "none") == 0 && strcmp(cp_error_name(CP_ERROR_LOCAL), "local") == 0);

    cp_command *command = cp_command_new("no-such-grant");
    CHECK(cp_spawn(command) == NULL);
    CHECK_ERROR(CP_ERROR_UNKNOWN_GRANT, ENOENT, "");
    CHECK(strstr(cp_last_error()->text, "no-such-grant") != NULL);
    cp_command_free(command);

    command = cp_command_new("picky");
    CHECK(cp_command_arg(command, "hello") == 0);
    CHECK(cp_command_arg(command, "there") == 0);
    CHECK(cp_spawn(command) == NULL);
    CHECK_ERROR(CP_ERROR_REFUSED, EACCES, "args[1]");
    CHECK(strstr(cp_last_error()->text, "args[1] was refused: ") == cp_last_error()->text);
    CHECK(strstr(cp_last_error()->text, cp_last_error()->message) != NULL && *cp_last_error()->message != '\0');
    /* The test that runs this looks for them. */
    cp_perror("echo");
    cp_perror(NULL);
    cp_command_free(command);

    command = cp_command_new("picky");
    CHECK(cp_command_arg(command, "hello") == 0);
    check_run(command, "hello\n");
}

void what_is_invalid_is_named(void) {
    const char *const wrong[] = {
        "\x80",
        "\xff",
        "\xc0\xaf",
        "\xc3",
        "\xe2\x82",
        "\xe0\x80\x80",
        "\xed\xa0\x80",
        "\xf4\x90\x80\x80",
        "\xf0\x80\x80\x80",
        "a\xf8",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        cp_command *command = cp_command_new("sh");
        CHECK(cp_command_arg(command, "-c") == 0);
        CHECK(cp_command_arg(command, wrong[i]) == -1);
        CHECK_ERROR(CP_ERROR_INVALID_ARGUMENT, EINVAL, "args[1]");
        cp_command_free(command);
    }
    cp_command *command = cp_command_new("sh");
    CHECK(cp_command_env(command, "A", "\xff") == -1);
    CHECK_ERROR(CP_ERROR_INVALID_ARGUMENT, EINVAL, "env A");
    CHECK(cp_command_env(command, "\xff", "A") == -1);
    CHECK_ERROR(CP_ERROR_INVALID_ARGUMENT, EINVAL, "env");
    CHECK(cp_command_argv0(command, "\xff") == -1);
    CHECK_ERROR(CP_ERROR_INVALID_ARGUMENT, EINVAL, "argv0");
    CHECK(cp_command_arg(command, NULL) == -1);
    CHECK_ERROR(CP_ERROR_INVALID_ARGUMENT, EINVAL, "args[0]");
    CHECK(cp_command_stdio(command, CP_STDIN, CP_TO_STDOUT) == -1);
    CHECK_ERROR(CP_ERROR_INVALID_ARGUMENT, EINVAL, "stdin");
    CHECK(cp_command_stdio(command, (cp_stream)3, CP_PIPE) == -1);
    CHECK_ERROR(CP_ERROR_INVALID_ARGUMENT, EINVAL, "stream");
    cp_command_free(command);

    CHECK(cp_command_arg(NULL, "x") == -1 && errno == ENOMEM);
    CHECK(cp_spawn(NULL) == NULL && errno == ENOMEM);
    cp_command_free(NULL);
    cp_free(NULL);
}

void the_first_mistake_is_remembered(void) {
    cp_command *command = cp_command_new("sh");
    cp_command_arg(command, "-c");
    cp_command_arg(command, "\xff");
    cp_command_cwd(command, "/nowhere");
    cp_command_arg(command, "fine");
    errno = 0;
    CHECK(cp_spawn(command) == NULL);
    CHECK_ERROR(CP_ERROR_INVALID_ARGUMENT, EINVAL, "args[1]");
    CHECK(cp_spawn(command) == NULL);
    CHECK_ERROR(CP_ERROR_INVALID_ARGUMENT, EINVAL, "args[1]");
    cp_command_free(command);

    command = cp_command_new("\xff");
    CHECK(command != NULL && cp_spawn(command) == NULL);
    CHECK_ERROR(CP_ERROR_INVALID_ARGUMENT, EINVAL, "program");
    cp_command_free(command);
}

void a_command_serves_more_than_once(void) {
    cp_command *command = shell("cat; echo done");
    const char *const inputs[] = {"a", NULL, "", "b"};
    for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
        cp_output output;
        CHECK(cp_run(command, inputs[i], inputs[i] != NULL ? strlen(inputs[i]) : 0, NULL, &output) == 0);
        char expected[16];
        snprintf(expected, sizeof(expected), "%sdone\n", inputs[i] != NULL ? inputs[i] : "");
        CHECK(WROTE(output.out, expected) && WROTE(output.err, ""));
        cp_output_free(&output);
    }
    cp_process *first = cp_spawn(command);
    cp_process *second = cp_spawn(command);
    CHECK(first != NULL && second != NULL && cp_id(first) != cp_id(second));
    cp_command_free(command);
    cp_free(first);
    cp_free(second);
}

void quotas_are_named(void) {
    cp_command *command = cp_command_new("single");
    cp_command_stdio(command, CP_STDIN, CP_PIPE);
    cp_process *process = cp_spawn(command);
    CHECK(process != NULL);
    CHECK(cp_spawn(command) == NULL);
    CHECK_ERROR(CP_ERROR_QUOTA_EXCEEDED, EDQUOT, "");
    CHECK(cp_last_error()->quota == CP_QUOTA_LIVE_PROCESSES);
    CHECK(strstr(cp_last_error()->text, "live-processes") != NULL);
    CHECK(cp_close(process, CP_STDIN) == 0);
    CHECK(cp_wait(process, NULL) == 0);
    cp_process *next = cp_spawn(command);
    CHECK(next != NULL);
    cp_free(next);
    cp_free(process);
    cp_command_free(command);
}
